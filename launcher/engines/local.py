"""Workers on this machine, under torch's elastic agent in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys

from launcher.engines.engine import TRAINING, Outcome
from launcher.errors import EngineError
from launcher.runs import Run


class LocalEngine:
    """Starts `launcher.engines.agent` early, so that it imports torch while data are prepared, then gives it a run.

    The agent has a session of its own: Ctrl-C in a terminal reaches this process alone, which passes it on once.
    When this process dies, the pipe to the agent closes and the agent ends its workers.
    """

    def __init__(self) -> None:
        self._agent: subprocess.Popen[str] | None = None
        self._attempt: int | None = None

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

    def start(self, run: Run, worker: str = TRAINING, *, attempt: int = 0) -> None:
        """Hand an attempt at a run to the agent.

        Raises:
            EngineError: the agent died before it could take it.
        """
        self._attempt = attempt
        if self._agent is not None and self._agent.poll() is not None:
            self.close()  # it died with the attempt before
        self.prepare()
        assert self._agent is not None
        assert self._agent.stdin is not None
        try:
            request = {"run": str(run.path), "worker": worker, "attempt": attempt}
            self._agent.stdin.write(json.dumps(request) + "\n")
            self._agent.stdin.flush()
        except BrokenPipeError as error:
            raise EngineError("the local agent ended before it was given the run; see its message above") from error

    def poll(self, timeout_s: float) -> Outcome | None:
        """The outcome, as the agent's next line tells it, or its own end where there is none."""
        assert self._agent is not None
        assert self._agent.stdout is not None
        assert self._attempt is not None
        ready, _, _ = select.select([self._agent.stdout], [], [], timeout_s)
        if not ready:
            return None
        if line := self._agent.stdout.readline():
            return Outcome(**json.loads(line))
        return Outcome(exit_code=self._agent.wait() or 1, attempt=self._attempt)

    def interrupt(self, signum: int) -> None:
        """Pass a signal on to the agent, which passes it on to the workers."""
        if self._agent is not None:
            with contextlib.suppress(ProcessLookupError):
                self._agent.send_signal(signum)

    def close(self) -> None:
        """End the agent; workers that still run end with it, at once."""
        if self._agent is None:
            return
        if self._attempt is None:
            self._agent.kill()  # it has started nothing and may be importing for seconds
        for stream in (self._agent.stdin, self._agent.stdout):
            with contextlib.suppress(BrokenPipeError):
                assert stream is not None
                stream.close()  # at which the agent kills its session
        self._agent.wait()
        self._agent = None
