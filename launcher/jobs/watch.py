"""From started workers to the end of their attempt: follow events, pass on signals, keep the heartbeat."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from launcher.runs import read_events

if TYPE_CHECKING:
    from launcher.engines.engine import Engine, Outcome
    from launcher.jobs.view import View
    from launcher.runs import Run

POLL_S = 0.1
HEARTBEAT_S = 2.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


class Watch:
    """Watches a run through all attempts that its caller makes; a context that catches signals."""

    def __init__(self, run: Run, engine: Engine, view: View) -> None:
        self._run, self._engine, self._view = run, engine, view
        self._offset = run.events_path.stat().st_size if run.events_path.exists() else 0
        self._caught: Sequence[int] = []

    @property
    def asked(self) -> int | None:
        """The first signal that asked for the end, if one did."""
        return self._caught[0] if self._caught else None

    @contextlib.contextmanager
    def signals(self, given: Sequence[int] | None = None) -> Iterator[None]:
        """Collect stop signals in here instead of raising, or take them from a list to which another thread adds."""
        if given is not None:
            self._caught = given
            yield
            return
        with caught_signals() as self._caught:
            yield

    def wait(self) -> Outcome:
        """Wait for the end of an attempt; a signal is passed on, and a second one ends the workers at once."""
        beat, passed_on = 0.0, 0
        while True:
            if len(self._caught) > passed_on:
                self._pass_on(first=passed_on == 0)
                passed_on = len(self._caught)
            outcome = self._engine.poll(POLL_S)
            self.show()
            if outcome is not None:
                return outcome
            if time.monotonic() - beat > HEARTBEAT_S:
                beat = time.monotonic()
                self._run.update_job(state="running", heartbeat=time.time())

    def show(self) -> None:
        """Show the events that are new."""
        for event, end in read_events(self._run.events_path, offset=self._offset):
            self._view.event(event)
            self._offset = end

    def _pass_on(self, *, first: bool) -> None:
        name = signal.Signals(self._caught[-1]).name
        if first:
            self._view.stopping(name)
            self._engine.interrupt(self._caught[0])
        else:
            self._view.line(f"{name} again: ending the workers at once", "yellow")
            self._engine.interrupt(signal.SIGKILL)


@contextlib.contextmanager
def caught_signals() -> Iterator[list[int]]:
    """Collect stop signals instead of raising; off the main thread Python allows no handler, and nothing is caught."""
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before = {signum: signal.signal(signum, lambda number, _: caught.append(number)) for signum in SIGNALS}
    try:
        yield caught
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
