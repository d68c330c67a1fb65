"""Sections that contradict each other: everything that the config alone shows."""

from __future__ import annotations

import re

from launcher.config.fit import check_fit
from launcher.config.groups import Groups
from launcher.config.nearest import listed, shown
from launcher.config.schema import AXES, Config
from launcher.errors import RequestError

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check(config: Config, groups: Groups) -> None:
    """Refuse sections that contradict each other.

    Raises:
        RequestError: what does not fit, with the override that would.
    """
    _check_run_id(config.run_id)
    _check_length(config)
    _check_batch(config)
    _check_processes(config)
    _check_device(config)
    _check_optimizer(config)
    _check_scheduler(config)
    _check_split(config)
    _check_columns(config, groups)
    _check_checkpoints(config)
    _check_faults(config)
    check_fit(config, groups)


def _check_run_id(run_id: str | None) -> None:
    if run_id is not None and _RUN_ID.fullmatch(run_id) is None:
        raise RequestError(
            f"run_id={run_id} must be up to 64 letters, digits, dots, underscores and hyphens, beginning with a "
            f"letter or digit; for example run_id={re.sub(r'[^A-Za-z0-9]+', '-', run_id).strip('-')[:64] or 'first'}"
        )


def _check_length(config: Config) -> None:
    if config.trainer.max_steps is None and config.trainer.max_epochs is None:
        raise RequestError(
            "trainer.max_steps and trainer.max_epochs are both null, so the run would never end; "
            "type trainer.max_steps=1000 or trainer.max_epochs=10 (with both, the first reached ends the run)"
        )


def _check_batch(config: Config) -> None:
    batch, micro = config.trainer.global_batch_size, config.trainer.micro_batch_size
    if micro is not None and batch % micro:
        divisor = max(n for n in range(1, micro + 1) if batch % n == 0)
        raise RequestError(
            f"trainer.micro_batch_size={micro} does not divide trainer.global_batch_size={batch}; "
            f"use trainer.micro_batch_size={divisor} or trainer.global_batch_size={-(-batch // micro) * micro}"
        )


def _check_processes(config: Config) -> None:
    strategy = config.strategy
    sizes = {f"strategy.{axis}": getattr(strategy, axis) for axis in (*AXES, "ep", "pp_microbatches")}
    for path, value in {**sizes, "engine.num_processes": config.engine.num_processes}.items():
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        if value != "auto" and not whole:
            raise RequestError(
                f"{path}={shown(value)} must be auto or a whole number of at least 1; for example {path}=2"
            )
    autos = [f"strategy.{axis}" for axis in AXES if getattr(strategy, axis) == "auto"]
    if len(autos) > 1:
        raise RequestError(
            f"{listed(autos, conjunction='and')} are both auto, but only one axis can take what is left of the "
            f"processes; use {autos[0]}=1"
        )
    if strategy.reshard_after_forward not in (True, False, "auto"):
        raise RequestError(
            f"strategy.reshard_after_forward={shown(strategy.reshard_after_forward)} must be true, false or auto"
        )


def _check_device(config: Config) -> None:
    if config.trainer.precision == "fp16" and config.engine.device == "cpu":
        raise RequestError(
            "trainer.precision=fp16 needs a GPU and engine.device=cpu has none; use trainer.precision=bf16 or fp32"
        )


def _check_optimizer(config: Config) -> None:
    rate = config.optimizer.get("lr")
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate < float("inf"):
        raise RequestError(f"optimizer.lr={shown(rate)} must be a number above 0; for example optimizer.lr=1e-3")


def _check_scheduler(config: Config) -> None:
    scheduler = config.scheduler
    if scheduler.name == "warmup_stable_decay" and scheduler.warmup_fraction + scheduler.decay_fraction > 1:
        raise RequestError(
            f"scheduler.warmup_fraction={scheduler.warmup_fraction} + scheduler.decay_fraction="
            f"{scheduler.decay_fraction} is more than all steps; use "
            f"scheduler.decay_fraction={1 - scheduler.warmup_fraction:g} or less"
        )


def _check_split(config: Config) -> None:
    split = config.dataset.split
    if split.method == "ratio" and split.validation + split.test >= 1:
        raise RequestError(
            f"dataset.split.validation={split.validation} + dataset.split.test={split.test} leaves nothing to "
            "train on; use dataset.split.validation=0.1 dataset.split.test=0.1"
        )
    if split.method == "column" and split.column is None:
        raise RequestError("dataset.split.method=column needs the column's name; type dataset.split.column=COLUMN")


def _check_columns(config: Config, groups: Groups) -> None:
    dataset, labels = config.dataset, config.task.get("_labels_")
    for path, value in (("dataset.inputs", dataset.inputs), ("dataset.target", dataset.target)):
        names = value if isinstance(value, list) else [value]
        if not all(isinstance(name, str) for name in names if name is not None) or (
            value is not None and None in names
        ):
            raise RequestError(f"{path}={shown(value)} must be a column, a list of columns or null")
    if labels == "classes" and isinstance(dataset.target, list) and len(dataset.target) != 1:
        raise RequestError(
            f"dataset.target={shown(dataset.target)}: {groups.chosen('task')} predicts one column; "
            f"use dataset.target={(dataset.target or ['COLUMN'])[0]} or task=regression"
        )
    if dataset.kind == "text":
        for name, example in (("tokenizer", "bytes"), ("sequence_length", 256)):
            if getattr(dataset, name) is None:
                raise RequestError(f"dataset.{name}=null, but text needs one; for example dataset.{name}={example}")
    if dataset.tokenizer == "bpe" and dataset.vocab_size is None:
        raise RequestError("dataset.tokenizer=bpe needs a size to train; for example dataset.vocab_size=2048")


def _check_checkpoints(config: Config) -> None:
    checkpoint, trainer = config.checkpoint, config.trainer
    if checkpoint.keep_best and checkpoint.enabled and trainer.eval_every_steps is None:
        raise RequestError(
            f"checkpoint.keep_best={checkpoint.keep_best} needs evaluations while training, and "
            "trainer.eval_every_steps is null; use trainer.eval_every_steps=100 or checkpoint.keep_best=0"
        )
    if trainer.precision == "fp16" and (trainer.on_non_finite != "stop" or trainer.spike_factor is not None):
        raise RequestError(
            "trainer.precision=fp16 skips steps that overflow by itself; use trainer.on_non_finite=stop and "
            "trainer.spike_factor=null, or trainer.precision=bf16"
        )
    if trainer.on_non_finite == "rollback" and config.strategy.zero_stage is not None:
        raise RequestError(
            f"trainer.on_non_finite=rollback goes back to a checkpoint, and strategy={config.strategy.name} takes "
            "none; use strategy=fsdp or trainer.on_non_finite=skip_batch"
        )
    if trainer.on_non_finite == "rollback" and not checkpoint.enabled:
        raise RequestError(
            "trainer.on_non_finite=rollback goes back to a checkpoint, and there are none; use "
            "checkpoint.every_steps=100 or trainer.on_non_finite=skip_batch"
        )


def _check_faults(config: Config) -> None:
    engine = config.engine
    timeout, least, asked = engine.step_timeout_s, engine.min_processes, engine.num_processes
    is_number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool) and 0 < timeout < float("inf")
    if timeout not in (None, "auto") and not is_number:
        raise RequestError(
            f"engine.step_timeout_s={shown(timeout)} must be seconds above 0, auto or null; for example "
            "engine.step_timeout_s=600"
        )
    if least is not None and isinstance(asked, int) and least > asked:
        raise RequestError(
            f"engine.min_processes={least} is more than engine.num_processes={asked}; use engine.min_processes={asked} "
            "or fewer"
        )
