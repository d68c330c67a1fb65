"""What the events of a run say, read as one history: a resumed run goes on from its checkpoint."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from typing import Any

from launcher.runs.files import read_events

SUPERSEDED = ("step", "evaluation")
"""Events of steps: those after a checkpoint happen again when a run is resumed from it."""
TAIL_BYTES = 1 << 16
GROWTH = 8


def history(path: Path, name: str) -> list[dict[str, Any]]:
    """Every event of one name, oldest first; what a resumed run did again is there once, as it was done last."""
    found: list[dict[str, Any]] = []
    for event, _ in read_events(path):
        if event["event"] == "resumed" and name in SUPERSEDED:
            found = [earlier for earlier in found if earlier["step"] <= event["step"]]
        if event["event"] == name:
            found.append(event)
    return found


def last_event(path: Path, name: str) -> dict[str, Any] | None:
    """The last of `history`, from the end of the file, which may be long: of more only where it has none."""
    try:
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None
    tail = TAIL_BYTES
    while True:
        found = _last(_tail(path, max(0, size - tail), size), name)
        if found is not None or tail >= size:
            return found
        tail *= GROWTH


def _tail(path: Path, start: int, end: int) -> list[dict[str, Any]]:
    """Events from a byte offset on; what is appended in the meantime waits for the next reader."""
    pairs = takewhile(lambda pair: pair[1] <= end, read_events(path, offset=start))
    return [event for event, _ in pairs]


def _last(events: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    limit = float("inf")
    for event in reversed(events):
        if event["event"] == name and (name not in SUPERSEDED or event["step"] <= limit):
            return event
        if event["event"] == "resumed":
            limit = min(limit, event["step"])
    return None
