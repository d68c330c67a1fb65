"""Batch and process arithmetic: how many processes, how much each holds, how often gradients accumulate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from launcher.config.schema import Config
from launcher.errors import RequestError
from launcher.parallel.devices import Devices
from launcher.runs import read_json, write_json

MAX_CPU_PROCESSES = 8
"""Beyond this many, processes on one host share memory bandwidth and only add messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one run resolves to on this machine."""

    device: str  # cpu, cuda or mps
    num_processes: int
    threads: int  # of each process
    global_batch_size: int  # samples a step
    micro_batch_size: int  # samples a process holds at once
    accumulation: int  # micro batches a process takes a step
    notes: tuple[str, ...] = ()  # what was decided for the user

    @classmethod
    def load(cls, path: Path) -> Plan:
        """Read what `save` wrote."""
        values = read_json(path)
        return cls(**{**values, "notes": tuple(values["notes"])})

    def save(self, path: Path) -> None:
        """Write the plan as JSON, for the workers."""
        write_json(path, asdict(self))


def make_plan(config: Config, devices: Devices) -> Plan:
    """Resolve every `auto` of processes and batch sizes.

    Raises:
        RequestError: sizes that do not divide, or a device that is not there.
    """
    device = _device(config, devices)
    available = devices.count(device)
    batch, wanted_micro = config.trainer.global_batch_size, config.trainer.micro_batch_size
    unit = 1 if wanted_micro is None else wanted_micro
    processes, notes = _processes(config, device=device, available=available)
    if device != "cpu" and processes > available:
        raise RequestError(
            f"{_processes_key(config)}={processes} but this machine has {available} {device} device(s); "
            f"use {_processes_key(config)}={_largest_share(batch, unit, available)} or engine.device=cpu"
        )
    _check_mesh(config.strategy.name, config.strategy.dp_replicate, processes)
    if batch % processes != 0:
        fewer = f" or {_processes_key(config)}={_largest_share(batch, unit, processes)}" if batch % unit == 0 else ""
        raise RequestError(
            f"trainer.global_batch_size={batch} does not divide over {processes} processes; "
            f"use trainer.global_batch_size={_nearest_multiple(batch, processes * unit)}{fewer}"
        )
    share = batch // processes
    micro = share if wanted_micro is None else wanted_micro
    if share % micro != 0:
        raise RequestError(
            f"trainer.micro_batch_size={micro} does not divide the {share} samples that each of {processes} "
            f"processes takes of trainer.global_batch_size={batch}; "
            f"use trainer.micro_batch_size={_largest_divisor(share, micro)}"
        )
    return Plan(
        device=device,
        num_processes=processes,
        threads=max(1, devices.cpu_cores // processes),
        global_batch_size=batch,
        micro_batch_size=micro,
        accumulation=share // micro,
        notes=notes,
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


def _processes(config: Config, *, device: str, available: int) -> tuple[int, tuple[str, ...]]:
    asked = config.engine.num_processes
    replicas = config.strategy.dp_replicate
    if asked != "auto":
        return int(asked), ()
    if replicas != "auto":
        return int(replicas), ()
    if device != "cpu":
        return available, ()
    batch, micro = config.trainer.global_batch_size, config.trainer.micro_batch_size
    processes = _largest_share(batch, 1 if micro is None else micro, min(available, MAX_CPU_PROCESSES))
    if processes < min(available, MAX_CPU_PROCESSES):
        note = f"{processes} of {available} cores start a process: trainer.global_batch_size={batch} divides by it"
        return processes, (note,)
    return processes, ()


def _check_mesh(name: str, replicas: int | str, processes: int) -> None:
    if replicas not in ("auto", processes):
        raise RequestError(
            f"strategy={name}: dp_replicate = {replicas}, but there are {processes} processes; "
            f"use engine.num_processes={replicas} or strategy=ddp"
        )


def _processes_key(config: Config) -> str:
    """The key that decides how many processes there are."""
    return "engine.num_processes" if config.strategy.dp_replicate == "auto" else "strategy.dp_replicate"


def _largest_share(batch: int, unit: int, limit: int) -> int:
    """The most processes up to a limit that can share the batch in whole micro batches."""
    return _largest_divisor(batch // unit if batch % unit == 0 else batch, limit)


def _largest_divisor(number: int, limit: int) -> int:
    return next(divisor for divisor in range(min(number, limit), 0, -1) if number % divisor == 0)


def _nearest_multiple(number: int, factor: int) -> int:
    return max(factor, round(number / factor) * factor)
