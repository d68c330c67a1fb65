"""A thread in each worker that ends it when its parent is gone or it makes no progress, and says where it stood."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from launcher.runs import write_json
from launcher.runs.hang import flight_path, gave_up_path, hang_path, stacks_path
from launcher.training.patience import LOOK_S, Patience, State
from launcher.training.stacks import Watchdog, flight_record, locate

HANG_EXIT_CODE = 70
ORPHAN_EXIT_CODE = 71
GRACE_S = 2.0
"""Between what a hanging worker writes and its end, so that the others notice too and write where they stand."""
BLOCKED_S = 10.0
"""The end comes so much later at most, also if the disk or torch's flight recorder blocks."""
PEERS_S = 5.0
"""A worker that stands still for longer looks whether another has given up."""
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Progress:
    """Where the worker is; a failure report quotes it."""

    phase: str = "starting"
    step: int | None = None


class Vigil:
    """Watches the process that it is made in; what it writes goes into the `directory` of the attempt.

    The main thread says where it is: `steps` around the step loop, `step_done` after each step, and `phase` around what
    is no step inside the loop. `progress` names all the rest. Until `limit` is called only the parent is watched.
    """

    def __init__(self, directory: Path, *, rank: int, progress: Progress) -> None:
        parent = multiprocessing.parent_process()
        self._parent = os.getppid() if parent is None or parent.pid is None else parent.pid
        self._directory, self._rank, self.progress = directory, rank, progress
        self._patience = Patience()
        self._watchdog = Watchdog(stacks_path(directory, rank), rank=rank)
        self._step: int | None = None
        self._is_looping = False
        self._phases: list[str] = []
        self._changes = 0

    def start(self) -> None:
        """Begin; from the main thread, before anything that may take long."""
        end_with(self._parent)
        threading.Thread(target=self._watch, name="vigil", daemon=True).start()

    def limit(self, *, step_timeout_s: float | str | None, phase_timeout_s: float | None) -> None:
        """Set `engine.step_timeout_s` (seconds, "auto" or None) and `engine.phase_timeout_s` (seconds or None)."""
        self._patience = Patience(step_timeout_s=step_timeout_s, phase_timeout_s=phase_timeout_s)

    def step_done(self, step: int) -> None:
        """Note that a step is done; this costs one attribute."""
        self._step = step

    @contextlib.contextmanager
    def steps(self) -> Iterator[None]:
        """The step loop. Its first step may compile and counts as a phase, as does everything outside."""
        self._step, self._is_looping = None, True
        self._changes += 1
        try:
            yield
        finally:
            self._is_looping = False
            self._changes += 1

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """What may take longer than a step: evaluation, waiting for a checkpoint."""
        self._phases.append(name)
        self._changes += 1
        try:
            yield
        finally:
            self._phases.pop()
            self._changes += 1

    def close(self) -> None:
        """Watch the parent alone from here on."""
        self._patience = Patience()
        self._watchdog.close()

    def _watch(self) -> None:
        while True:
            if os.getppid() != self._parent:
                os._exit(ORPHAN_EXIT_CODE)
            with contextlib.suppress(OSError):  # a log directory that vanished must not end the training
                self._look()
            time.sleep(LOOK_S)

    def _look(self) -> None:
        names = self._phases[-1:]
        stepping = self._is_looping and not names and self._step is not None
        state = State(names[0] if names else self.progress.phase, self._step, self._changes, stepping)
        patience = self._patience  # which the main thread may replace meanwhile
        still_s, limit_s = patience.look(time.monotonic(), state), patience.limit(state)
        if limit_s is not None and still_s > limit_s:
            self._end(state, still_s)
        if (
            still_s > (PEERS_S if limit_s is None else min(PEERS_S, limit_s / 2))
            and gave_up_path(self._directory).exists()
        ):
            self._end(state, still_s)
        self._watchdog.arm(None if limit_s is None else limit_s - still_s)

    def _end(self, state: State, still_s: float) -> None:
        """Write what is known, wait for the others to do the same, and end."""
        self._watchdog.end_after(GRACE_S + BLOCKED_S)
        began_s = time.monotonic()
        with contextlib.suppress(OSError):
            self._watchdog.write()
            frame = sys._current_frames()[threading.main_thread().ident or 0]
            record = {"rank": self._rank, "time": time.time(), "seconds": still_s, **asdict(state), **locate(frame)}
            write_json(hang_path(self._directory, self._rank), record)
            gave_up_path(self._directory).touch()
            os.write(2, f"no progress for {still_s:.0f} s ({state.phase}); this worker ends itself\n".encode())
            collectives = flight_record()
            if collectives is not None:
                flight_path(self._directory, self._rank).write_bytes(collectives)
        time.sleep(max(0.0, GRACE_S - (time.monotonic() - began_s)))
        os._exit(HANG_EXIT_CODE)


def end_with(parent: int) -> None:
    """On Linux, have the kernel kill this process when its parent ends: that reaches one that is stopped or stuck too.

    SIGKILL, since checkpoints survive it and nobody is left to hear anything else (torch had asked for SIGINT, which
    begins an orderly end). Strictly it comes when the *thread* that forked this process ends: workers must be started
    from a thread that lasts, which is the agent's main one. Elsewhere the vigil's own thread notices.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(ORPHAN_EXIT_CODE)
