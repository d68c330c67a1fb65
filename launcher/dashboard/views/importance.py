"""What mattered in a sweep, found out in a process of its own: Optuna takes a second and 150 MiB to import.

`python -m launcher.dashboard.views.importance DIRECTORY` prints it as JSON for the sweep in a directory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from launcher.sweeps.ledger import FINISHED, sound_trials
from launcher.sweeps.record import Record
from launcher.sweeps.report import importance

if TYPE_CHECKING:
    from launcher.sweeps.ledger import Trial

TIMEOUT_S = 60.0

Found = dict[str, float]
Finished = tuple[tuple[int, str], ...]
"""Trials that finished, with what they found: importance is a function of these."""


class Importances:
    """The importance of each sweep's keys, found once for the trials that finished; usable from several threads."""

    def __init__(self) -> None:
        self.num_found = 0
        self._found: dict[Path, tuple[Finished, Found]] = {}
        self._working: dict[Path, threading.Thread] = {}
        self._lock = threading.Lock()

    def get(self, record: Record, trials: Sequence[Trial]) -> tuple[Found, bool]:
        """What is known now, maybe of fewer trials, and whether that is all; if not, it is being found out."""
        finished = tuple((trial.number, repr(trial.values)) for trial in trials if trial.state == FINISHED)
        with self._lock:
            known, found = self._found.get(record.path, ((), {}))
            if known == finished or find_spec("optuna") is None:
                return found, True
            if record.path not in self._working:
                thread = threading.Thread(target=self._find, args=(record, finished), name="importance", daemon=True)
                self._working[record.path] = thread
                thread.start()
        return found, False

    def wait(self) -> None:
        """Wait until all is found that was asked for."""
        for thread in list(self._working.values()):
            thread.join()

    def _find(self, record: Record, finished: Finished) -> None:
        found = find_importance(record.path)
        with self._lock:
            self._found[record.path] = (finished, found)
            self._working.pop(record.path)
            self.num_found += 1


def find_importance(directory: Path) -> Found:
    """How much of the variance each key explains, most first; empty where nothing can be said (yet)."""
    command = [sys.executable, "-P", "-m", "launcher.dashboard.views.importance", str(directory)]  # see keeper_process
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL, env=environment
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return json.loads(done.stdout) if done.returncode == 0 else {}


def main(argv: list[str]) -> int:
    """Print it; returns the exit code."""
    record = Record(Path(argv[0]))
    trials, _ = sound_trials(record.ledger_path)
    print(json.dumps(importance(trials, record.multirun)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
