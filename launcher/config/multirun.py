"""What `-m` asks for: the overrides that every trial has, the space that is searched, and how."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from launcher.config.nearest import shown
from launcher.config.schema import SweepConfig
from launcher.config.space import Space
from launcher.config.typed import typed
from launcher.errors import RequestError

DIRECTIONS = ("min", "max")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where Hydra looks for groups and options, as the command's flags say."""

    config_dir: str | None = None
    config_path: str | None = None
    config_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Multirun:
    """A sweep as it was asked for."""

    run_id: str | None  # its name; trials add their number to it
    lines: tuple[str, ...]  # as they were typed
    fixed: tuple[str, ...]  # what every trial has
    space: Space
    settings: SweepConfig
    place: Place

    def to_plain(self) -> dict[str, Any]:
        """Values that JSON holds."""
        return asdict(self) | {"space": self.space.to_plain()}

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> Multirun:
        """What `to_plain` gave."""
        return cls(
            run_id=values["run_id"],
            lines=tuple(values["lines"]),
            fixed=tuple(values["fixed"]),
            space=Space.from_plain(values["space"]),
            settings=to_settings(values["settings"]),
            place=Place(**values["place"]),
        )


def to_settings(values: dict[str, Any]) -> SweepConfig:
    """The typed section `sweep`.

    Raises:
        RequestError: a key or a value is wrong, or two contradict each other.
    """
    metric, direction = values.get("metric"), values.get("direction")
    metrics = list(metric) if isinstance(metric, (list, tuple)) else [metric]
    directions = list(direction) if isinstance(direction, (list, tuple)) else [direction] * len(metrics)
    settings = typed(SweepConfig, {**values, "metric": metrics, "direction": directions}, path="sweep")
    for each in metrics:
        if not isinstance(each, str) or "/" not in each:
            raise RequestError(f"sweep.metric={shown(metric)} must name what is reported, such as validation/loss")
    if any(each not in DIRECTIONS for each in directions) or len(directions) != len(metrics):
        raise RequestError(
            f"sweep.direction={shown(direction)} must be min or max, or a list of one for each metric of "
            f"sweep.metric={shown(metric)}"
        )
    if settings.prunes and len(metrics) > 1:
        raise RequestError(
            f"sweep={settings.algorithm} compares trials by one metric, and sweep.metric={shown(metric)} has several; "
            "use sweep=tpe or sweep=random"
        )
    if settings.algorithm != "grid" and settings.num_trials is None:
        raise RequestError(f"sweep={settings.algorithm} needs an end; use sweep.num_trials=50")
    _check_slots(settings.slots)
    return settings


def _check_slots(slots: Any) -> None:
    whole = isinstance(slots, int) and not isinstance(slots, bool) and slots > 0
    named = isinstance(slots, list) and slots != [] and len({str(slot) for slot in slots}) == len(slots)
    if slots != "auto" and not whole and not named:
        raise RequestError(f"sweep.slots={shown(slots)} must be auto, a number of devices, or a list such as [0,2]")
