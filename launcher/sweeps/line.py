"""Trials that wait for devices, in the order in which they start."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from launcher.config.command import train_command
from launcher.config.compose import with_value
from launcher.config.composer import Composer
from launcher.config.validate import from_composed
from launcher.errors import RequestError
from launcher.sweeps.check import num_devices
from launcher.sweeps.halving import Halving, bracket_of
from launcher.sweeps.ledger import RUNNING, STOPPED, WAITING, Ledger, Trial
from launcher.sweeps.search import make_search
from launcher.sweeps.trial import Ready, inputs_of

if TYPE_CHECKING:
    from launcher.config.multirun import Multirun
    from launcher.sweeps.record import Record
    from launcher.sweeps.slots import Pool, Slots

MOST_OVERTAKEN = 2
"""A trial that does not fit is overtaken by so many a device; then all others wait until it fits."""
NUM_BRACKETS = 3


class Line:
    """Trials that are promoted first, then interrupted ones, then new ones; the first that fits starts."""

    def __init__(
        self,
        record: Record,
        multirun: Multirun,
        ledger: Ledger,
        pool: Pool,
        *,
        halving: Halving,
        settle: Callable[[Trial, str | None], None],
    ) -> None:
        self._record, self._multirun, self._ledger, self._pool = record, multirun, ledger, pool
        self._search, self._halving = make_search(multirun), halving
        self._compose = Composer(multirun.place, multirun.fixed).compose
        self._settle = settle  # takes a trial that needs no devices any more, with the reason if it failed
        self._line: list[Ready] = []
        self._overtaken = 0
        self._closed = False  # no new trial is proposed any more
        self._learns = multirun.settings.algorithm == "tpe"
        self._wanted = 1 if self._learns else len(pool.ids)

    def next(self, running: Collection[int]) -> tuple[Ready, Slots] | None:
        """The next trial with the devices it gets; None where none fits, or none is left."""
        if self._multirun.settings.prunes:
            self._look_ahead(running)  # a trial that is promoted goes first
        found = self._first_that_fits()
        if found is None:
            self._look_ahead(running)
            found = self._first_that_fits()
        return found

    def _first_that_fits(self) -> tuple[Ready, Slots] | None:
        waits = self._overtaken >= MOST_OVERTAKEN * len(self._pool.ids)
        for place, ready in enumerate(self._line[:1] if waits else self._line):
            slots = self._pool.take(ready.processes)
            if slots is not None:
                self._overtaken = self._overtaken + 1 if place else 0
                del self._line[place]
                return ready, slots
        return None

    def close(self) -> None:
        """Propose no new trial any more."""
        self._closed = True

    def get_ready(self, running: Collection[int]) -> None:
        """Have the next trials ready before devices are free, unless a search that learns had better wait."""
        if running and not self._learns:
            self._look_ahead(running)

    def _look_ahead(self, running: Collection[int]) -> None:
        for trial in self._ledger.trials:
            waits = trial.state in (WAITING, RUNNING, STOPPED) and trial.number not in running
            if waits and len(self._line) < self._wanted and not self._has(trial):
                self._add(trial)
        if self._multirun.settings.prunes:
            self._promote(self._halving.promoted(self._ledger.trials))
        while len(self._line) < self._wanted and not self._closed:
            overrides = self._search.propose(self._ledger.trials)
            if overrides is None:
                self._closed = True
            else:
                self._add(self._ledger.propose(overrides, bracket=self._bracket(len(self._ledger.trials))))
        if self._multirun.settings.prunes and not running and not self._line:
            self._promote(self._halving.last_hope(self._ledger.trials))

    def _promote(self, trial: Trial | None) -> None:
        if trial is not None and not self._has(trial):
            self._add(trial, place=0)

    def _has(self, trial: Trial) -> bool:
        return any(ready.trial is trial for ready in self._line)

    def _add(self, trial: Trial, *, place: int | None = None) -> None:
        ready = self._ready(trial)
        if ready is not None:
            self._line.insert(len(self._line) if place is None else place, ready)

    def _ready(self, trial: Trial) -> Ready | None:
        """A trial with its config; None where it has ended after all, or can't run."""
        run = self._record.run(trial)
        if run.path.exists() and not (run.config_path.exists() and run.plan_path.exists()):
            shutil.rmtree(run.path)  # it was broken off before any worker started
        if run.path.exists() and run.state == "finished":
            self._settle(trial, None)
            return None
        try:
            composed = self._compose([*trial.typed_overrides(), f"run_id={run.id}"])
            config = from_composed(composed)
            processes = num_devices(config, self._pool.kind)
            self._pool.refuse(processes)
        except RequestError as error:
            self._settle(trial, str(error))
            return None
        composed = with_value(composed, "engine.num_processes", processes)
        if config.tracker.group is None:
            composed = with_value(composed, "tracker.group", self._record.id)
        config = from_composed(composed)
        inputs = None if run.path.exists() else inputs_of(composed, config, self._pool.devices(processes))
        return Ready(
            trial=trial,
            composed=composed,
            config=config,
            processes=processes,
            command=train_command(self._multirun.place, [*self._multirun.fixed, *trial.typed_overrides()]),
            run=run,
            inputs=inputs,
        )

    def _bracket(self, number: int) -> int:
        settings = self._multirun.settings
        if settings.algorithm != "hyperband":
            return 0
        return bracket_of(number, num_brackets=NUM_BRACKETS, reduction_factor=settings.reduction_factor)
