"""One trial at work: a run in a thread of its own, on the devices of its slots, that says what it sees.

What its workers read is made before, while others train.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from rich.console import Console

from launcher.errors import RequestError
from launcher.jobs.inputs import Inputs, make_inputs
from launcher.jobs.job import carry_out
from launcher.jobs.view import View

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from launcher.config.schema import Config
    from launcher.engines.local import LocalEngine
    from launcher.jobs.failure import Failure
    from launcher.parallel.devices import Devices
    from launcher.parallel.plan import Plan
    from launcher.runs import Run
    from launcher.sweeps.ledger import Trial
    from launcher.sweeps.slots import Slots

LEAVING_S = 0.8
"""How long workers have for a checkpoint when their devices are wanted; then they are killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A trial that can start: its checked config, and how many devices it asks for."""

    trial: Trial
    composed: DictConfig
    config: Config
    processes: int
    command: list[str]  # that runs it by itself
    run: Run
    inputs: Future[Inputs] | None = None  # of a run that is new


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a trial's thread tells the sweep."""

    number: int
    event: dict[str, Any] | None = None  # what a worker reported
    ended: bool = False
    error: BaseException | None = None  # what ended it, where that is not told by the run's state


@dataclass(slots=True, kw_only=True)
class Running:
    """A trial that runs."""

    ready: Ready
    slots: Slots
    engine: LocalEngine
    signals: list[int] = field(default_factory=list)  # passed on to the workers; a second one kills them
    works_since: float | None = None  # once its workers said something; the first trial waits for imports
    last_step: dict[str, Any] = field(default_factory=dict)
    leaves_as: str | None = None  # the state it will have, once it was asked to leave
    reason: str | None = None
    asked: float = 0.0

    def ask(self, state: str, reason: str | None = None, *, signum: int = signal.SIGTERM) -> None:
        """Ask the workers to take a checkpoint and leave."""
        if self.leaves_as is None:
            self.leaves_as, self.reason, self.asked = state, reason, time.monotonic()
            self.signals.append(signum)

    def press(self, within_s: float) -> None:
        """Kill workers that were asked to leave and take too long."""
        if len(self.signals) == 1 and time.monotonic() - self.asked > within_s:
            self.signals.append(signal.SIGKILL)

    @property
    def device_seconds(self) -> float:
        return self.engine.seconds * self.ready.processes

    @property
    def seconds(self) -> float:
        """How long its workers have worked."""
        return 0.0 if self.works_since is None else time.monotonic() - self.works_since


def _nowhere() -> Console:
    """A console that draws nothing, and is no terminal: on one a live line would take over stdout."""
    return Console(quiet=True, force_terminal=False)


def inputs_of(composed: DictConfig, config: Config, devices: Devices) -> Future[Inputs]:
    """The inputs of a new run, made in a thread of their own; data may take long to prepare."""
    future: Future[Inputs] = Future()

    def work() -> None:
        try:
            future.set_result(make_inputs(composed, config, devices, View(_nowhere())))
        except BaseException as error:  # the trial meets it when it starts
            future.set_exception(error)

    threading.Thread(target=work, name="inputs", daemon=True).start()
    return future


def start(running: Running, messages: SimpleQueue[Message]) -> threading.Thread:
    """Begin or go on with a trial; its last message says that it has ended."""
    ready, number = running.ready, running.ready.trial.number

    def work() -> None:
        error: BaseException | None = None
        view = TrialView(lambda event: messages.put(Message(number=number, event=event)))
        try:
            inputs = None if ready.inputs is None else ready.inputs.result()
            carry_out(
                ready.composed,
                ready.config,
                running.engine,
                view,
                command=ready.command,
                inputs=inputs,
                signals=running.signals,
            )
        except BaseException as raised:  # the sweep decides what follows
            error = raised
            running.engine.close()  # its workers may still be at work, and their devices are given away
        messages.put(Message(number=number, ended=True, error=error))

    thread = threading.Thread(target=work, name=f"trial {number}", daemon=True)
    thread.start()
    return thread


class TrialView(View):
    """Draws nothing: hands on what workers report."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(_nowhere())
        self._tell = tell

    def event(self, event: dict[str, Any]) -> None:
        """Hand on what a sweep follows."""
        if event["event"] in ("phase", "step", "evaluation"):
            self._tell(event)

    def end(self, run: Run) -> None:
        """The sweep shows it."""

    def stopped(self, run: Run) -> None:
        """The sweep shows it."""

    def failed(self, run: Run, failure: Failure) -> None:
        """The sweep shows it."""

    def plan(self, run: Run, plan: Plan) -> None:
        """The sweep shows it."""


def why(run: Run, error: BaseException | None) -> str:
    """The reason of a failure, in one line."""
    if error is not None:
        text = str(error) if isinstance(error, RequestError) else f"{type(error).__name__}: {error}"
        return " ".join(text.split())
    failure = run.failure
    return " ".join(f"{failure.get('cause', 'unknown')}: {failure.get('message', '')}".split())
