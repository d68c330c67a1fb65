"""Workers on this machine, started by a warm agent in a process of its own."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

import psutil

from launcher.engines.engine import THOROUGH, TRAINING, Outcome, works_alone
from launcher.errors import EngineError
from launcher.parallel.devices import Devices, find_devices
from launcher.parallel.plan import Plan
from launcher.runs import Run

CUDA = "CUDA_VISIBLE_DEVICES"
GRACE_S = 30.0
FORK_S = 10.0
"""An agent that is ready forks in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The part of this machine that the workers of one engine may use."""

    devices: Devices
    visible: tuple[str, ...] | None = None  # CUDA devices, by index or id; None for all

    @property
    def environment(self) -> dict[str, str]:
        """What workers find in their environment."""
        return {} if self.visible is None else {CUDA: ",".join(self.visible)}


@dataclass(slots=True, kw_only=True)
class Served:
    """A request that an agent serves."""

    attempt: int
    outcomes: SimpleQueue[Outcome] = field(default_factory=SimpleQueue)
    pid: int | None = None  # of the process that serves it, once there is one
    begun: threading.Event = field(default_factory=threading.Event)
    since: float | None = None  # on the monotonic clock
    ended: bool = False


class Agent:
    """The process `launcher.engines.agent`, started at once, so that it imports torch while data are prepared.

    It has a session of its own: Ctrl-C in a terminal reaches this process alone, which passes it on once. When this
    process dies, the pipe to the agent closes and the agent ends its workers. A `thorough` agent takes longer to get
    ready and starts each of many runs faster. Safe to use from several threads.
    """

    def __init__(self, *, thorough: bool) -> None:
        # -P keeps the working directory from shadowing our packages; workers append it to the path's end.
        arguments = [sys.executable, "-P", "-m", "launcher.engines.agent", *([THOROUGH] if thorough else [])]
        self._process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        self._served: dict[int, Served] = {}
        self._numbers, self._lock = itertools.count(), threading.Lock()
        self._reader = threading.Thread(target=self._read, name="agent", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, run: Run, worker: str, attempt: int, environment: dict[str, str]) -> Served:
        """Have an attempt at a run served.

        Raises:
            EngineError: the agent died before it could take it.
        """
        served = Served(attempt=attempt)
        assert self._process.stdin is not None
        with self._lock:
            number = next(self._numbers)
            self._served[number] = served
            request = {"id": number, "run": str(run.path), "worker": worker, "attempt": attempt}
            try:
                self._process.stdin.write(json.dumps(request | {"environment": environment}) + "\n")
                self._process.stdin.flush()
            except (BrokenPipeError, ValueError) as error:  # the latter: it was closed
                raise EngineError("the local agent ended before it was given the run; see its message above") from error
        return served

    def close(self) -> None:
        """End it; workers that still run end with it, at once."""
        if not self._served:
            self._process.kill()  # nothing runs, and it may be importing for seconds
        with contextlib.suppress(BrokenPipeError):
            assert self._process.stdin is not None
            self._process.stdin.close()  # at which it kills its session, if anything runs
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            with self._process.stdout as answers:
                for line in answers:
                    self._take(json.loads(line))
        finally:
            self._process.kill()  # it has ended already, unless what it said makes no sense
            code = self._process.wait() or 1
            with self._lock:
                for served in self._served.values():
                    served.begun.set()
                    served.outcomes.put(Outcome(exit_code=code, attempt=served.attempt))

    def _take(self, answer: dict[str, Any]) -> None:
        if "pid" in answer:
            served = self._served[answer["id"]]
            served.pid, served.since = answer["pid"], time.monotonic()
            served.begun.set()
        else:
            served = self._served.pop(answer["id"])
            served.ended = True  # its process id may be another's from now on
            served.outcomes.put(Outcome(**answer["outcome"]))


class Agents:
    """One agent for several engines, started anew where it died."""

    def __init__(self, *, thorough: bool) -> None:
        self._thorough, self._lock = thorough, threading.Lock()
        self._agent: Agent | None = None

    def get(self) -> Agent:
        """The agent."""
        with self._lock:
            if self._agent is None or not self._agent.alive:
                if self._agent is not None:
                    self._agent.close()
                self._agent = Agent(thorough=self._thorough)
            return self._agent

    def close(self) -> None:
        """End it, if it was ever needed."""
        with self._lock:
            if self._agent is not None:
                self._agent.close()
                self._agent = None


class LocalEngine:
    """Starts workers through an agent: its own, or one that several engines share."""

    def __init__(self, *, agents: Agents | None = None, share: Share | None = None, grace_s: float = GRACE_S) -> None:
        self._own = agents is None
        self._agents = agents or Agents(thorough=False)
        self._share, self._grace_s = share, grace_s
        self._first: Served | None = None  # of all that it had served
        self._served: Served | None = None
        self._is_alone = False

    def devices(self, wanted: str) -> Devices:
        """Those of this machine, or its share of them."""
        return find_devices(wanted) if self._share is None else self._share.devices

    def prepare(self) -> None:
        """Start the agent; it waits for a run directory."""
        self._agents.get()

    def start(self, run: Run, worker: str = TRAINING, *, attempt: int = 0) -> None:
        """Hand an attempt at a run to the agent.

        Raises:
            EngineError: the agent died before it could take it.
        """
        environment = {} if self._share is None else self._share.environment
        self._is_alone = works_alone(Plan.load(run.plan_path))
        self._served = self._agents.get().ask(run, worker, attempt, environment)
        self._first = self._first or self._served

    @property
    def seconds(self) -> float:
        """How long it has had workers, from the first that the agent forked; the agent itself starts slowly."""
        began = None if self._first is None else self._first.since
        return 0.0 if began is None else time.monotonic() - began

    def poll(self, timeout_s: float) -> Outcome | None:
        """The outcome, as the agent tells it, or the agent's own end."""
        assert self._served is not None
        try:
            return self._served.outcomes.get(timeout=timeout_s)
        except Empty:
            return None

    def interrupt(self, signum: int) -> None:
        """Pass a signal on to the process that holds the workers, which passes it on, or is a lone one itself.

        SIGKILL reaches the workers alone. A lone one has it after the time of grace.
        """
        served = self._served
        if served is None or not served.begun.wait(FORK_S) or served.pid is None or served.ended:
            return
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if signum != signal.SIGKILL:
                os.kill(served.pid, signum)
                if self._is_alone:
                    self._kill_later(served)
                return
            holder = psutil.Process(served.pid)
            below = holder.children(recursive=True)
            for process in [*below, holder] if self._is_alone or not below else below:
                process.kill()

    def _kill_later(self, served: Served) -> None:
        def kill() -> None:
            if self._served is served:
                self.interrupt(signal.SIGKILL)

        timer = threading.Timer(self._grace_s + 1, kill)
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        """End the workers at once, and the agent unless others use it."""
        if self._own:
            self._agents.close()
        else:
            self.interrupt(signal.SIGKILL)
