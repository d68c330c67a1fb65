"""Pairs of measurements, the ratios between them, and the table that shows them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

UNITS = {"ms": 1e3, "us": 1e6, "s": 1.0, "MiB": 2.0**-20, "MB": 1e-6}
"""What a measured value (seconds or bytes) is multiplied with for display."""
RATES = ("tokens/s", "rows/s")
"""Units of a value that is measured in seconds for one, and shown as so many a second."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One measurement: seconds or bytes, and the CPU seconds of the process beside it where they mean something."""

    value: float
    cpu_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Ours against another, measured in pairs one after the other; `limit` is the largest ratio that is promised."""

    name: str
    unit: str
    other: str
    ours: list[Cost] = field(repr=False)
    theirs: list[Cost] = field(repr=False)
    limit: float | None

    @property
    def ratios(self) -> list[float]:
        """Ours over theirs, pair by pair."""
        return [a.value / b.value for a, b in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the pairs."""
        return median(self.ratios)

    @property
    def cpu_ratio(self) -> float | None:
        """The median over pairs of CPU time, which other programs on the machine disturb less than wall time."""
        pairs = [(a.cpu_s, b.cpu_s) for a, b in zip(self.ours, self.theirs, strict=True)]
        ratios = [a / b for a, b in pairs if a is not None and b is not None and b > 0]
        return median(ratios) if ratios else None

    @property
    def cells(self) -> list[str]:
        """The row as it is printed."""
        cpu = self.cpu_ratio
        verdict = "" if self.limit is None else "within" if self.ratio <= self.limit else "over"
        return [
            self.name,
            _shown(self.ours, self.unit),
            self.other,
            _shown(self.theirs, self.unit),
            f"{self.ratio:.3f}",
            f"{min(self.ratios):.3f} - {max(self.ratios):.3f}",
            "" if cpu is None else f"{cpu:.3f}",
            "" if self.limit is None else f"{self.limit:.2f} {verdict}",
        ]


def _shown(costs: list[Cost], unit: str) -> str:
    value = median(cost.value for cost in costs)
    value = 1 / value if unit in RATES else value * UNITS[unit]
    return f"{value:.{0 if value >= 100 else 2}f} {unit}"


def table(rows: list[Row]) -> Table:
    """All rows; ratios are of time or memory and medians of pairs, so they need not be the quotient of two medians."""
    drawn = Table(
        title="Windlass against others (medians; pairs interleaved in one run; ratios of time or memory)",
        title_justify="left",
    )
    for heading in ("what", "Windlass", "against", "other", "ratio", "min - max", "CPU ratio", "limit"):
        drawn.add_column(heading, justify="left" if heading in ("what", "against", "limit") else "right", no_wrap=True)
    for row in rows:
        drawn.add_row(*row.cells)
    return drawn


def show(rows: list[Row]) -> None:
    """Print the table, unwrapped where nobody set a width."""
    console = Console()
    console.print(table(rows)) if console.is_terminal else Console(width=160).print(table(rows))


def say(line: str) -> None:
    """A line of progress, kept apart from the table."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def silence() -> Iterator[None]:
    """Let no loop print: in a real run stdout is a log."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        yield
