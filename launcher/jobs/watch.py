"""From started workers to an ended run: follow events, pass on signals, keep the state."""

from __future__ import annotations

import contextlib
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from launcher.errors import RequestError
from launcher.jobs.failure import explain
from launcher.runs import read_events

if TYPE_CHECKING:
    from launcher.engines.engine import Engine
    from launcher.jobs.view import View
    from launcher.runs import Run

POLL_S = 0.1
HEARTBEAT_S = 2.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def watch(run: Run, engine: Engine, view: View) -> int | None:
    """Wait for the end of a started run; its state, exit code and failure are in the run directory then.

    Returns the signal that stopped it, if one did.

    Raises:
        RequestError: the model can't be built; the run directory is gone.
    """
    offset, beat = 0, 0.0
    asked: int | None = None
    with caught_signals() as caught:
        while True:
            if caught and asked is None:
                asked = caught[0]
                view.stopping(signal.Signals(asked).name)
                engine.interrupt(asked)
            outcome = engine.poll(POLL_S)
            offset = _show(run, view, offset)
            if outcome is not None:
                break
            if time.monotonic() - beat > HEARTBEAT_S:
                beat = time.monotonic()
                _beat(run)
        if outcome.refused is not None:
            shutil.rmtree(run.path)
            raise RequestError(outcome.refused)
        ended = {"ended": time.time(), "attempt": outcome.attempt}
        if asked is not None and outcome.exit_code != 0:
            run.update_job(state="stopped", exit_code=128 + asked, **ended)
        elif outcome.exit_code == 0:
            run.update_job(state="finished", exit_code=0, **ended)
        else:
            explain(run, outcome)
            run.update_job(state="failed", exit_code=1, **ended)
    return asked


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


def _show(run: Run, view: View, offset: int) -> int:
    """Show the events after a byte offset; returns the offset after them."""
    for event, end in read_events(run.events_path, offset=offset):
        view.event(event)
        offset = end
    return offset


def _beat(run: Run) -> None:
    with contextlib.suppress(OSError):  # a full disk must not end the training
        run.update_job(state="running", heartbeat=time.time())
