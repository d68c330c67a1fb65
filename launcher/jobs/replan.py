"""A plan for the devices that are left."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from launcher.errors import RequestError
from launcher.parallel.plan import Plan, make_plan

if TYPE_CHECKING:
    from launcher.config.schema import Config
    from launcher.parallel.devices import Devices


def plan_again(config: Config, devices: Devices) -> Plan:
    """The plan of a run that goes on: as configured, or with fewer processes where `engine.min_processes` allows it.

    Raises:
        RequestError: as `make_plan`.
    """
    try:
        return make_plan(config, devices)
    except RequestError:
        smaller = _largest(config, devices, most=max(devices.count(kind) for kind in devices.kinds))
        if smaller is None:
            raise
        return smaller


def fewer_processes(config: Config, plan: Plan, devices: Devices, *, one_less: bool) -> Plan | None:
    """A plan for another attempt: for the devices that are left, or for at least one process less.

    None where nothing changes, or `engine.min_processes` does not allow it.
    """
    most = plan.num_processes
    if plan.device != "cpu":
        most = min(most, devices.count(plan.device))
    if one_less:
        most = min(most, plan.num_processes - 1)
    return None if most == plan.num_processes else _largest(config, devices, most=most)


def _largest(config: Config, devices: Devices, *, most: int) -> Plan | None:
    """The plan with the most processes that fits mesh and batch; one that has fewer than asked for says so."""
    least = config.engine.min_processes
    if least is None:
        return None
    for processes in range(most, least - 1, -1):
        try:
            plan = make_plan(replace(config, engine=replace(config.engine, num_processes=processes)), devices)
        except RequestError:
            continue
        return replace(
            plan, notes=(*plan.notes, f"{processes} processes go on, as engine.min_processes={least} allows")
        )
    return None
