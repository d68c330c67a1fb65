"""The verbs of the `windlass` command; each is a few lines that call one function below."""

from __future__ import annotations

import json
import math
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from launcher.errors import WindlassError

if TYPE_CHECKING:
    from collections.abc import Callable

    from omegaconf import DictConfig
    from rich.console import Console

    from launcher.config.multirun import Multirun
    from launcher.runs import Run

T = TypeVar("T")

HELP = """\
windlass: one command takes a Hydra config from a laptop CPU to thousands of GPUs

  windlass train [overrides]   train; windlass train --help lists every group and option
  windlass check [overrides]   everything up to the first step: config, data, model, batch sizes, memory
  windlass parity [overrides]  prove that the strategy trains as one process does; --against strategy=...,
                               --steps N, --shrink
  windlass runs                list runs
  windlass runs show RUN       one run: state, metrics, failure (RUN is an id, a unique beginning, or latest)
  windlass runs logs RUN       its logs; -f follows, --rank R chooses a worker
  windlass runs stop RUN       end it after a last checkpoint; its state is kept as stopped
  windlass runs resume RUN     go on from its last checkpoint; [overrides] say where and how long
  windlass runs export-weights RUN
                               a checkpoint's weights as Hugging Face safetensors; --step N, --output DIR
  windlass runs delete RUN     remove its directory
  windlass train -m [overrides]
                               a sweep: optimizer.lr=1e-3,3e-4 is a grid; sweep=tpe, asha, ... search intervals
                               (pip install 'windlass[sweeps]'); --force goes on with one whose space has changed
  windlass sweeps              list sweeps
  windlass sweeps show SWEEP   one sweep: trials, the best, what mattered, what it cost (id, beginning, or latest)
  windlass sweeps best SWEEP   overrides of the best trial, ready to paste
  windlass sweeps export SWEEP every trial as a row; --csv FILE
  windlass sweeps resume SWEEP go on to its number of trials; --failed runs failed ones again, too
  windlass sweeps stop SWEEP   end it after a last checkpoint of each trial that runs
  windlass sweeps delete SWEEP remove it with the runs of its trials
  windlass dashboard [PATH]    runs and sweeps live in a browser, W&B's offline runs too; --port N, --socket PATH,
                               --allow-control, --no-browser (pip install 'windlass[dashboard]')

  --json                       print a result that a script can read
  WINDLASS_RUNS_DIR            where runs are kept (default: runs/)
  WINDLASS_CACHE_DIR           where prepared data are kept

examples
  windlass train                                  the default: a small GPT on Python's own source code
  windlass train model=mlp dataset=digits optimizer.lr=3e-4
  windlass train model=cnn dataset=digits --cfg job
  windlass train -m sweep=tpe sweep.num_trials=20 'optimizer.lr=tag(log,interval(1e-5,1e-1))'
  eval "$(windlass train -sc install=bash)"       completion for this shell
"""


class Interrupted(BaseException):
    """A signal that ends the command outside of a running job."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def main() -> None:
    """Entry point of the `windlass` command; the process is ours, and so are its signals."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(signum, _interrupt)
    sys.exit(run_command(sys.argv[1:]))


def run_command(argv: list[str]) -> int:
    """Run one verb; returns the exit code.

    0 done, 1 the run failed, 2 the request was wrong, 75 the run was preempted, 128 + n for another signal n.
    """
    verbs: dict[str, Callable[[list[str]], int]] = {"train": train, "check": check, "parity": parity, "runs": runs}
    verbs |= {"sweeps": sweeps, "dashboard": dashboard}
    try:
        if not argv or argv[0] in ("-h", "--help", "help"):
            print(HELP, end="")
            return 0
        if argv[0] == "--version":
            from importlib.metadata import version

            print(version("windlass"))
            return 0
        if argv[0] in ("-sc", "--shell-completion"):
            return train(argv)
        if argv[0] not in verbs:
            from launcher.config.nearest import did_you_mean
            from launcher.errors import RequestError

            raise RequestError(
                f"windlass has no verb {argv[0]!r}{did_you_mean(argv[0], list(verbs))}; use {', '.join(verbs)}, "
                "or see windlass --help"
            )
        return verbs[argv[0]](argv[1:])
    except WindlassError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except Interrupted as interruption:
        if argv[0] == "train" or argv[:2] == ["runs", "resume"]:
            from launcher.jobs.attempts import requeued

            return requeued(interruption.signum)
        return 128 + interruption.signum
    except BrokenPipeError:  # `windlass runs | head`
        sys.stderr.close()
        return 0


def train(argv: list[str]) -> int:
    """`windlass train`: an ordinary Hydra app."""
    from launcher.config.compose import job_command, run_app
    from launcher.config.sweep_app import read_multirun
    from launcher.config.targets import add_working_directory
    from launcher.errors import RequestError
    from launcher.jobs.job import run_job

    argv, as_json = _take_flag(argv, "--json")
    argv, force = _take_flag(argv, "--force")
    add_working_directory()
    if (asked := read_multirun(argv)) is not None:
        return _sweep(asked, as_json=as_json, force=force)
    if force:
        raise RequestError("--force goes on with a sweep whose space has changed, and this is no sweep; drop it")

    def task(composed: DictConfig) -> Run:
        run = run_job(composed, _view(as_json), command=job_command(argv))
        if as_json:
            print(json.dumps(run.describe()))
        return run

    trained = run_app(argv, task, metric=lambda run, name: run.metrics.get(name, math.nan))
    return max((run.job["exit_code"] for run in trained), default=0)


def check(argv: list[str]) -> int:
    """`windlass check`: the plan of a run, without running it."""
    from launcher.jobs.check import check_job, check_rows

    argv, as_json = _take_flag(argv, "--json")

    def task(composed: DictConfig) -> int:
        result = check_job(composed, _view(as_json))
        if as_json:
            print(json.dumps(result))
        else:
            _table(check_rows(result))
        return 0

    return max(_hydra(argv, task), default=0)


def parity(argv: list[str]) -> int:
    """`windlass parity`: the configured mesh against one process, or another strategy."""
    from launcher.jobs.parity import prove_parity, reference_overrides, show_parity

    argv, as_json = _take_flag(argv, "--json")
    argv, shrink = _take_flag(argv, "--shrink")
    argv, against = _take_value(argv, "--against")
    argv, steps = _take_value(argv, "--steps")
    composed = _hydra(argv, lambda config: config)
    if not composed:
        return 0
    (reference,) = _hydra(reference_overrides(argv, against), lambda config: config)
    num_steps = _count("--steps", "10" if steps is None else steps)
    result = prove_parity(composed[0], reference, _view(as_json), steps=num_steps, shrink=shrink)
    if as_json:
        print(json.dumps(result))
    else:
        show_parity(result, print)
    return 0 if result["passed"] else 1


def runs(argv: list[str]) -> int:
    """`windlass runs ...`: look at, follow, stop and delete runs."""
    from launcher.jobs.manage import manage

    return manage(argv)


def sweeps(argv: list[str]) -> int:
    """`windlass sweeps ...`: look at, stop, resume and delete sweeps."""
    from launcher.sweeps.manage import manage

    return manage(argv)


def dashboard(argv: list[str]) -> int:
    """`windlass dashboard`: runs and sweeps in a browser."""
    from launcher.dashboard.command import dashboard as show

    return show(argv)


def _hydra(argv: list[str], task: Callable[[DictConfig], T]) -> list[T]:
    from launcher.config.compose import run_app
    from launcher.config.targets import add_working_directory

    add_working_directory()
    return run_app(argv, task)


def _sweep(asked: Multirun, *, as_json: bool, force: bool) -> int:
    from launcher.sweeps.report import make_report
    from launcher.sweeps.start import start_sweep
    from launcher.sweeps.table import Table

    record, code = start_sweep(asked, Table(_console(as_json)), force=force)
    if as_json:
        print(json.dumps(make_report(record)))
    return code


def _view(as_json: bool) -> Any:
    from launcher.jobs.view import View

    return View(_console(as_json))


def _console(as_json: bool) -> Console:
    from rich.console import Console

    return Console(stderr=as_json)


def _table(rows: list[tuple[str, str]]) -> None:
    from rich.table import Table

    table = Table(show_header=False)
    for row in rows:
        table.add_row(*row)
    _console(as_json=False).print(table)


def _take_value(argv: list[str], flag: str) -> tuple[list[str], str | None]:
    """The command line without `--flag VALUE` or `--flag=VALUE`, and the value."""
    from launcher.errors import RequestError

    for place, word in enumerate(argv):
        if word.startswith(f"{flag}="):
            return argv[:place] + argv[place + 1 :], word.partition("=")[2]
        if word == flag:
            if place + 1 == len(argv):
                raise RequestError(f"{flag} needs a value behind it")
            return argv[:place] + argv[place + 2 :], argv[place + 1]
    return argv, None


def _count(flag: str, value: str) -> int:
    from launcher.errors import RequestError

    if not value.isdecimal() or int(value) < 1:
        raise RequestError(f"{flag}={value} must be a whole number of at least 1; for example {flag} 10")
    return int(value)


def _take_flag(argv: list[str], flag: str) -> tuple[list[str], bool]:
    return [word for word in argv if word != flag], flag in argv


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise Interrupted(signum)
