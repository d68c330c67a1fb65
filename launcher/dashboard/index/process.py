"""The side of the parent: the keeper's process, started again when it ends."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from launcher.dashboard.index import keeper

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""Between its end and its next start; longer each time that it does not live for `LONGEST_PAUSE_S`."""
CLOSE_S = 2.0


class KeeperProcess:
    """A process that keeps one index fresh, for as long as this one lives.

    It has a session of its own, so that Ctrl-C in a terminal reaches this process alone.
    """

    def __init__(self, path: Path, roots: Sequence[Path]) -> None:
        self._path, self._roots = path, roots
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0  # on the monotonic clock
        self._start_at: float | None = None  # when it is to be started again; None while it runs
        self._pause_s = FIRST_PAUSE_S
        self.exit_code: int | None = None  # of the last that ended
        self.problem: str | None = None  # why that did

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def _log(self) -> Path:
        return self._path.with_name(f"{self._path.name}.log")

    def start(self) -> None:
        """Start it.

        Raises:
            OSError: the index's directory can't be written, or there is no room for a process.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # -P keeps the working directory from shadowing our packages.
        arguments = [sys.executable, "-P", "-m", keeper.__name__, str(self._path), *map(str, self._roots)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        self._started_at, self._start_at = time.monotonic(), None

    def tend(self) -> None:
        """Start it again if it has ended; to be called now and then.

        Raises:
            OSError: as `start` does.
        """
        now = time.monotonic()
        if self._process is None:
            return
        if self._start_at is not None:
            if now >= self._start_at:
                self.start()
            return
        code = self._process.poll()
        lived_long = now - self._started_at > LONGEST_PAUSE_S
        if code is None and lived_long:
            self._pause_s, self.problem = FIRST_PAUSE_S, None
        elif code is not None:
            self._close_pipe()
            self.exit_code = code
            self.problem = (
                f"the list of runs is not fresh: its keeper ended with exit code {code}: {self._last_words()}"
            )
            self._start_at = now + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines() if self._log.exists() else []
        return lines[-1] if lines else "it said nothing"

    def stop(self) -> None:
        """End it."""
        if self._process is None:
            return
        self._close_pipe()  # at which it ends
        try:
            self._process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:  # it waits for a file system
            self._process.kill()
            self._process.wait()
        self._process = None

    def _close_pipe(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
