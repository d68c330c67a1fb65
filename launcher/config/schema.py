"""The typed shape of a config: one dataclass a group, limits beside each field.

Values are never defaulted here: defaults live in `conf/`, once. A field's metadata may hold `min`, `above`
(exclusive), `max` and `choices`; `validate.py` checks them and names the override to type.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Targeted = dict[str, Any]
"""A mapping with `_target_`, the dotted name of an importable class or function, and its arguments."""

KINDS = ("text", "table", "image")
LABELS = ("next_tokens", "masked_tokens", "classes", "values")
AXES = ("pp", "dp_replicate", "dp_shard", "cp", "tp")
"""Mesh axes whose sizes multiply to the number of processes, slowest first; `ep` lies inside dp_shard*cp."""
PIPELINE_SCHEDULES = (
    "gpipe",
    "1f1b",
    "looped_bfs",
    "interleaved_1f1b",
    "interleaved_zero_bubble",
    "zbv_zero_bubble",
    "dualpipev",
)


def limited(
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    choices: tuple[Any, ...] = (),
) -> Any:
    """A dataclass field with limits: `least` and `most` inclusive, `above` exclusive, or a list of choices."""
    limits = {"min": least, "above": above, "max": most, "choices": choices or None}
    return field(metadata={name: limit for name, limit in limits.items() if limit is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitConfig:
    """How rows are divided: by `ratio`, by the values of a `column`, or as the source `given` them."""

    method: str = limited(choices=("ratio", "column", "given"))
    validation: float = limited(least=0, most=1)
    test: float = limited(least=0, most=1)
    column: str | None
    seed: int = limited(least=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanConfig:
    """What happens to samples that can't be decoded, missing values, duplicate rows and non-finite numbers."""

    undecodable: str = limited(choices=("refuse", "skip"))
    missing: str = limited(choices=("drop", "impute", "refuse"))
    duplicates: str = limited(choices=("drop", "keep", "refuse"))
    non_finite: str = limited(choices=("drop", "impute", "refuse"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetConfig:
    """Where rows come from (`source`) and how they become fixed-size columns."""

    source: Targeted
    kind: str = limited(choices=KINDS)
    inputs: Any  # a column, a list of columns, or null for all that are neither target nor split
    target: Any  # a column, a list of columns (regression), or null where the task needs none
    split: SplitConfig
    clean: CleanConfig
    normalize: str = limited(choices=("standard", "minmax", "none"))
    tokenizer: str | None  # bytes, bpe, or the name or path of a tokenizer
    vocab_size: int | None = limited(least=257)  # of a trained bpe
    sequence_length: int | None = limited(least=2)  # tokens
    packing: bool  # documents joined and cut to length, or one document a row, padded
    image_size: int | None = limited(least=1)  # pixels a side
    max_rows: int | None = limited(least=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerConfig:
    """How long, how much at once, and how precisely."""

    max_steps: int | None = limited(least=1)
    max_epochs: int | None = limited(least=1)
    global_batch_size: int = limited(least=1)  # samples a step, over all processes
    micro_batch_size: int | None = limited(least=1)  # samples a process holds at once
    precision: str = limited(choices=("fp32", "bf16", "fp16"))
    seed: int = limited(least=0, most=2**32 - 1)
    compile: bool
    deterministic: bool
    gradient_clip_norm: float | None = limited(above=0)
    on_non_finite: str = limited(choices=("stop", "skip_batch", "rollback"))
    spike_factor: float | None = limited(above=1)  # times the usual loss, from which on a step is treated so too
    max_skipped_steps: int = limited(least=1)
    log_every_steps: int = limited(least=1)
    eval_every_steps: int | None = limited(least=1)
    eval_samples: int | None = limited(least=1)  # of the validation split while training; the last one sees all
    profile: bool  # record a trace of a few steps into the run directory


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyConfig:
    """Sizes of the mesh axes, one of which may be `auto`, and how each axis is used."""

    name: str
    pp: Any  # sizes: a number of processes or "auto"
    dp_replicate: Any
    dp_shard: Any
    cp: Any
    tp: Any
    ep: Any
    reshard_after_forward: Any  # true, false or "auto"
    cpu_offload: bool
    reduce_dtype: str = limited(choices=("fp32", "bf16"))
    sequence_parallel: bool
    loss_parallel: bool
    pp_schedule: str = limited(choices=PIPELINE_SCHEDULES)
    pp_microbatches: Any  # a number of micro batches a step or "auto"
    pp_split: str = limited(choices=("layers", "cost"))
    cp_method: str = limited(choices=("all_gather", "ulysses"))
    cp_load_balance: bool
    activation_checkpointing: str = limited(choices=("none", "full", "selective"))
    checkpoint_every: int = limited(least=1)  # blocks
    zero_stage: int | None = limited(least=1, most=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerConfig:
    """The learning rate as a fraction of `optimizer.lr` at each step."""

    name: str = limited(choices=("constant", "linear", "cosine", "warmup_stable_decay"))
    warmup_fraction: float = limited(least=0, most=1)  # of all steps
    decay_fraction: float = limited(least=0, most=1)  # of all steps; warmup_stable_decay only
    final_fraction: float = limited(least=0, most=1)  # of optimizer.lr at the end


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerConfig:
    """Where metrics go."""

    name: str = limited(choices=("wandb", "none"))
    mode: str = limited(choices=("offline", "online"))
    project: str
    group: str | None
    tags: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointConfig:
    """When checkpoints are taken, and which are kept; with neither steps nor minutes there are none."""

    every_steps: int | None = limited(least=1)
    every_minutes: float | None = limited(above=0)
    keep_last: int = limited(least=1)
    keep_best: int = limited(least=0)  # by the metric of the validation split; a checkpoint follows each evaluation
    metric: str
    direction: str = limited(choices=("min", "max"))
    keep_every_steps: int | None = limited(least=1)  # for good
    async_: bool

    @property
    def enabled(self) -> bool:
        """Whether there are checkpoints at all."""
        return self.every_steps is not None or self.every_minutes is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Where and how workers start, and what happens when they end too early."""

    name: str = limited(choices=("local",))
    device: str = limited(choices=("auto", "cpu", "cuda", "mps"))
    num_processes: Any  # "auto" or a number of processes
    max_restarts: int = limited(least=0)
    min_processes: int | None = limited(least=1)  # with fewer devices a restart goes on with so many or more
    step_timeout_s: Any  # "auto", seconds or null: how long a step may take before the workers are taken to hang
    phase_timeout_s: float | None = limited(above=0)  # the same for what is not a step
    grace_s: float = limited(above=0)  # between a signal and the end: time for a checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepConfig:
    """How a sweep chooses configs, and what its trials run on. It is no part of a run."""

    algorithm: str = limited(choices=("grid", "random", "tpe", "asha", "hyperband"))
    metric: Any  # a name or a list of names
    direction: Any  # min, max, or a list of one for each metric
    num_trials: int | None = limited(least=1)
    seed: int = limited(least=0, most=2**32 - 1)
    space: dict[str, Any]  # by dotted key
    slots: Any  # "auto", a number of devices, or a list of them
    trials_per_device: int = limited(least=1)
    min_evaluations: int = limited(least=1)
    reduction_factor: int = limited(least=2)
    max_failures: int | None = limited(least=1)
    max_trial_minutes: float | None = limited(above=0)
    max_grid_size: int = limited(least=1)

    @property
    def objectives(self) -> dict[str, str]:
        """The better end of each metric."""
        return dict(zip(self.metric, self.direction, strict=True))

    @property
    def prunes(self) -> bool:
        """Whether trials are compared before their end."""
        return self.algorithm in ("asha", "hyperband")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One run, whole. Targeted sections still hold `${data...}`, which preparation fills in."""

    run_id: str | None
    init_from: str | None  # a run or a directory of weights to begin with
    model: Targeted
    dataset: DatasetConfig
    task: Targeted
    strategy: StrategyConfig
    optimizer: Targeted
    scheduler: SchedulerConfig
    trainer: TrainerConfig
    checkpoint: CheckpointConfig
    tracker: TrackerConfig
    engine: EngineConfig
