"""What a process has to say about a run, held in memory for as long as the disk does not take it."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from launcher.runs.files import append_lines, event_line, read_json, write_json

MAX_LINES = 10_000


@dataclass(slots=True)
class Held:
    """Events and changes of the job that are not on the disk yet; usable from several threads."""

    lines: deque[bytes] = field(default_factory=lambda: deque(maxlen=MAX_LINES))
    reason: str | None = None  # why they are held
    job: dict[str, Any] = field(default_factory=dict)  # as this process wrote it last
    changes: dict[str, Any] = field(default_factory=dict)  # of the job
    lock: threading.RLock = field(default_factory=threading.RLock)  # a signal handler may report, too

    def append(self, path: Path, event: dict[str, Any]) -> None:
        """Append an event to a file after those that are held; once the disk takes them again, a warning says so."""
        line = event_line(event)
        with self.lock:
            self.lines.append(line)
            try:
                append_lines(path, self.lines)
                if self.reason is not None:
                    message = f"the run's disk took nothing for a while ({self.reason}); what was reported was held"
                    self.lines.append(event_line({"event": "warning", "time": time.time(), "message": message}))
                    self.reason = None
                    append_lines(path, self.lines)
            except OSError as error:
                self.reason = error.strerror

    def change(self, path: Path, changes: dict[str, Any]) -> bool:
        """Change some keys of a JSON file, with the changes that are held; returns whether they are on the disk.

        Raises:
            OSError: the disk refuses the first change by this process.
        """
        with self.lock:
            self.changes |= changes
            try:
                whole = {**self.job, **read_json(path), **self.changes}
                write_json(path, whole)
            except OSError:
                if not self.job:
                    raise
                return False
            self.job, self.changes = whole, {}
        return True
