"""What the pages of sweeps show."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from launcher.dashboard.places import make_key
from launcher.dashboard.views.importance import Importances
from launcher.dashboard.views.parameters import parameters, value_of
from launcher.dashboard.views.plain import plain
from launcher.errors import RequestError
from launcher.sweeps.best import cost, find_best
from launcher.sweeps.ledger import FINISHED, RUNNING, Stay, Trial, is_number, sound_trials
from launcher.sweeps.record import Record, trial_run_id
from launcher.sweeps.report import hours

if TYPE_CHECKING:
    from launcher.config.multirun import Multirun
    from launcher.dashboard.index.index import Index
    from launcher.dashboard.places import SweepPlace

LOST = "lost"
LATEST = 1e12
"""Unix time; what is beyond is none."""


class Sweeps:
    """The sweeps of an index; usable from several threads."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self.importances = Importances()

    def listing(self) -> list[dict[str, Any]]:
        """Every sweep in short, newest first."""
        found = [_summary(place) for place in self._index.sweeps()]
        return sorted(found, key=lambda each: each["created"] or 0.0, reverse=True)

    def version(self, key: str) -> str | None:
        """Another one whenever `view` would say something else; None where there is no such sweep (any more)."""
        place = self._index.sweep(key)
        if place is None:
            return None
        record, stamps = Record(place.path), []
        for path in (record.ledger_path, record.record_path):
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                stamps.append(f"{stat.st_size}-{stat.st_mtime_ns}")
        return " ".join([*stamps, record.state, str(self.importances.num_found)])

    def view(self, key: str) -> dict[str, Any] | None:
        """One sweep whole; None where there is no such sweep (any more)."""
        place = self._index.sweep(key)
        if place is None or not place.path.is_dir():
            return None
        record = Record(place.path)
        multirun, problems = _asked_for(record)
        trials, damage = sound_trials(record.ledger_path)
        objectives = {} if multirun is None else multirun.settings.objectives
        dimensions = {} if multirun is None else multirun.space.dimensions
        mattered, is_all = ({}, True) if multirun is None else self.importances.get(record, trials)
        best = [trial.number for trial in find_best(trials, objectives)] if objectives else []
        state = record.state
        return plain(
            {
                "id": record.id,
                "state": state,
                "created": _created(record),
                "objectives": objectives,
                "algorithm": None if multirun is None else multirun.settings.algorithm,
                "parameters": parameters(dimensions, trials),
                "trials": [self._trial(place, trial, is_running=state == RUNNING) for trial in trials],
                "importance": mattered,
                "importance_is_final": is_all,
                "hours": hours(trials),
                "best": best[:1] if len(objectives) == 1 else [],
                "front": best if len(objectives) > 1 else [],
                "best_so_far": _best_so_far(trials, objectives),
                "slots": _slots(trials, is_running=state == RUNNING),
                "problems": problems + ([] if damage is None else [damage]),
            }
        )

    def _trial(self, place: SweepPlace, trial: Trial, *, is_running: bool) -> dict[str, Any]:
        run_id = trial_run_id(place.id, trial.number)
        key = make_key(place.path.parents[1] / run_id, run_id)  # trials lie beside the directory of sweeps
        return {
            "number": trial.number,
            "key": key if self._index.place(key) is not None else None,
            "run": run_id,
            "state": _state(trial, is_running=is_running),
            "parameters": {name: value_of(typed) for name, typed in trial.overrides.items()},
            "values": trial.values or (trial.reports[-1] if trial.reports else {}),
            "reports": len(trial.reports),
            "device_seconds": trial.device_seconds,
            "reason": trial.reason,
            "begun": trial.begun or None,
            "ended": None if trial.state == RUNNING else trial.ended or None,
            "slot": list(trial.slot),
        }


def _summary(place: SweepPlace) -> dict[str, Any]:
    record = Record(place.path)
    multirun, problems = _asked_for(record)
    trials, damage = sound_trials(record.ledger_path)
    objectives = {} if multirun is None else multirun.settings.objectives
    best = find_best(trials, objectives) if objectives else []
    states = [_state(trial, is_running=record.state == RUNNING) for trial in trials]
    return plain(
        {
            "key": place.key,
            "id": place.id,
            "state": record.state,
            "algorithm": None if multirun is None else multirun.settings.algorithm,
            "created": _created(record),
            "trials": {state: states.count(state) for state in dict.fromkeys(states)},
            "objectives": objectives,
            "best": [best[0].values[metric] for metric in objectives] if best else None,
            "hours": hours(trials),
            "problems": problems + ([] if damage is None else [damage]),
        }
    )


def _created(record: Record) -> float | None:
    created = record.values.get("created")
    return float(created) if isinstance(created, int | float) and abs(created) < LATEST else None


def _asked_for(record: Record) -> tuple[Multirun | None, list[str]]:
    """What `sweep.json` asks for, or what is wrong with it."""
    try:
        return record.multirun, []
    except RequestError as error:
        return None, [str(error)]
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        return None, [f"{record.record_path} says nothing that a sweep writes ({type(error).__name__}: {error})"]


def _state(trial: Trial, *, is_running: bool) -> str:
    return LOST if trial.state == RUNNING and not is_running else trial.state


def _best_so_far(trials: Sequence[Trial], objectives: dict[str, str]) -> list[list[float]]:
    """For each trial that finished, by time: its number, its end, and the best of the first objective until then."""
    if not objectives:
        return []
    first = dict([next(iter(objectives.items()))])
    metric = next(iter(first))
    done = [trial for trial in trials if trial.state == FINISHED and is_number(trial.values.get(metric))]
    found: list[list[float]] = []
    best: Trial | None = None
    for trial in sorted(done, key=lambda trial: trial.ended):
        if best is None or cost(trial, first) < cost(best, first):
            best = trial
        found.append([trial.number, trial.ended, best.values[metric]])
    return found


def _slots(trials: Sequence[Trial], *, is_running: bool) -> list[dict[str, Any]]:
    """Which trial was on which device, and when. A stay whose end nobody wrote down ends with the last that was."""
    last = max((max(stay.begun, stay.ended or 0.0) for trial in trials for stay in trial.stays), default=0.0)
    found = []
    for trial in trials:
        for stay, following in zip_longest(trial.stays, trial.stays[1:]):
            ended, state = _end(stay, following, last, is_running=is_running)
            times = {"trial": trial.number, "begun": stay.begun, "ended": ended, "state": state}
            found += [{"slot": device, **times} for device in stay.slot]
    return sorted(found, key=lambda each: each["begun"])


def _end(stay: Stay, following: Stay | None, last: float, *, is_running: bool) -> tuple[float | None, str]:
    if stay.ended is not None:
        return stay.ended, stay.state
    if following is not None:
        return following.begun, LOST
    return (None, RUNNING) if is_running else (last, LOST)
