"""Workers on this machine, under torch's elastic agent in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys

from launcher.engines.engine import TRAINING, Outcome
from launcher.errors import EngineError
from launcher.runs import Run

KILL_AFTER_S = 45.0
"""A little more than the agent gives its workers."""


class LocalEngine:
    """Starts `launcher.engines.agent` early, so that it imports torch while data are prepared, then gives it a run.

    The agent has a session of its own: Ctrl-C in a terminal reaches this process alone, which passes it on once.
    When this process dies, the pipe to the agent closes and the agent ends its workers.
    """

    def __init__(self) -> None:
        self._agent: subprocess.Popen[str] | None = None

    def prepare(self) -> None:
        """Start the agent; it waits for a run directory."""
        if self._agent is None:
            # -P keeps the working directory from shadowing our packages; the agent appends it to the path's end.
            self._agent = subprocess.Popen(
                [sys.executable, "-P", "-m", "launcher.engines.agent"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )

    def start(self, run: Run, worker: str = TRAINING) -> None:
        """Hand the run directory to the agent.

        Raises:
            EngineError: the agent died before it could take it.
        """
        self.prepare()
        assert self._agent is not None
        assert self._agent.stdin is not None
        try:
            self._agent.stdin.write(json.dumps({"run": str(run.path), "worker": worker}) + "\n")
            self._agent.stdin.flush()
        except BrokenPipeError as error:
            raise EngineError("the local agent ended before it was given the run; see its message above") from error

    def poll(self, timeout_s: float) -> Outcome | None:
        """The outcome, as the agent's last line tells it."""
        assert self._agent is not None
        try:
            self._agent.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            return None
        assert self._agent.stdout is not None
        lines = self._agent.stdout.read().splitlines()
        if lines:
            return Outcome(**json.loads(lines[-1]))
        return Outcome(exit_code=self._agent.returncode or 1, attempt=0)

    def interrupt(self, signum: int) -> None:
        """Pass a signal on to the agent, which passes it on to the workers."""
        if self._agent is not None:
            with contextlib.suppress(ProcessLookupError):
                self._agent.send_signal(signum)

    def close(self) -> None:
        """End the agent if it still runs; its workers end with it."""
        if self._agent is None:
            return
        for stream in (self._agent.stdin, self._agent.stdout):
            with contextlib.suppress(BrokenPipeError):
                assert stream is not None
                stream.close()
        if self._agent.poll() is None:
            self._agent.send_signal(signal.SIGTERM)
            try:
                self._agent.wait(timeout=KILL_AFTER_S)
            except subprocess.TimeoutExpired:
                self._agent.kill()
                self._agent.wait()
        self._agent = None
