"""`windlass runs`: list, show, follow, stop, resume and delete runs, all from their directories."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from launcher import words
from launcher.errors import RequestError
from launcher.runs import ACTIVE, Run, delete_run, find_run, list_runs, stop_process

POLL_S = 0.2


def manage(argv: list[str]) -> int:
    """Run one `windlass runs` verb; returns the exit code.

    Raises:
        RequestError: no such run, or one that is in the wrong state for the verb.
    """
    if not argv or argv == ["--json"]:
        argv = ["list", *argv]
    arguments = _parser().parse_args(argv)
    if arguments.verb == "list":
        return list_all(as_json=arguments.json)
    run = find_run(arguments.run)
    if arguments.verb == "show":
        return show(run, as_json=arguments.json)
    if arguments.verb == "logs":
        return logs(run, rank=arguments.rank, follow=arguments.follow)
    if arguments.verb == "export-weights":
        return export(run, step=arguments.step, output=arguments.output, as_json=arguments.json)
    if arguments.verb == "resume":
        return resume(run, arguments.overrides, as_json=arguments.json)
    if arguments.verb == "stop":
        return stop(run)
    delete_run(run)
    print(f"deleted {run.id}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="windlass runs", description="Look at, follow, stop and delete runs.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    listing = verbs.add_parser("list", help="all runs, oldest first")
    listing.add_argument("--json", action="store_true", help="one JSON array")
    helps = {
        "show": "one run: state, metrics, failure",
        "logs": "what a worker printed",
        "stop": "end a run after a last checkpoint; its state is kept as stopped",
        "resume": "go on with a run that ended, from its last checkpoint",
        "export-weights": "write a checkpoint's weights as Hugging Face safetensors",
        "delete": "remove a run's directory",
    }
    parsers = {verb: verbs.add_parser(verb, help=text) for verb, text in helps.items()}
    for verb, sub in parsers.items():
        optional = verb in ("show", "logs")
        sub.add_argument(
            "run", help="id, unique beginning, or latest", nargs="?" if optional else None, default="latest"
        )
    parsers["show"].add_argument("--json", action="store_true", help="one JSON object")
    parsers["resume"].add_argument("--json", action="store_true", help="one JSON object at the end")
    parsers["resume"].add_argument(
        "overrides", nargs="*", help="what changes, such as strategy=fsdp or trainer.max_steps=2000"
    )
    exporting = parsers["export-weights"]
    exporting.add_argument("--step", type=int, help="of which checkpoint (default: the newest)")
    exporting.add_argument("--output", type=Path, help="a directory (default: export/ in the run's)")
    exporting.add_argument("--json", action="store_true", help="one JSON object at the end")
    parsers["logs"].add_argument("-f", "--follow", action="store_true", help="until the run ends")
    parsers["logs"].add_argument("--rank", type=int, default=0, help="which worker (default 0)")
    return parser


def list_all(*, as_json: bool) -> int:
    """Print every run with its state, age, last step and loss."""
    rows = [run.describe() for run in list_runs()]
    if as_json:
        print(json.dumps(rows))
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for title in ("run", "state", "started", "model", "dataset", "step", "loss"):
        table.add_column(title, no_wrap=title == "run")
    for row in rows:
        started = time.strftime("%m-%d %H:%M", time.localtime(row["created"]))
        loss = "" if row["loss"] is None else f"{row['loss']:.4f}"
        table.add_row(row["id"], row["state"], started, row["model"], row["dataset"], str(row["step"] or ""), loss)
    Console().print(table)
    return 0


def show(run: Run, *, as_json: bool) -> int:
    """Print one run."""
    if as_json:
        print(json.dumps(run.describe() | {"job": run.job, "summary": run.summary, "failure": run.failure or None}))
        return 0
    from rich.console import Console

    from launcher.jobs.failure import Failure
    from launcher.jobs.view import View

    view = View(Console())
    if run.failure:
        view.failed(run, Failure(**run.failure))
    elif run.summary:
        view.end(run)
    else:
        view.line(f"run {run.id}: {run.state}", "bold")
        if steps := run.history():
            view.line(words.step(steps[-1]))
        view.line(f"where: {run.path}")
    return 0


def logs(run: Run, *, rank: int, follow: bool) -> int:
    """Print the log of one rank in the newest attempt.

    Raises:
        RequestError: that rank has no log.
    """
    attempts = run.attempts()
    path = run.log_path(attempt=attempts[-1], rank=rank) if attempts else run.agent_log_path
    while follow and not path.exists() and run.state in ACTIVE:
        time.sleep(POLL_S)
        attempts = run.attempts()
        path = run.log_path(attempt=attempts[-1], rank=rank) if attempts else path
    if not path.exists():
        ranks = len(list(path.parent.glob("rank_*.log")))
        use = f"use --rank 0 to {ranks - 1}" if ranks else f"no worker has started; see {run.path}"
        raise RequestError(f"run {run.id} has no log of rank {rank}; {use}")
    _copy(path, run if follow else None)
    return 0


def _copy(path: Path, followed: Run | None) -> None:
    with path.open("rb") as file:
        while True:
            # The state is read first: what the run wrote before it ended is still copied after.
            active = followed is not None and followed.state in ACTIVE
            while block := file.read(1 << 16):
                sys.stdout.buffer.write(block)
            sys.stdout.buffer.flush()
            if not active:
                return
            time.sleep(POLL_S)


def resume(run: Run, overrides: list[str], *, as_json: bool) -> int:
    """Go on with a run; returns its exit code.

    Raises:
        RequestError: it runs, or is finished, or an override would change what it learns.
    """
    from rich.console import Console

    from launcher.config.targets import add_working_directory
    from launcher.jobs.job import resume_job
    from launcher.jobs.view import View

    add_working_directory()
    ended = resume_job(run, overrides, View(Console(stderr=as_json)))
    if as_json:
        print(json.dumps(ended.describe()))
    return ended.job["exit_code"]


def export(run: Run, *, step: int | None, output: Path | None, as_json: bool) -> int:
    """Write a checkpoint's weights, and say where they are and who can read them.

    Raises:
        RequestError: there is no such checkpoint.
    """
    from rich.console import Console

    from launcher.config.targets import add_working_directory
    from launcher.jobs.view import View
    from launcher.training.export import export_weights

    add_working_directory()
    view = View(Console(stderr=True))
    try:
        done = export_weights(run, step=step, output=output, say=view.stage)
    finally:
        view.close()
    if as_json:
        print(json.dumps(done))
        return 0
    for line in done["passed_over"]:
        print(f"warning: {line}", file=sys.stderr)
    print(f"{done['num_tensors']} tensors of the checkpoint at step {done['step']} are in {done['path']}")
    if done["transformers"] is None:
        print("the model has no form in transformers: names are its own, and config.yaml there rebuilds it")
    else:
        print(f"transformers.{done['transformers']}.from_pretrained({done['path']!r}) loads them")
    return 0


def stop(run: Run) -> int:
    """Ask the process that holds the run to end it, and wait until it has.

    Raises:
        RequestError: the run is not active, or runs on another machine.
    """
    job = run.job
    if run.state not in ACTIVE:
        raise RequestError(f"run {run.id} is {run.state}, not running; there is nothing to stop")
    stopped = stop_process(job, lambda: run.state in ACTIVE, kind="run", name=run.id)
    print(f"{run.id} is {run.state}")
    return 0 if stopped else 1
