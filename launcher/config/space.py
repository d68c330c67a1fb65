"""What a sweep varies: each key's choices or interval, by Hydra's grammar."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep, Sweep

from launcher.config.nearest import listed
from launcher.errors import RequestError


@dataclass(frozen=True, slots=True)
class Choices:
    """Values as they are typed."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers from `low` to `high`, both included; whole ones, or drawn on a logarithmic scale."""

    low: float
    high: float
    whole: bool
    log: bool


Dimension = Choices | Interval


@dataclass(frozen=True, slots=True)
class Space:
    """Dimensions by key, as it is typed (`+` and `~` included), in the order in which they were."""

    dimensions: Mapping[str, Dimension]

    @property
    def size(self) -> float:
        """How many combinations there are."""
        return math.prod(
            len(dimension.values) if isinstance(dimension, Choices) else math.inf
            for dimension in self.dimensions.values()
        )

    def combinations(self) -> Iterator[dict[str, str]]:
        """Every combination of choices; the last key changes fastest, as in Hydra's own sweeper."""
        choices = [dimension.values for dimension in self.dimensions.values() if isinstance(dimension, Choices)]
        for values in itertools.product(*choices):
            yield dict(zip(self.dimensions, values, strict=True))

    def to_plain(self) -> dict[str, dict[str, Any]]:
        """Values that JSON holds."""
        return {key: asdict(dimension) for key, dimension in self.dimensions.items()}

    @classmethod
    def from_plain(cls, values: Mapping[str, Mapping[str, Any]]) -> Space:
        """What `to_plain` gave."""
        return cls(
            {
                key: Choices(tuple(each["values"])) if "values" in each else Interval(**each)
                for key, each in values.items()
            }
        )

    def difference(self, other: Space) -> list[str]:
        """What another space has changed, in words."""
        keys = [*self.dimensions, *(key for key in other.dimensions if key not in self.dimensions)]
        return [
            f"{key}: {_typed(self.dimensions.get(key))} became {_typed(other.dimensions.get(key))}"
            for key in keys
            if self.dimensions.get(key) != other.dimensions.get(key)
        ]


def split_overrides(lines: Sequence[str], parser: OverridesParser, *, seed: int) -> tuple[list[str], Space]:
    """Overrides that have one value, and the space that the others span; `shuffle` draws from the seed.

    Raises:
        RequestError: a key is swept twice, or over nothing.
    """
    fixed: list[str] = []
    dimensions: dict[str, Dimension] = {}
    for line, override in zip(lines, parser.parse_overrides(list(lines)), strict=True):
        key = override.get_key_element()
        if not override.is_sweep_override():
            fixed.append(line)
        elif key in dimensions:
            raise RequestError(f"{line}: {key} is swept twice; give its values once")
        else:
            dimensions[key] = _dimension(line, override, random.Random(f"{seed} {key}"))
    return fixed, Space(dimensions)


def _dimension(line: str, override: Override, drawn: random.Random) -> Dimension:
    value = override.value()
    if isinstance(value, IntervalSweep):
        low, high = value.start, value.end
        assert low is not None
        assert high is not None
        log = "log" in value.tags
        if not low < high or (log and low <= 0):
            least = "above 0 and " if log else ""
            raise RequestError(f"{line}: an interval begins {least}below its end; give it another")
        return Interval(low, high, whole=isinstance(low, int) and isinstance(high, int), log=log)
    if isinstance(value, ChoiceSweep) and any(isinstance(each, Sweep) for each in value.list):
        raise RequestError(f"{line}: no range, interval or choice stands among other values; list them all")
    shuffled = False
    if isinstance(value, (ChoiceSweep, RangeSweep)):
        shuffled, value.shuffle = value.shuffle, False
    values = list(dict.fromkeys(override.sweep_string_iterator()))
    if not values:
        raise RequestError(f"{line}: there is nothing to choose from")
    if shuffled:
        drawn.shuffle(values)
    return Choices(tuple(values))


def _typed(dimension: Dimension | None) -> str:
    """A dimension as it is typed."""
    if dimension is None:
        return "nothing"
    if isinstance(dimension, Choices):
        return listed(dimension.values, conjunction="and")
    text = f"interval({dimension.low:g}, {dimension.high:g})"
    text = f"tag(log, {text})" if dimension.log else text
    return f"int({text})" if dimension.whole else text
