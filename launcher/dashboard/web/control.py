"""What a page may do to runs where the server was allowed to: check, start, stop, resume, delete."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.dashboard.places import WINDLASS, Place, make_key
from launcher.dashboard.web.answers import MissingError
from launcher.dashboard.web.overrides import check_stored, checked_overrides, composed
from launcher.dashboard.web.spawn import Spawned, spawn
from launcher.errors import RequestError
from launcher.runs import ACTIVE, Run, delete_run, interrupt_process, new_run_id, refuse_alias, runs_root
from launcher.sweeps.record import Record

if TYPE_CHECKING:
    from launcher.dashboard.index.index import Index


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A command that works on a run now."""

    run: Run
    spawned: Spawned
    has_begun: Callable[[], bool]  # whether the run's directory shows it


class Control:
    """Acts on runs that the index knows; all methods may block, and are called in threads."""

    def __init__(self, index: Index, roots: Sequence[Path]) -> None:
        self._index, self._roots = index, [root.absolute() for root in roots]

    def choices(self) -> dict[str, Any]:
        """Experiments, and the options of each group."""
        from launcher.config.groups import Groups

        groups = Groups()
        options = {name: groups.options(name) for name in groups.names() if name not in ("experiment", "sweep")}
        return {"experiments": groups.options("experiment"), "groups": options}

    def check(self, overrides: object, source: str | None) -> dict[str, Any]:
        """What a run of these overrides would be, or why there can be none."""
        from launcher.config.compose import to_yaml

        command: list[str] = []
        try:
            command = self._command(checked_overrides(overrides), source)
            config = composed(checked_overrides(command[2:]))
        except RequestError as error:
            return {"ok": False, "error": str(error), "config_yaml": "", "command": shlex.join(command)}
        return {"ok": True, "error": None, "config_yaml": to_yaml(config), "command": shlex.join(command)}

    def launch(self, overrides: object, source: str | None) -> Begun:
        """Start a new run, like that of the key `source` where one is given.

        Raises:
            RequestError: the overrides are wrong, or the run is there already.
        """
        asked = checked_overrides(overrides)
        words = checked_overrides(self._command(asked, source)[2:])
        config = composed(words)
        run_id = config.run_id or new_run_id()
        refuse_alias(run_id)
        runs_dir = self._runs_dir() if source is None else self._run(source).path.parent
        run = Run(runs_dir / run_id)
        if run.path.exists():
            raise RequestError(f"run_id={run_id} exists already in {runs_dir}; choose another run_id, or resume it")
        if config.run_id is None:
            words = [*words, f"run_id={run_id}"]
        spawned = spawn(["train", *words], runs_dir=runs_dir, name=run_id)
        return Begun(run=run, spawned=spawned, has_begun=run.job_path.exists)

    def resume(self, key: str, overrides: object) -> Begun:
        """Go on with a run; what may change is for the command to say.

        Raises:
            RequestError: it runs, it is none of ours, or it calls what the project's own configs do not name.
        """
        run, words = self._run(key), checked_overrides(overrides)
        if run.state in ACTIVE:
            raise RequestError(f"run {run.id} is {run.state}; there is nothing to resume")
        if not run.config_path.exists():
            raise RequestError(f"run {run.id} never started; start a new one")
        check_stored(run.config_path)
        before = run.job.get("pid"), run.job.get("pid_started")
        spawned = spawn(["runs", "resume", run.id, *words], runs_dir=run.path.parent, name=run.id)
        return Begun(
            run=run,
            spawned=spawned,
            has_begun=lambda: (run.job.get("pid"), run.job.get("pid_started")) != before,
        )

    def stop(self, key: str) -> str:
        """Ask the process that runs a run to end it; returns the run's id without waiting for its last checkpoint.

        Raises:
            RequestError: it does not run, runs elsewhere, or is part of a sweep that runs.
        """
        run = self._run(key)
        if run.state not in ACTIVE:
            raise RequestError(f"run {run.id} is {run.state}, not running; there is nothing to stop")
        self._refuse_trial(key, run)
        interrupt_process(run.job, kind="run", name=run.id)
        return run.id

    def delete(self, key: str, confirm: object) -> str:
        """Remove a run's directory, if `confirm` is its id; returns the id.

        Raises:
            RequestError: it is not, or the run is active.
        """
        run = self._run(key)
        if confirm != run.id:
            raise RequestError(f"to delete this run with all that it holds, confirm with its id: {run.id}")
        delete_run(run)
        return run.id

    def key(self, run: Run) -> str | None:
        """The key of a run, once the index knows it."""
        self._index.refresh()
        key = make_key(run.path.resolve(), run.id)
        return None if self._index.place(key) is None else key

    def _command(self, overrides: list[str], source: str | None) -> list[str]:
        """The command that starts such a run."""
        from launcher.config.command import train_command, with_changes
        from launcher.config.multirun import Place as Flags

        if source is None:
            return [*train_command(Flags(), []), *overrides]
        run = self._run(source)
        recorded = run.job.get("command")
        if not isinstance(recorded, list) or [str(word) for word in recorded[:2]] != ["windlass", "train"]:
            raise RequestError(f"run {run.id} does not say how it was started; choose options instead")
        return with_changes([str(word) for word in recorded], overrides)

    def _runs_dir(self) -> Path:
        """Where new runs go: the usual directory if this server shows it, else the first directory that it shows."""
        usual = runs_root()
        if any(usual.is_relative_to(root) for root in self._roots):
            return usual
        for root in self._roots:
            if root.is_dir() and not Run(root).job_path.exists():
                return root
        raise RequestError("no directory of runs is shown here; to launch, show one: windlass dashboard RUNS_DIR")

    def _run(self, key: str) -> Run:
        """A run that may be acted on."""
        place = self._index.place(key)
        if place is None:
            raise MissingError(f"there is no run {key[:40]!r} here; it may have been deleted")
        if place.kind != WINDLASS:
            raise RequestError(f"run {place.id} was not started by windlass; it can be looked at, and nothing else")
        _check_place(place)
        return Run(place.path)

    def _refuse_trial(self, key: str, run: Run) -> None:
        """Trials of a sweep run in one process, which a signal would end with all of them."""
        row = self._index.row(key)
        place = None if row is None or row.sweep_key is None else self._index.sweep(row.sweep_key)
        if place is not None and Record(place.path).values.get("process", {}).get("pid") == run.job.get("pid"):
            raise RequestError(
                f"run {run.id} is a trial of sweep {place.id}, which would end with it; "
                f"to end the sweep, type windlass sweeps stop {place.id}"
            )


def _check_place(place: Place) -> None:
    """Refuse what is not in the directory that the user asked to see, or has a name that would mean something else."""
    refuse_alias(place.path.name)
    if place.path.is_symlink() or not place.path.resolve().is_relative_to(place.root.resolve()):
        raise RequestError(f"run {place.id} lies outside of {place.root}; show its own directory to act on it")
    if place.path.name.startswith("-"):
        raise RequestError(f"run {place.id} has a name that would be read as a flag; rename its directory")
