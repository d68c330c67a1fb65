"""The directory of a sweep: what was asked for, who runs it, and its ledger."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launcher.config.multirun import Multirun
from launcher.errors import RequestError
from launcher.runs import (
    Run,
    is_alive,
    locked,
    new_run_id,
    pick,
    read_json,
    refuse_alias,
    runs_root,
    this_process,
    unwritable,
    write_json,
)
from launcher.sweeps.ledger import Ledger, Trial

FOLDER = "sweeps"


@dataclass(frozen=True, slots=True)
class Record:
    """One sweep, seen through its directory."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def record_path(self) -> Path:
        return self.path / "sweep.json"

    @property
    def ledger_path(self) -> Path:
        return self.path / "ledger.jsonl"

    @property
    def plot_path(self) -> Path:
        return self.path / "plot.html"

    @property
    def values(self) -> dict[str, Any]:
        """What `sweep.json` says."""
        return read_json(self.record_path)

    @property
    def is_readable(self) -> bool:
        """Whether `sweep.json` says what was asked for; one that a power failure spoilt does not."""
        return "multirun" in self.values

    def update(self, **changes: Any) -> None:
        """Change some of what `sweep.json` says."""
        write_json(self.record_path, self.values | changes)

    def begin(self, multirun: Multirun) -> None:
        """Say that this process runs it, and what was asked for."""
        created = self.values.get("created", time.time())
        self.update(created=created, state="running", process=this_process(), multirun=multirun.to_plain())

    @property
    def multirun(self) -> Multirun:
        """What was asked for.

        Raises:
            RequestError: `sweep.json` is gone or spoilt.
        """
        if not self.is_readable:
            raise RequestError(
                f"{self.record_path} is gone or spoilt; go on with sweep {self.id} by the command that began it, with "
                f"run_id={self.id}, or delete it: windlass sweeps delete {self.id}"
            )
        return Multirun.from_plain(self.values["multirun"])

    @property
    def state(self) -> str:
        """`running`, `finished`, `failed`, `stopped`, or `lost` where its process is gone."""
        values = self.values
        state = values.get("state", "lost")
        process = values.get("process")
        process = process if isinstance(process, dict) else {}
        here = process.get("host") == socket.gethostname()
        if state == "running" and here and not is_alive(process):
            return "lost"
        return str(state)

    def trials(self) -> list[Trial]:
        """Every trial, as the ledger tells it."""
        return Ledger(self.ledger_path).trials

    def run(self, trial: Trial) -> Run:
        """The run of a trial."""
        return Run(runs_root() / trial_run_id(self.id, trial.number))

    def describe(self) -> dict[str, Any]:
        """The sweep in one flat object, for listings and scripts."""
        trials, values = self.trials(), self.values
        states = [trial.state for trial in trials]
        return {
            "id": self.id,
            "state": self.state,
            "path": str(self.path),
            "algorithm": values["multirun"]["settings"]["algorithm"] if self.is_readable else None,
            "created": values.get("created", 0.0),
            "trials": {state: states.count(state) for state in dict.fromkeys(states)},
        }


def trial_run_id(sweep: str, number: int) -> str:
    """The id of a trial's run."""
    return f"{sweep}-{number:03}"


def sweeps_root() -> Path:
    """The directory that holds sweeps, beside the runs."""
    return runs_root() / FOLDER


def create_record(multirun: Multirun) -> Record:
    """The directory of a new sweep, or of one whose `sweep.json` is gone.

    Raises:
        RequestError: the id means something else, runs have the names of its trials, or the disk refuses.
    """
    refuse_alias(multirun.run_id)
    record = Record(sweeps_root() / (multirun.run_id or new_run_id()))
    runs = sorted(path.name for path in runs_root().glob(f"{record.id}-*"))
    taken = [run for run in runs if re.fullmatch(r"\d{3,}", run.removeprefix(f"{record.id}-"))]
    if taken and not record.ledger_path.exists():
        raise RequestError(
            f"run_id={record.id}: {taken[0]} is a run already, and no trial of this sweep; choose another run_id, or "
            f"delete it: windlass runs delete {taken[0]}"
        )
    try:
        record.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(error) from error
    return record


def list_records() -> list[Record]:
    """All sweeps, oldest first."""
    root = sweeps_root()
    records = [Record(path) for path in root.glob("*") if path.is_dir()]
    return sorted(records, key=lambda record: (record.values.get("created", 0.0), record.id))


def find_record(name: str) -> Record:
    """A sweep by id, unique prefix, or `latest`.

    Raises:
        RequestError: none or several match.
    """
    records = list_records()
    if not records:
        raise RequestError(f"there are no sweeps in {runs_root()}; windlass train -m optimizer.lr=1e-3,3e-4 begins one")
    return pick(name, records, kind="sweep")


def held(record: Record) -> contextlib.AbstractContextManager[None]:
    """Hold a sweep, so that no second process runs it.

    Raises:
        RequestError: another process holds it.
    """
    refusal = f"sweep {record.id} is running; stop it first: windlass sweeps stop {record.id}"
    return locked(record.path / ".lock", refusal=refusal)
