"""`windlass sweeps`: list, show, resume, stop and delete sweeps, all from their directories."""

from __future__ import annotations

import argparse
import csv
import io
import json
import shutil
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from launcher.errors import RequestError
from launcher.runs import ACTIVE, delete_run, stop_process
from launcher.sweeps.record import Record, find_record, list_records
from launcher.sweeps.report import describe, make_report, show_report


def manage(argv: list[str]) -> int:
    """Run one `windlass sweeps` verb; returns the exit code.

    Raises:
        RequestError: no such sweep, or one that is in the wrong state for the verb.
    """
    if not argv or argv == ["--json"]:
        argv = ["list", *argv]
    if argv[0] == "resume":
        argv = sorted(argv, key=lambda word: word.startswith("--"))  # argparse wants overrides before flags
    arguments = _parser().parse_args(argv)
    if arguments.verb == "list":
        return list_all(as_json=arguments.json)
    record = find_record(arguments.sweep)
    if arguments.verb == "show":
        return show(record, as_json=arguments.json)
    if arguments.verb == "best":
        return best(record, as_json=arguments.json)
    if arguments.verb == "export":
        return export(record, path=arguments.csv, as_json=arguments.json)
    if arguments.verb == "resume":
        how = {"force": arguments.force, "failed": arguments.failed}
        return resume(record, arguments.overrides, as_json=arguments.json, **how)
    if arguments.verb == "stop":
        return stop(record, as_json=arguments.json)
    return delete(record, as_json=arguments.json)


def _parser() -> argparse.ArgumentParser:
    text = "Look at, stop, resume and delete sweeps. Without a verb all are listed; windlass train -m begins one."
    parser = argparse.ArgumentParser(prog="windlass sweeps", description=text)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="all sweeps, oldest first")
    helps = {
        "show": "one sweep: its trials, the best, what mattered, what it cost",
        "best": "the overrides of the best trial, ready to paste",
        "export": "every trial as a row",
        "resume": "go on with a sweep that ended, to the number of trials that it is to have",
        "stop": "end a sweep after a last checkpoint of each trial that runs",
        "delete": "remove a sweep with the runs of its trials",
    }
    for verb, text in helps.items():
        sub = verbs.add_parser(verb, help=text)
        optional = verb in ("show", "best", "export")
        sub.add_argument(
            "sweep", help="id, unique beginning, or latest", nargs="?" if optional else None, default="latest"
        )
    parsers = verbs.choices
    for each in parsers.values():
        each.add_argument("--json", action="store_true", help="what a script can read")
    parsers["export"].add_argument("--csv", metavar="FILE", nargs="?", const="-", default="-", help="default: print")
    overrides = parsers["resume"].add_argument("overrides", nargs="*", default=[])
    overrides.help = "what changes, such as sweep.num_trials=100"
    parsers["resume"].add_argument("--failed", action="store_true", help="run trials that failed again, too")
    parsers["resume"].add_argument("--force", action="store_true", help="go on though the space or the rest changes")
    return parser


def list_all(*, as_json: bool) -> int:
    """Print every sweep with its state, age and trials."""
    rows = [record.describe() for record in list_records()]
    if as_json:
        print(json.dumps(rows))
        return 0
    table = Table()
    for title in ("sweep", "state", "started", "algorithm", "trials"):
        table.add_column(title, no_wrap=title == "sweep")
    for row in rows:
        started = time.strftime("%m-%d %H:%M", time.localtime(row["created"]))
        trials = ", ".join(f"{number} {state}" for state, number in row["trials"].items())
        table.add_row(row["id"], row["state"], started, row["algorithm"], trials)
    Console().print(table)
    return 0


def show(record: Record, *, as_json: bool) -> int:
    """Print one sweep."""
    trials = [describe(record, trial) for trial in record.trials()]
    if as_json:
        print(json.dumps(make_report(record) | {"all": trials}))
        return 0
    metrics = list(record.multirun.settings.objectives)
    table = Table()
    for title in ("trial", "state", *metrics, "evaluations", "overrides", "reason"):
        table.add_column(title, overflow="fold")
    for row in trials:
        values = ["" if (value := row["values"].get(metric)) is None else f"{value:.6g}" for metric in metrics]
        typed = " ".join(f"{key}={value}" for key, value in row["overrides"].items())
        cause = (row["reason"] or "").partition(":")[0]
        table.add_row(row["run"], row["state"], *values, str(row["evaluations"]), Text(typed), Text(cause))
    console = Console()
    console.print(table)
    show_report(record, console)
    return 0


def best(record: Record, *, as_json: bool) -> int:
    """Print the overrides of the best trial, or of the Pareto front.

    Raises:
        RequestError: no trial has finished.
    """
    trials = make_report(record)["best"]
    if not trials:
        raise RequestError(f"no trial of sweep {record.id} has finished; see windlass sweeps show {record.id}")
    if as_json:
        print(json.dumps(trials))
        return 0
    by_number = {trial.number: trial for trial in record.trials()}
    for trial in trials:
        print(by_number[trial["trial"]].typed())
    return 0


def export(record: Record, *, path: str, as_json: bool) -> int:
    """Write every trial as a row: its state, cost and cause, each swept key and each metric.

    Raises:
        RequestError: the file can't be written.
    """
    trials = [describe(record, trial) for trial in record.trials()]
    keys = list(dict.fromkeys(key for trial in trials for key in trial["overrides"]))
    metrics = list(dict.fromkeys(name for trial in trials for name in trial["values"]))
    plain = ["trial", "run", "state", "evaluations", "device_seconds", "reason"]
    rows: list[dict[str, Any]] = [
        {name: trial[name] for name in plain} | trial["overrides"] | trial["values"] for trial in trials
    ]
    if as_json:
        print(json.dumps(rows))
        return 0
    text = io.StringIO()
    writer = csv.DictWriter(text, [*plain, *keys, *metrics], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    if path == "-":
        print(text.getvalue(), end="")
        return 0
    try:
        Path(path).write_text(text.getvalue(), encoding="utf-8", newline="")
    except OSError as error:
        raise RequestError(f"--csv {path} can't be written: {error.strerror}; name another file") from error
    return 0


def resume(record: Record, overrides: list[str], *, as_json: bool, force: bool, failed: bool) -> int:
    """Go on with a sweep, and run trials that `failed` again if so asked; returns its exit code.

    Raises:
        RequestError: it runs, or would change.
    """
    from launcher.config.sweep_app import change_multirun
    from launcher.config.targets import add_working_directory
    from launcher.sweeps.start import go_on
    from launcher.sweeps.table import Table as SweepTable

    add_working_directory()
    multirun = change_multirun(record.multirun, overrides) if overrides else record.multirun
    _, code = go_on(record, multirun, SweepTable(Console(stderr=as_json)), force=force, failed=failed)
    if as_json:
        print(json.dumps(make_report(record)))
    return code


def stop(record: Record, *, as_json: bool) -> int:
    """End a running sweep; its trials take a checkpoint.

    Raises:
        RequestError: it does not run, or on another machine.
    """
    if record.state != "running":
        raise RequestError(f"sweep {record.id} is {record.state}; only a running sweep can be stopped")
    stopped = stop_process(record.values["process"], lambda: record.state == "running", kind="sweep", name=record.id)
    print(json.dumps({"id": record.id, "state": record.state}) if as_json else f"{record.id} is {record.state}")
    return 0 if stopped else 1


def delete(record: Record, *, as_json: bool) -> int:
    """Remove a sweep and the runs of its trials.

    Raises:
        RequestError: it still runs, or a run of it does by itself.
    """
    if record.state == "running":
        raise RequestError(f"sweep {record.id} is running; stop it first: windlass sweeps stop {record.id}")
    runs = [run for trial in record.trials() if (run := record.run(trial)).path.exists()]
    active = next((run.id for run in runs if run.state in ACTIVE), None)
    if active is not None:
        raise RequestError(f"run {active} of sweep {record.id} is running; stop it first: windlass runs stop {active}")
    for run in runs:
        delete_run(run)
    shutil.rmtree(record.path)
    deleted = {"id": record.id, "runs": [run.id for run in runs]}
    print(json.dumps(deleted) if as_json else f"deleted {record.id} and {len(runs)} runs")
    return 0
