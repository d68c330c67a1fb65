"""The devices that trials share, and who has which."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launcher.config.nearest import listed
from launcher.engines.local import CUDA, Share
from launcher.errors import RequestError
from launcher.parallel.devices import Devices

if TYPE_CHECKING:
    from launcher.config.schema import SweepConfig


@dataclass(frozen=True, slots=True)
class Slots:
    """What a trial holds while it runs: places on devices."""

    ids: tuple[str, ...]
    share: Share


class Pool:
    """Devices by id, each with room for so many trials.

    On a CPU a device is an equal part of the cores. Of GPUs `auto` takes those that no other sweep has, as `held` tells
    with the sweep's id. Not safe to use from several threads.

    Raises:
        RequestError: `sweep.slots` names devices that are not there, or other sweeps have all.
    """

    def __init__(
        self, settings: SweepConfig, devices: Devices, kind: str, held: Mapping[str, str] | None = None
    ) -> None:
        self.kind, self.per_device = kind, settings.trials_per_device
        self.ids = _ids(settings.slots, _names(devices.count(kind), kind), kind, {} if kind == "cpu" else held or {})
        self.shared = sorted({sweep for id_, sweep in (held or {}).items() if id_ in self.ids})
        self._cores = max(1, devices.cpu_cores // len(self.ids)) if kind == "cpu" else devices.cpu_cores
        self._taken = dict.fromkeys(self.ids, 0)

    @property
    def num_free(self) -> int:
        """Devices with room for another trial."""
        return sum(taken < self.per_device for taken in self._taken.values())

    @property
    def size(self) -> int:
        """Trials of one device that fit at once."""
        return len(self.ids) * self.per_device

    def refuse(self, processes: int) -> None:
        """Raise `RequestError` if no trial of so many processes will ever fit."""
        if processes > len(self.ids):
            raise RequestError(
                f"a trial needs {processes} devices (engine.num_processes, or the mesh of its strategy), and "
                f"sweep.slots holds {len(self.ids)} {self.kind}; use engine.num_processes={len(self.ids)} or fewer"
            )

    def take(self, processes: int) -> Slots | None:
        """Room on so many devices, the emptiest first; None if there is not enough."""
        free = sorted((id_ for id_ in self.ids if self._taken[id_] < self.per_device), key=self._taken.__getitem__)
        if len(free) < processes:
            return None
        ids = tuple(sorted(free[:processes], key=self.ids.index))
        for id_ in ids:
            self._taken[id_] += 1
        visible = ids if self.kind == "cuda" else None
        return Slots(ids, Share(devices=self.devices(processes), visible=visible))

    def devices(self, processes: int) -> Devices:
        """What a trial of so many processes has, whichever slots it gets."""
        cores = max(1, self._cores * processes // self.per_device) if self.kind == "cpu" else self._cores
        counts = {} if self.kind == "cpu" else {self.kind: processes}
        return Devices(cpu_cores=max(cores, processes), **counts)

    def give_back(self, slots: Slots) -> None:
        """A trial has left."""
        for id_ in slots.ids:
            self._taken[id_] -= 1


def _names(available: int, kind: str) -> tuple[str, ...]:
    """What devices are called: workers of a GPU are told its name, which may be limited from outside already."""
    visible = os.environ.get(CUDA) if kind == "cuda" else None
    return tuple(map(str, range(available))) if visible is None else tuple(visible.split(","))[:available]


def _ids(wanted: Any, names: tuple[str, ...], kind: str, held: Mapping[str, str]) -> tuple[str, ...]:
    if wanted == "auto":
        free = tuple(name for name in names if name not in held)
        if not free:
            sweeps = listed(sorted(set(held.values())), conjunction="and")
            raise RequestError(
                f"sweep {sweeps} has every {kind} of this machine; wait for its end, or share them: "
                f"sweep.slots={len(names)}"
            )
        return free
    if isinstance(wanted, int):
        if wanted > len(names):
            raise RequestError(f"sweep.slots={wanted}, but this machine has {len(names)} {kind}; use sweep.slots=auto")
        return names[:wanted]
    ids = tuple(map(str, wanted))
    unknown = [id_ for id_ in ids if id_ not in names and (id_.isdecimal() or kind == "cpu")]
    if unknown:
        raise RequestError(
            f"sweep.slots names {kind} {listed(unknown, conjunction='and')}, but there are "
            f"{listed(names, conjunction='and')}"
        )
    return ids
