"""One `.wandb` file, which may still grow."""

from __future__ import annotations

from pathlib import Path

from launcher.dashboard.reading.framing import ForeignError, Framing
from launcher.dashboard.reading.records import Log
from launcher.dashboard.reading.tail import Tail


class WandbFile:
    """What one attempt logged, read on with each `read`."""

    def __init__(self, path: Path, *, only_system: bool = False) -> None:
        self.path = path
        self._only_system = only_system
        self._tail = Tail(path)
        self.remakes = 0  # how often the file was made anew
        self._begin()

    def _begin(self) -> None:
        self.log, self._framing = Log(only_system=self._only_system), Framing()
        self._refusal: str | None = None

    @property
    def problems(self) -> list[str]:
        """What is wrong with the file, for people."""
        skipped = self._framing.damaged + self.log.broken
        parts = f"{skipped} damaged part{'s were' if skipped > 1 else ' was'} skipped" if skipped else None
        return [f"{self.path.name}: {line}" for line in (self._tail.problem, self._refusal, parts) if line is not None]

    def read(self) -> bool:
        """Take what is new; returns whether there was anything."""
        before, is_changed = self.problems, False
        for piece, size, is_anew in self._tail.pieces():
            if is_anew:
                self.remakes += 1
                self._begin()
                is_changed = True
            try:
                self._refusal = None
                records = self._framing.take(piece, size=size)
            except ForeignError as error:
                self._refusal = str(error)
                break
            self._tail.position = self._framing.position
            self.log.take(records)
            is_changed |= bool(records.starts)
        return is_changed or self.problems != before
