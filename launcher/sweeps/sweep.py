"""A sweep from its first trial to its last: starts them, compares them, and survives what happens to them."""

from __future__ import annotations

import contextlib
import math
import signal
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from launcher.engines.local import LocalEngine
from launcher.errors import RequestError
from launcher.jobs.watch import caught_signals
from launcher.sweeps.halving import Halving
from launcher.sweeps.ledger import FAILED, FINISHED, PAUSED, PRUNED, RUNNING, STOPPED, Ledger, Trial
from launcher.sweeps.line import Line
from launcher.sweeps.trial import LEAVING_S, Message, Running, start, why

if TYPE_CHECKING:
    from launcher.config.multirun import Multirun
    from launcher.engines.local import Agents
    from launcher.sweeps.record import Record
    from launcher.sweeps.slots import Pool

POLL_S = 0.1


class Display(Protocol):
    """What shows a sweep while it runs."""

    def line(self, text: str, style: str = "") -> None:
        """A line that stays."""

    def started(self, sweep: Sweep, running: Running) -> None:
        """A trial begins or goes on."""

    def ended(self, sweep: Sweep, trial: Trial) -> None:
        """A trial has ended, or pauses."""

    def draw(self, sweep: Sweep) -> None:
        """Show where everything stands."""


class Sweep:
    """Runs the trials of one record. All is decided in one thread; each trial works in one of its own."""

    def __init__(self, record: Record, multirun: Multirun, pool: Pool, table: Display, agents: Agents) -> None:
        self.record, self.settings, self.pool = record, multirun.settings, pool
        self.ledger, self.running = Ledger(record.ledger_path), dict[int, Running]()
        self.stopped_by: int | None = None  # the signal that ended it
        self.broken: str | None = None  # why it ended early
        size = multirun.space.size if self.settings.algorithm == "grid" else math.inf
        self.total = int(min(self.settings.num_trials or math.inf, size))
        self._metric, direction = next(iter(self.settings.objectives.items()))
        self._halving = Halving(
            metric=self._metric,
            direction=direction,
            min_evaluations=self.settings.min_evaluations,
            reduction_factor=self.settings.reduction_factor,
        )
        self._line = Line(record, multirun, self.ledger, pool, halving=self._halving, settle=self._settle)
        self._table = table
        self._messages: SimpleQueue[Message] = SimpleQueue()
        self._agents = agents
        self._wrong: RequestError | None = None

    def run(self) -> str:
        """Run trials until none is left; returns the state of the sweep: finished, failed or stopped.

        Raises:
            RequestError: training never reports the metric; what was trained is kept.
        """
        self._take_up()
        with caught_signals() as caught:
            while self._goes_on(caught):
                self._receive()
                self._keep_time()
                self._table.draw(self)
        if self._wrong is not None:
            raise self._wrong
        if caught:
            self.stopped_by = caught[0]
            return STOPPED
        for trial in self.ledger.trials:
            if trial.state == PAUSED and self.broken is None:
                self.ledger.end(trial, PRUNED)
        return FINISHED if self.broken is None else FAILED

    def _take_up(self) -> None:
        """Trials that ran when the sweep died spent their devices until their last sign of life."""
        for trial in self.ledger.trials:
            if trial.state == RUNNING:
                seconds = max(0.0, self.record.run(trial).last_sign - trial.begun)
                self.ledger.end(trial, STOPPED, device_seconds=seconds * len(trial.slot), reason="the sweep was killed")

    def _goes_on(self, caught: list[int]) -> bool:
        """Start what fits, or have all leave; whether any trial runs."""
        if caught:
            self._stop_all(caught[0])
            if len(caught) > 1:
                for running in self.running.values():
                    running.press(0.0)
        elif self.broken is None:
            while self.pool.num_free and (found := self._line.next(self.running)) is not None:
                grace_s = found[0].config.engine.grace_s
                engine = LocalEngine(agents=self._agents, share=found[1].share, grace_s=grace_s)
                running = Running(ready=found[0], slots=found[1], engine=engine)
                self.running[running.ready.trial.number] = running
                self.ledger.start(running.ready.trial, slot=running.slots.ids)
                self._table.started(self, running)
                start(running, self._messages)
            if all(running.works_since for running in self.running.values()):  # it would slow a trial that begins
                self._line.get_ready(self.running)
        return bool(self.running)

    def _receive(self) -> None:
        with contextlib.suppress(Empty):
            message = self._messages.get(timeout=POLL_S)
            while True:
                self._take(message)
                message = self._messages.get_nowait()

    def _take(self, message: Message) -> None:
        running = self.running[message.number]
        if message.event is None:
            self._ended(running, message.error)
        elif message.event["event"] == "phase":
            running.works_since = running.works_since or time.monotonic()
        elif message.event["event"] == "step":
            running.last_step = message.event
            self._compare(running, message.event["step"], {"train/loss": message.event["loss"]})
        else:
            split = message.event["split"]
            metrics = {f"{split}/{name}": value for name, value in message.event["metrics"].items()}
            self._compare(running, message.event["step"], metrics)

    def _compare(self, running: Running, step: int, metrics: dict[str, float]) -> None:
        """Keep what was reported; a trial that is not among the best leaves."""
        split = next(iter(metrics)).partition("/")[0]
        missing = [name for name in self.settings.objectives if name.startswith(f"{split}/") and name not in metrics]
        if missing:
            self._refuse_metric(missing[0], metrics)
        elif self._metric in metrics:
            trial = running.ready.trial
            self.ledger.report(trial, metrics, step=step)
            is_last = step == running.last_step.get("num_steps")
            if self.settings.prunes and not is_last and not self._halving.goes_on(trial, self.ledger.trials):
                running.ask(PAUSED)

    def _ended(self, running: Running, error: BaseException | None) -> None:
        trial, run, spent = running.ready.trial, running.ready.run, running.device_seconds
        del self.running[trial.number]
        self.pool.give_back(running.slots)
        if error is None and run.state == "finished":
            self._finish(trial, device_seconds=spent)
        elif error is None and run.state != "failed" and running.leaves_as is not None:
            if running.leaves_as == PAUSED:
                run.update_job(state=PRUNED)
            self._end(trial, running.leaves_as, device_seconds=spent, reason=running.reason)
        else:
            self._end(trial, FAILED, device_seconds=spent, reason=why(run, error))

    def _settle(self, trial: Trial, reason: str | None) -> None:
        """A trial needs no devices: it had finished before its end was written down, or can't run."""
        if reason is None:
            self._finish(trial)
        else:
            self._end(trial, FAILED, reason=reason)

    def _finish(self, trial: Trial, *, device_seconds: float = 0.0) -> None:
        run = self.record.run(trial)
        last = run.last_event("step")
        values = run.metrics | ({} if last is None else {"train/loss": last["loss"]})
        self._end(trial, FINISHED, values=values, device_seconds=device_seconds)
        missing = [name for name in self.settings.objectives if name not in values]
        if missing:
            self._refuse_metric(missing[0], values)
        if self.settings.prunes and len(trial.reports) <= self.settings.min_evaluations:
            self._table.line(
                f"note: trial {trial.number} reported {self._metric} {len(trial.reports)} times, so it was never "
                "compared with others; lower trainer.eval_every_steps, or sweep.min_evaluations",
                "yellow",
            )

    def _end(self, trial: Trial, state: str, **values: Any) -> None:
        self.ledger.end(trial, state, **values)
        self._table.ended(self, trial)
        over = [each for each in self.ledger.trials if each.is_over]
        causes = {(each.reason or "").partition(":")[0] for each in over}
        all_failed = all(each.state == FAILED for each in over)
        most = self.settings.max_failures
        if self.broken is None and most is not None and all_failed and len(over) >= most and len(causes) == 1:
            self.broken = (
                f"the first {len(over)} trials all failed alike: {trial.reason}; mend that and type "
                f"windlass sweeps resume {self.record.id} --failed, or with sweep.max_failures=null to go on regardless"
            )
            self._line.close()
            self._stop_all(signal.SIGTERM)

    def _refuse_metric(self, metric: str, known: dict[str, float]) -> None:
        if self._wrong is None:
            self.broken = f"sweep.metric={metric} is never reported; training reports {', '.join(known)}"
            self._wrong = RequestError(self.broken)
            self._stop_all(signal.SIGTERM)

    def _stop_all(self, signum: int) -> None:
        for running in self.running.values():
            running.ask(STOPPED, signum=signum)

    def _keep_time(self) -> None:
        minutes = self.settings.max_trial_minutes
        for running in self.running.values():
            if minutes is not None and running.seconds > minutes * 60:
                running.ask(FAILED, f"time: it took longer than sweep.max_trial_minutes={minutes:g}")
            if running.leaves_as in (PAUSED, FAILED):
                running.press(LEAVING_S)
