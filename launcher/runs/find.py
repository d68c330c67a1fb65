"""Where runs lie, and how one is made, found and deleted."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from launcher.errors import RequestError
from launcher.runs.run import ACTIVE, Run


class HasId(Protocol):
    """What lies in a directory named by its id."""

    @property
    def id(self) -> str: ...


Named = TypeVar("Named", bound=HasId)


def runs_root() -> Path:
    """The directory that holds runs: `WINDLASS_RUNS_DIR`, else `runs/` in the working directory."""
    return Path(os.environ.get("WINDLASS_RUNS_DIR") or "runs").absolute()


def new_run_id() -> str:
    """A fresh id that sorts by time, such as `20260131-142501-9f3c`."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def create_run(run_id: str | None) -> Run:
    """Make the directory of a new run.

    Raises:
        RequestError: the id exists already, or the disk refuses.
    """
    root = runs_root()
    run = Run(root / (run_id or new_run_id()))
    try:
        root.mkdir(parents=True, exist_ok=True)
        run.path.mkdir()
        run.logs_dir.mkdir()
    except FileExistsError as error:
        refuse_existing(run.id)
        raise RequestError(
            f"runs can't be written to {root}: it is a file; set WINDLASS_RUNS_DIR to a directory"
        ) from error
    except OSError as error:
        shutil.rmtree(run.path, ignore_errors=True)
        raise unwritable(error) from error
    return run


def unwritable(error: OSError) -> RequestError:
    """The error for a disk that refuses to take a run."""
    return RequestError(
        f"runs can't be written to {runs_root()}: {error.strerror}; "
        "set WINDLASS_RUNS_DIR to a directory that has room and can be written"
    )


def refuse_alias(run_id: str | None) -> None:
    """Raise `RequestError` if the id means something else."""
    if run_id in ("latest", "sweeps"):
        what = "how the newest run is called" if run_id == "latest" else "where sweeps lie"
        raise RequestError(f"run_id={run_id} is {what}; choose another run_id")


def refuse_existing(run_id: str | None) -> None:
    """Raise `RequestError` if a run of this id exists, or the id means something else."""
    refuse_alias(run_id)
    if run_id is not None and (runs_root() / run_id).exists():
        raise RequestError(
            f"run_id={run_id} exists already in {runs_root()}; choose another run_id, "
            f"or delete it: windlass runs delete {run_id}"
        )


def list_runs() -> list[Run]:
    """All runs, oldest first."""
    root = runs_root()
    runs = [Run(path) for path in root.glob("*") if (path / "job.json").exists()] if root.is_dir() else []
    return sorted(runs, key=lambda run: (run.job.get("created", 0.0), run.id))


def find_run(name: str) -> Run:
    """A run by id, unique prefix, or `latest`.

    Raises:
        RequestError: none or several match.
    """
    runs = list_runs()
    if not runs:
        raise RequestError(f"there are no runs in {runs_root()}; set WINDLASS_RUNS_DIR if yours are elsewhere")
    return pick(name, runs, kind="run")


def pick(name: str, known: Sequence[Named], *, kind: str) -> Named:
    """One of what is known, oldest first, by id, unique prefix, or `latest`.

    Raises:
        RequestError: none or several match.
    """
    if name == "latest":
        return known[-1]
    matches = [each for each in known if each.id == name] or [
        each for each in known if name and each.id.startswith(name)
    ]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise RequestError(f"{name!r} is the beginning of {len(matches)} {kind}s: {_names(matches)}; type more of it")
    raise RequestError(f"no {kind} is called {name!r}; the latest are {_names(known)}")


def _names(known: Sequence[HasId]) -> str:
    return ", ".join(each.id for each in known[-5:])


def delete_run(run: Run) -> None:
    """Remove a run's directory.

    Raises:
        RequestError: the run is still active.
    """
    if run.state in ACTIVE:
        raise RequestError(f"run {run.id} is {run.state}; stop it first: windlass runs stop {run.id}")
    shutil.rmtree(run.path)
