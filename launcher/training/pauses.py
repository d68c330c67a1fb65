"""Between two steps: checkpoints that are due, and leaving together on a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launcher.training import signals
from launcher.training.agreement import Agreement
from launcher.training.position import Position
from launcher.training.state import to_state

if TYPE_CHECKING:
    from launcher.training.build import Assembly
    from launcher.training.guard import Guard
    from launcher.training.window import Window


class Pauses:
    """Called after each step; all processes do the same after the same step."""

    def __init__(self, job: Assembly, guard: Guard, *, first_step: int) -> None:
        self._job, self._guard = job, guard
        self._agreement = Agreement(job.control, first_step=first_step)
        self._first_step = self._saved = first_step

    def after(self, done: int, window: Window, *, metrics: dict[str, float]) -> None:
        """`metrics` are those of the validation split if it was evaluated after this step, else empty.

        Raises:
            Stopped: a signal reached some process; a checkpoint of this step is published if the disk took it.
        """
        planned = self._is_planned(done, evaluated=bool(metrics))
        if not planned and not self._agreement.is_due(done):
            return
        checkpointer = self._job.checkpointer
        asked = self._agreement.ask(
            done,
            signum=signals.received() or 0,
            save=checkpointer is not None and checkpointer.is_due,
            busy=checkpointer is not None and checkpointer.busy,
        )
        stops = asked.signum != 0
        if checkpointer is not None and (stops or planned or (asked.save and not asked.busy)) and done > self._saved:
            self._saved = done
            with self._job.vigil.phase("taking a checkpoint"):
                checkpointer.save(done, to_state(self._job, self._position(done, window, metrics)), wait=stops)
        elif checkpointer is not None and done == self._first_step + 1:
            checkpointer.prepare()
        if stops:
            raise signals.Stopped(asked.signum)

    def _is_planned(self, done: int, *, evaluated: bool) -> bool:
        """Whether a checkpoint belongs to this step whatever the clock says."""
        config = self._job.config.checkpoint
        if not config.enabled:
            return False
        every = config.every_steps
        return (
            done == self._job.num_steps
            or (every is not None and done % every == 0)
            or (evaluated and config.keep_best > 0)
        )

    def _position(self, done: int, window: Window, metrics: dict[str, float]) -> Position:
        job = self._job
        losses, terms = window.settle()
        wall = job.wall_seconds()
        return Position(
            step=done,
            window_losses=losses,
            window_terms=terms,
            train_seconds=job.meter.seconds_so_far(),
            wall_seconds=wall,
            device_seconds=job.position.device_seconds
            + (wall - job.position.wall_seconds) * job.accelerator.num_processes,
            skipped_steps=self._guard.num_skipped,
            recent_losses=self._guard.recent_losses,
            metrics=metrics,
        )
