"""What the terminal shows of a sweep: a live table of slots on a terminal, a line a trial in a file."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table as RichTable
from rich.text import Text

from launcher import words
from launcher.sweeps.best import find_best
from launcher.sweeps.ledger import FAILED, FINISHED, PAUSED, PRUNED, Trial

if TYPE_CHECKING:
    from launcher.sweeps.sweep import Sweep
    from launcher.sweeps.trial import Running

REFRESH_S = 0.25
STYLES = {FINISHED: "green", FAILED: "red", PRUNED: "yellow", PAUSED: "yellow"}


class Table:
    """Draws a sweep on one console."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live: Live | None = None
        self._drawn = 0.0
        self._begun = time.monotonic()
        self._num_over = 0  # since then

    def close(self) -> None:
        """Take the live table away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def line(self, text: str, style: str = "") -> None:
        """A line that stays."""
        self.console.print(Text(text, style=style), soft_wrap=True)

    def started(self, sweep: Sweep, running: Running) -> None:
        """A trial begins or goes on."""
        if not self.console.is_terminal:
            trial = running.ready.trial
            self.line(f"trial {trial.number} on {sweep.pool.kind} {','.join(running.slots.ids)}: {trial.typed()}")

    def ended(self, sweep: Sweep, trial: Trial) -> None:
        """A trial has ended, or pauses."""
        self._num_over += trial.is_over
        metric = next(iter(sweep.settings.objectives))
        value = trial.values.get(metric, trial.reports[-1].get(metric) if trial.reports else None)
        text = f"trial {trial.number} {trial.state}"
        text += "" if value is None else f"  {metric} {value:.4g}"
        text += "" if trial.reason is None else f"  {trial.reason}"
        self.line(f"{text}  {trial.typed()}", STYLES.get(trial.state, ""))

    def draw(self, sweep: Sweep) -> None:
        """Show where everything stands."""
        now = time.monotonic()
        if not self.console.is_terminal or now - self._drawn < REFRESH_S:
            return
        self._drawn = now
        if self._live is None:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()
        table = RichTable()
        metric = next(iter(sweep.settings.objectives))
        for name in (sweep.pool.kind, "trial", "step", metric, "time", "overrides"):
            table.add_column(name)
        for running in sweep.running.values():
            trial, step = running.ready.trial, running.last_step
            progress = f"{step['step']}/{step['num_steps']}" if step else ""
            value = trial.reports[-1].get(metric) if trial.reports else None
            shown = "" if value is None else f"{value:.4g}"
            spent = words.duration(running.seconds)
            table.add_row(",".join(running.slots.ids), str(trial.number), progress, shown, spent, Text(trial.typed()))
        self._live.update(Group(Text(self._title(sweep)), table), refresh=True)

    def _title(self, sweep: Sweep) -> str:
        trials = sweep.ledger.trials
        over = [trial for trial in trials if trial.is_over]
        total, metric = sweep.total, next(iter(sweep.settings.objectives))
        parts = [f"sweep {sweep.record.id}", f"{len(over)}/{total} trials"]
        failed = sum(trial.state == FAILED for trial in trials)
        parts += [f"{failed} failed"] if failed else []
        paused = sum(trial.state in (PAUSED, PRUNED) for trial in trials)
        parts += [f"{paused} pruned"] if paused else []
        best = find_best(trials, sweep.settings.objectives)
        if len(best) == 1:
            parts.append(f"best {best[0].values[metric]:.4g} (trial {best[0].number})")
        spent = time.monotonic() - self._begun
        if self._num_over and total > len(over):
            parts.append(f"{words.duration(spent / self._num_over * (total - len(over)))} left")
        return "  ".join(parts)
