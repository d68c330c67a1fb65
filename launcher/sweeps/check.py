"""What no trial of a sweep could run is refused before the first one starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launcher.config.composer import Composer
from launcher.config.space import Choices
from launcher.config.validate import from_composed
from launcher.errors import RequestError
from launcher.parallel.devices import find_devices
from launcher.parallel.processes import count_processes
from launcher.sweeps.neighbours import held_by_sweeps
from launcher.sweeps.record import trial_run_id
from launcher.sweeps.search import make_search
from launcher.sweeps.slots import Pool

if TYPE_CHECKING:
    from launcher.config.multirun import Multirun
    from launcher.config.schema import Config, SweepConfig

CHECKED_VALUES = 16
"""Of a longer list of values only the ends are looked at."""


def check_sweep(multirun: Multirun) -> Pool:
    """The devices that trials share, once each swept key and value was tried with the first choice of all others.

    Raises:
        RequestError: a key or value is wrong, a trial asks for more devices than there are, or the search can't work.
    """
    make_search(multirun)
    first = {
        key: dimension.values[0] if isinstance(dimension, Choices) else repr(dimension.low)
        for key, dimension in multirun.space.dimensions.items()
    }
    if multirun.run_id is not None:
        first["run_id"] = trial_run_id(multirun.run_id, 0)
    compose = Composer(multirun.place, multirun.fixed).compose

    def composed(overrides: dict[str, str]) -> Config:
        return from_composed(compose([f"{key}={value}" for key, value in overrides.items()]))

    config = composed(first)
    devices = find_devices(config.engine.device)
    kind = devices.best if config.engine.device == "auto" else config.engine.device
    pool = Pool(multirun.settings, devices, kind, held_by_sweeps(kind))
    _check(config, multirun.settings, pool)
    for key, dimension in multirun.space.dimensions.items():
        values = dimension.values if isinstance(dimension, Choices) else (repr(dimension.low), repr(dimension.high))
        for value in values[1:] if len(values) <= CHECKED_VALUES else values[-1:]:
            _check(composed(first | {key: value}), multirun.settings, pool)
    return pool


def num_devices(config: Config, kind: str) -> int:
    """How many devices a trial asks for: as few as its mesh needs, unless a number is given."""
    return count_processes(config, device=kind, available=1)[0]


def _check(config: Config, settings: SweepConfig, pool: Pool) -> None:
    pool.refuse(num_devices(config, pool.kind))
    metric = next(iter(settings.objectives))
    if settings.prunes and metric.startswith("test/"):
        raise RequestError(
            f"sweep={settings.algorithm} compares trials while they train, and sweep.metric={metric} is known at the "
            f"end; use sweep.metric={metric.replace('test/', 'validation/', 1)}"
        )
    if settings.prunes and config.trainer.eval_every_steps is None and not metric.startswith("train/"):
        raise RequestError(
            f"sweep={settings.algorithm} compares trials while they train, and trainer.eval_every_steps is null; use "
            "trainer.eval_every_steps=50"
        )
