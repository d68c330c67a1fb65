"""Names of what ranks leave beside their logs, in the directory of an attempt, when it hangs."""

from __future__ import annotations

from pathlib import Path


def hang_path(directory: Path, rank: int) -> Path:
    """Where a rank stood when it gave up."""
    return directory / f"hang_{rank}.json"


def stacks_path(directory: Path, rank: int) -> Path:
    """The Python stacks of a rank's threads."""
    return directory / f"stacks_{rank}.txt"


def flight_path(directory: Path, rank: int) -> Path:
    """The collectives that a rank called before."""
    return directory / f"flight_{rank}.json"


def gave_up_path(directory: Path) -> Path:
    """Exists once any rank gave up: one name, since looking for it is cheaper on a shared disk than to list them."""
    return directory / "gave_up"


def hang_paths(directory: Path) -> list[Path]:
    """Every rank's `hang_path` that is there."""
    return sorted(directory.glob("hang_*.json"))


def stacks_paths(directory: Path) -> list[Path]:
    """Every rank's `stacks_path` that is there."""
    return sorted(directory.glob("stacks_*.txt"))
