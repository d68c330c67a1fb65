"""From a run directory to everything the step loop needs, in named phases."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from launcher import words
from launcher.config.compose import to_plain
from launcher.config.targets import build
from launcher.data.columns import Columns
from launcher.data.loader import Share, steps_per_epoch
from launcher.data.manifest import Manifest
from launcher.parallel.accelerator import host_group, make_accelerator
from launcher.parallel.deepspeed import make_plugin
from launcher.parallel.devices import peak_flops
from launcher.parallel.distribute import distribute
from launcher.training.checkpointer import Checkpointer
from launcher.training.flops import flops_per_sample
from launcher.training.meter import Meter
from launcher.training.optimizer import make_optimizer
from launcher.training.position import Position
from launcher.training.profiling import Profiler
from launcher.training.schedule import Schedule, make_schedule

if TYPE_CHECKING:
    import torch.distributed as dist
    from accelerate import Accelerator
    from torch.optim import Optimizer

    from launcher.config.schema import Config
    from launcher.parallel.plan import Plan
    from launcher.parallel.spread import Spread
    from launcher.runs import Run
    from launcher.tasks.task import Task
    from launcher.training.tracking import WandbTracker
    from launcher.training.vigil import Progress, Vigil


@dataclass(slots=True, kw_only=True)
class Assembly:
    """One worker, built: what the loop, evaluation and the end work with."""

    run: Run
    config: Config
    plan: Plan
    manifest: Manifest
    progress: Progress
    vigil: Vigil
    accelerator: Accelerator
    task: Task
    model: Spread
    optimizer: Optimizer
    base_lr: float
    schedule: Schedule
    share: Share
    evaluation_share: Share
    train_rows: Columns
    evaluation_rows: dict[str, Columns]
    num_steps: int
    meter: Meter
    profiler: Profiler
    control: dist.ProcessGroup | None  # for what processes agree on between steps
    checkpointer: Checkpointer | None = None
    position: Position = field(default_factory=Position)  # where this attempt began
    begun: float = field(default_factory=time.monotonic)

    @property
    def validation_rows(self) -> Columns | None:
        return self.evaluation_rows.get("validation")

    @property
    def skips_overflow(self) -> bool:
        """fp16 scales its loss and skips the steps that overflow: those are not failures."""
        return self.accelerator.scaler is not None

    @property
    def checks_every_step(self) -> bool:
        """Looking at a value is free on the CPU; on a GPU the loop would wait, so it looks at each report.

        A policy that skips steps must look at each on any device.
        """
        trainer = self.config.trainer
        needed = trainer.on_non_finite != "stop" or trainer.spike_factor is not None
        return (needed or self.accelerator.device.type == "cpu") and not self.skips_overflow

    def warn(self, message: str) -> None:
        """Report a warning."""
        self.report("warning", message=message)

    def wall_seconds(self) -> float:
        """Seconds of all attempts up to now."""
        return self.position.wall_seconds + time.monotonic() - self.begun

    def report(self, event: str, **values: Any) -> None:
        """Tell the parent, and this rank's log, once."""
        if self.accelerator.is_main_process:
            print(words.event(self.run.report(event, **values)), flush=True)


def assemble(run: Run, config: Config, plan: Plan, vigil: Vigil, trackers: list[WandbTracker]) -> Assembly:
    """Build the worker phase by phase; `vigil.progress.phase` names the one at hand."""
    begun, progress = time.monotonic(), vigil.progress
    trainer = config.trainer
    progress.phase = "joining the process group"
    set_determinism(trainer.deterministic)
    accelerator = make_accelerator(
        plan, precision=trainer.precision, trackers=list(trackers), plugin=make_plugin(config, plan)
    )
    progress.phase = "opening the data"
    manifest, rows = open_data(run)
    num_steps = count_steps(config, num_samples=len(rows["train"]))
    progress.phase = "building the task"
    task = build(config.task)
    progress.phase = "building the model"
    sequence_length = manifest.data.get("sequence_length")
    model = distribute(accelerator, lambda: build(config.model), config, plan, sequence_length=sequence_length)
    progress.phase = "building the optimizer"
    optimizer = model.take(make_optimizer(config.optimizer, model.parameters))
    if config.optimizer.get("fused") and not optimizer.defaults.get("fused"):
        model.notes.append("optimizer.fused=true is false here: torch has no such fused step for sharded parameters")
    progress.phase = "starting the tracker"
    accelerator.init_trackers(config.tracker.project, to_plain(run.config_path))
    share = make_share(plan, model, seed=trainer.seed)
    model.train()
    job = Assembly(
        run=run,
        config=config,
        plan=plan,
        manifest=manifest,
        progress=progress,
        vigil=vigil,
        accelerator=accelerator,
        task=task,
        model=model,
        optimizer=optimizer,
        base_lr=config.optimizer["lr"],
        schedule=make_schedule(config.scheduler, num_steps=num_steps),
        share=share,
        evaluation_share=share,
        train_rows=rows.pop("train"),
        evaluation_rows=rows,
        num_steps=num_steps,
        meter=make_meter(config, plan, manifest, accelerator.device, num_steps),
        profiler=Profiler(run.profile_path if trainer.profile and accelerator.is_main_process else None),
        control=host_group(),
        begun=begun,
    )
    job.checkpointer = make_checkpointer(job)
    return job


def make_share(plan: Plan, model: Spread, *, seed: int) -> Share:
    """The part of each global batch that this process takes."""
    return Share(
        global_batch_size=plan.global_batch_size,
        micro_batch_size=plan.micro_batch_size,
        rank=model.mesh.index("data"),
        num_ranks=plan.axes.num_data,
        seed=seed,
        device=model.mesh.device,
    )


def make_checkpointer(job: Assembly) -> Checkpointer | None:
    """What takes checkpoints; None where there are to be none."""
    config = job.config.checkpoint
    if not config.enabled:
        return None
    if job.config.strategy.zero_stage is not None:
        job.model.notes.append("strategy=deepspeed takes no checkpoints: an interrupted run begins anew")
        return None
    return Checkpointer(
        job.run.checkpoints_dir, config, job.model, job.optimizer, control=job.control, report=job.report
    )


def set_determinism(deterministic: bool) -> None:
    """Make torch refuse what can't be repeated bit by bit."""
    if deterministic:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False


def open_data(run: Run) -> tuple[Manifest, dict[str, Columns]]:
    """The prepared manifest and the memory-mapped splits that are there."""
    manifest = Manifest.load(run.data_path)
    directory = Path(manifest.path)
    return manifest, {
        split: Columns(directory / split, manifest)
        for split in ("train", "validation", "test")
        if (directory / split).is_dir()
    }


def count_steps(config: Config, *, num_samples: int) -> int:
    """Optimizer steps of the run: the smaller of what `max_steps` and `max_epochs` ask for."""
    trainer = config.trainer
    per_epoch = steps_per_epoch(num_samples, trainer.global_batch_size)
    limits = [trainer.max_steps, trainer.max_epochs * per_epoch if trainer.max_epochs is not None else None]
    return min(limit for limit in limits if limit is not None)


def make_meter(config: Config, plan: Plan, manifest: Manifest, device: torch.device, num_steps: int) -> Meter:
    """A meter; FLOPs are counted only where the device's peak is known, since only utilisation needs them."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    peak = peak_flops(name, config.trainer.precision)
    flops = None
    if peak is not None:
        with contextlib.suppress(NotImplementedError):  # an operation without a meta kernel: no utilisation
            flops = flops_per_sample(config, Columns(Path(manifest.path) / "train", manifest))
    return Meter(
        num_steps=num_steps,
        tokens_per_sample=manifest.data.get("sequence_length"),
        flops_per_sample=flops,
        peak_flops=None if peak is None else peak * plan.num_processes,
    )
