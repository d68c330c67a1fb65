"""What a run resolves to on a machine: device, processes, mesh and batch sizes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from launcher.config.schema import Config
from launcher.errors import RequestError
from launcher.parallel.axes import EQUATION, Axes, asked_axes, fixed_product, resolve_axes
from launcher.parallel.batch import divide_batch
from launcher.parallel.devices import Devices
from launcher.parallel.processes import count_processes, largest_share, processes_key
from launcher.runs import read_json, write_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one run resolves to on this machine."""

    device: str  # cpu, cuda or mps
    num_processes: int
    axes: Axes
    threads: int  # of each process
    global_batch_size: int  # samples a step
    micro_batch_size: int  # samples a process holds at once
    accumulation: int  # micro batches a process takes a step; in a pipeline, those that flow through it
    notes: tuple[str, ...] = ()  # what was decided for the user

    @classmethod
    def load(cls, path: Path) -> Plan:
        """Read what `save` wrote."""
        values = read_json(path)
        return cls(**{**values, "axes": Axes(**values["axes"]), "notes": tuple(values["notes"])})

    def save(self, path: Path) -> None:
        """Write the plan as JSON, for the workers."""
        write_json(path, asdict(self))


def make_plan(config: Config, devices: Devices) -> Plan:
    """Resolve every `auto` of processes, mesh axes and batch sizes.

    Raises:
        RequestError: sizes that do not divide, or a device that is not there.
    """
    device = _device(config, devices)
    _refuse_deepspeed(config, device)
    available = devices.count(device)
    processes, notes = count_processes(config, device=device, available=available)
    split = fixed_product(config.strategy)
    if device != "cpu" and split > available and config.strategy.dp_replicate in (1, "auto"):
        sizes = "*".join(str(size) for size in asked_axes(config.strategy).values())
        raise RequestError(
            f"strategy={config.strategy.name}: {EQUATION} = {sizes} needs {split} processes, but this machine has "
            f"{available} {device} device(s); make an axis smaller, or use engine.device=cpu"
        )
    if device != "cpu" and processes > available:
        wanted = config.trainer.micro_batch_size
        share = largest_share(config.trainer.global_batch_size, 1 if wanted is None else wanted, available)
        raise RequestError(
            f"{processes_key(config)}={processes} but this machine has {available} {device} device(s); "
            f"use {processes_key(config)}={share} or engine.device=cpu"
        )
    axes = resolve_axes(config.strategy, processes=processes)
    micro, accumulation = divide_batch(config, axes)
    notes += _idle_options(config, axes)
    return Plan(
        device=device,
        num_processes=processes,
        axes=axes,
        threads=max(1, devices.cpu_cores // processes),
        global_batch_size=config.trainer.global_batch_size,
        micro_batch_size=micro,
        accumulation=accumulation,
        notes=notes,
    )


def _idle_options(config: Config, axes: Axes) -> tuple[str, ...]:
    """Options that were asked for and do nothing on this mesh."""
    strategy, shards = config.strategy, axes.num_gradients > 1 and not axes.only_replicates
    asked = {
        "cpu_offload=true": (strategy.cpu_offload, shards, "dp_shard"),
        "reduce_dtype=bf16": (strategy.reduce_dtype == "bf16", shards, "dp_shard"),
        "sequence_parallel=true": (strategy.sequence_parallel, axes.tp > 1, "tp"),
        "loss_parallel=true": (strategy.loss_parallel, axes.tp > 1, "tp"),
        f"pp_microbatches={strategy.pp_microbatches}": (strategy.pp_microbatches != "auto", axes.pp > 1, "pp"),
        "pp_split=cost": (strategy.pp_split == "cost", axes.pp > 1, "pp"),
        "cp_method=ulysses": (strategy.cp_method == "ulysses", axes.cp > 1, "cp"),
    }
    return tuple(
        f"strategy.{option} does nothing where {axis} is 1"
        for option, (on, used, axis) in asked.items()
        if on and not used
    )


def _device(config: Config, devices: Devices) -> str:
    wanted = config.engine.device
    device = devices.best if wanted == "auto" else wanted
    if devices.count(device) == 0:
        raise RequestError(
            f"engine.device={device} but this machine has none; it has {', '.join(devices.kinds)}; "
            f"use engine.device={devices.best} or engine.device=auto"
        )
    if config.trainer.precision == "fp16" and device == "cpu":
        raise RequestError(
            "trainer.precision=fp16 needs a GPU, and this run is on cpu; use trainer.precision=bf16 or fp32"
        )
    return device


def _refuse_deepspeed(config: Config, device: str) -> None:
    """Say what is missing.

    Raises:
        RequestError: there is no GPU, or the package is not installed.
    """
    if config.strategy.zero_stage is None:
        return
    if device != "cuda":
        raise RequestError(
            f"strategy={config.strategy.name} needs CUDA devices, and this run is on {device}; use strategy=fsdp, "
            "which shards the same and runs anywhere"
        )
    if find_spec("deepspeed") is None:
        raise RequestError(
            f"strategy={config.strategy.name} needs a package that is not installed: pip install windlass[deepspeed]; "
            "or use strategy=fsdp, which shards the same"
        )
