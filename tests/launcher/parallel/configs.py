"""A config to change key by key, without Hydra."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from launcher.config.schema import (
    CheckpointConfig,
    CleanConfig,
    Config,
    DatasetConfig,
    EngineConfig,
    SchedulerConfig,
    SplitConfig,
    StrategyConfig,
    TrackerConfig,
    TrainerConfig,
)
from launcher.parallel.devices import Devices

TWO_CORES = Devices(cpu_cores=2)
BASE = Config(
    run_id=None,
    init_from=None,
    model={},
    dataset=DatasetConfig(
        source={},
        kind="table",
        inputs=None,
        target=None,
        split=SplitConfig(method="ratio", validation=0.1, test=0.1, column=None, seed=0),
        clean=CleanConfig(undecodable="refuse", missing="drop", duplicates="drop", non_finite="drop"),
        normalize="none",
        tokenizer=None,
        vocab_size=None,
        sequence_length=None,
        packing=False,
        image_size=None,
        max_rows=None,
    ),
    task={},
    strategy=StrategyConfig(
        name="auto",
        pp=1,
        dp_replicate="auto",
        dp_shard=1,
        cp=1,
        tp=1,
        ep=1,
        reshard_after_forward="auto",
        cpu_offload=False,
        reduce_dtype="fp32",
        sequence_parallel=False,
        loss_parallel=False,
        pp_schedule="1f1b",
        pp_microbatches="auto",
        pp_split="layers",
        cp_method="all_gather",
        cp_load_balance=True,
        activation_checkpointing="none",
        checkpoint_every=1,
        zero_stage=None,
    ),
    optimizer={},
    scheduler=SchedulerConfig(name="constant", warmup_fraction=0.0, decay_fraction=0.0, final_fraction=0.0),
    trainer=TrainerConfig(
        max_steps=1,
        max_epochs=None,
        global_batch_size=32,
        micro_batch_size=None,
        precision="fp32",
        seed=0,
        compile=False,
        deterministic=False,
        gradient_clip_norm=None,
        on_non_finite="stop",
        spike_factor=None,
        max_skipped_steps=1,
        log_every_steps=1,
        eval_every_steps=None,
        eval_samples=None,
        profile=False,
    ),
    checkpoint=CheckpointConfig(
        every_steps=None,
        every_minutes=None,
        keep_last=2,
        keep_best=0,
        metric="loss",
        direction="min",
        keep_every_steps=None,
        async_=True,
    ),
    tracker=TrackerConfig(name="none", mode="offline", project="p", group=None, tags=[]),
    engine=EngineConfig(
        name="local",
        device="auto",
        num_processes="auto",
        max_restarts=0,
        min_processes=None,
        step_timeout_s=None,
        phase_timeout_s=None,
        grace_s=5.0,
    ),
)


def config(base: Config = BASE, **values: Any) -> Config:
    """The base config with other values of keys such as `trainer__global_batch_size`."""
    for name, value in values.items():
        section, key = name.split("__")
        base = replace(base, **{section: replace(getattr(base, section), **{key: value})})
    return base
