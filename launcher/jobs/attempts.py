"""Attempts at one run: what follows the end of each, and how the last one leaves the run."""

from __future__ import annotations

import re
import signal
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from launcher.jobs.failure import Failure, explain
from launcher.jobs.replan import fewer_processes
from launcher.jobs.watch import Watch
from launcher.parallel.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launcher.config.schema import Config
    from launcher.engines.engine import Engine, Outcome
    from launcher.jobs.view import View
    from launcher.runs import Run

PREEMPTING = (signal.SIGTERM, signal.SIGUSR1)
"""What schedulers send when they want the devices back; Ctrl-C and a closed terminal are a person's will."""
EXIT_PREEMPTED = 75
"""EX_TEMPFAIL of sysexits.h: try again later."""
CERTAIN = ("non-finite loss", "data", "wrong request")
"""Causes that another attempt meets again."""
KILLED = "killed by the system (host memory)"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended."""

    stopped_by: int | None = None  # the signal that asked for it
    refused: str | None = None  # why no worker was started: the request was wrong


def requeued(signum: int) -> int:
    """The exit code of a command that a signal ended: one that lets a scheduler queue it again, or 128 + signal."""
    return EXIT_PREEMPTED if signum in PREEMPTING else 128 + signum


def make_attempts(
    run: Run, config: Config, engine: Engine, view: View, *, attempt: int, signals: Sequence[int] | None = None
) -> Ended:
    """Start workers, and again after a failure that another attempt may survive; the run's state says how it ended.

    Every failure is kept in `job.json`, the last one in `failure.json` too. Signals to pass on are caught, unless the
    caller has a list that grows by them.
    """
    watch, failures = Watch(run, engine, view), list[Failure]()
    with watch.signals(signals):
        engine.start(run, attempt=attempt)
        while True:
            outcome = watch.wait()
            if outcome.refused is not None and not failures:
                return Ended(refused=outcome.refused)
            if outcome.refused is not None:
                if not _shrink(run, config, engine):
                    view.line(outcome.refused, "yellow")
                    run.update_job(state="failed", exit_code=1, ended=time.time(), attempt=attempt)
                    return Ended()
                engine.start(run, attempt=attempt)
                continue
            asked = watch.asked or _left_together(run, outcome)
            if outcome.exit_code == 0 or asked is not None:
                _leave(run, outcome, asked)
                return Ended(stopped_by=watch.asked if outcome.exit_code else None)
            failures.append(explain(run, outcome))
            run.update_job(failures=[*run.job.get("failures", []), _brief(failures[-1])])
            why_not = _why_not_again(failures, config)
            if why_not is not None:
                if why_not:
                    view.line(why_not, "yellow")
                run.update_job(state="failed", exit_code=1, ended=time.time(), attempt=attempt)
                return Ended()
            attempt += 1
            _prepare_next(run, config, engine, failures, attempt)
            watch.show()
            engine.start(run, attempt=attempt)


def _leave(run: Run, outcome: Outcome, asked: int | None) -> None:
    ended = {"ended": time.time(), "attempt": outcome.attempt}
    if outcome.exit_code == 0:
        run.update_job(state="finished", exit_code=0, **ended)
    else:
        assert asked is not None
        state = "preempted" if asked in PREEMPTING else "stopped"
        run.update_job(state=state, exit_code=requeued(asked), **ended)


def _left_together(run: Run, outcome: Outcome) -> int | None:
    """The signal on which all workers left in order, which reached them and not us."""
    ranks = range(Plan.load(run.plan_path).num_processes)
    if outcome.exit_code > 128 and all(run.left_path(attempt=outcome.attempt, rank=rank).exists() for rank in ranks):
        return outcome.exit_code - 128
    return None


def _why_not_again(failures: list[Failure], config: Config) -> str | None:
    """Why there is no other attempt, in words or empty where the failure says it; None if there is one."""
    last = failures[-1]
    if last.cause in CERTAIN or config.engine.max_restarts == 0:
        return ""
    if len(failures) > 1 and _same(failures[-2], last):
        return "the same error at the same step twice in a row: a bug, not bad luck; no further attempt is made"
    if len(failures) > config.engine.max_restarts:
        return f"engine.max_restarts={config.engine.max_restarts} attempts more were made, and all failed"
    return None


def _same(one: Failure, other: Failure) -> bool:
    """Whether two failures are the same mistake; being killed is always somebody else's."""
    if KILLED in (one.cause, other.cause):
        return False
    return _words(one) == _words(other)


def _words(failure: Failure) -> tuple[str, str, int | None, str | None]:
    message = re.sub(r"0x[0-9a-f]+|for \d+ s\b", "", failure.message)
    return failure.cause, message, failure.step, failure.phase


def _prepare_next(run: Run, config: Config, engine: Engine, failures: list[Failure], attempt: int) -> None:
    last, devices = failures[-1], engine.devices(config.engine.device)
    _use(run, fewer_processes(config, Plan.load(run.plan_path), devices, one_less=_killed_twice(failures)))
    run.update_job(attempt=attempt)
    num_processes = Plan.load(run.plan_path).num_processes
    run.report("restart", attempt=attempt, cause=last.cause, message=last.message, num_processes=num_processes)


def _shrink(run: Run, config: Config, engine: Engine) -> bool:
    """Plan for one process less or fewer, since the model does not fit the mesh of so many; whether there is such."""
    devices = engine.devices(config.engine.device)
    smaller = fewer_processes(config, Plan.load(run.plan_path), devices, one_less=True)
    _use(run, smaller)
    return smaller is not None


def _use(run: Run, plan: Plan | None) -> None:
    if plan is not None:
        plan.save(run.plan_path)
        run.update_job(num_processes=plan.num_processes)
        run.report("warning", message=plan.notes[-1])


def _killed_twice(failures: list[Failure]) -> bool:
    return [failure.cause for failure in failures[-2:]] == [KILLED] * 2


def _brief(failure: Failure) -> dict[str, object]:
    values = asdict(failure)
    return {name: values[name] for name in ("attempt", "cause", "message", "rank", "phase", "step", "time")}
