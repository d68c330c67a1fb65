"""What the terminal shows of a run: one live line on a terminal, plain lines in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from launcher import words
from launcher.checkpoints.marker import published

if TYPE_CHECKING:
    from launcher.jobs.failure import Failure
    from launcher.parallel.plan import Plan
    from launcher.runs import Run

BAR_WIDTH = 30


class View:
    """Draws stages, events and the end of a run on one console."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live: Live | None = None
        self._stage = ""

    def close(self) -> None:
        """Take the live line away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def stage(self, name: str, fraction: float | None = None) -> None:
        """What happens now, and how much of it is done; in a file, a line when the name changes."""
        if self.console.is_terminal:
            self._draw(Text(name, style="cyan"), fraction)
        elif name != self._stage:
            self.line(name)
        self._stage = name

    def line(self, text: str, style: str = "") -> None:
        """A line that stays."""
        self.console.print(Text(text, style=style), soft_wrap=True)

    def plan(self, run: Run, plan: Plan) -> None:
        """Which run starts on what."""
        self.line(f"run {run.id}: {words.plan(plan)}", "bold")
        for note in plan.notes:
            self.line(f"note: {note}", "yellow")

    def stopping(self, signal_name: str) -> None:
        """A signal was passed on."""
        self.line(f"{signal_name}: ending the workers", "yellow")

    def event(self, event: dict[str, Any]) -> None:
        """Show one event of a worker."""
        kind = event["event"]
        if kind == "phase":
            self.stage(event["name"])
        elif kind == "step" and self.console.is_terminal:
            self._draw(Text(words.event(event)))
        else:
            self.line(words.event(event), {"evaluation": "green", "warning": "yellow"}.get(kind, ""))

    def end(self, run: Run) -> None:
        """The summary of a finished run."""
        self.close()
        table = Table(show_header=False, title=f"run {run.id}: {run.state}", title_justify="left", title_style="bold")
        for name, value in words.summary_rows(run):
            table.add_row(name, Text(value, overflow="fold"))
        self.console.print(table)
        if run.summary.get("sample"):
            self.console.print(Panel(Text(run.summary["sample"]), title="the model writes", title_align="left"))
        for line in words.next_commands(run):
            self.line(line)

    def stopped(self, run: Run) -> None:
        """How far a stopped or preempted run came, and how it goes on."""
        self.close()
        steps = [run.last_step() or 0, *(checkpoint.step for checkpoint in published(run.checkpoints_dir))]
        where = f"at step {max(steps)}" if max(steps) else "before its first step"
        self.line(f"run {run.id}: {run.state} {where}", "bold")
        self.line(f"next: windlass runs resume {run.id}    windlass runs show {run.id}")

    def failed(self, run: Run, failure: Failure) -> None:
        """The one panel that says why a run failed."""
        self.close()
        where = [f"rank {failure.rank}" if failure.rank is not None else "before any rank"]
        where += [f"step {failure.step}"] if failure.step is not None else []
        where += [failure.phase] if failure.phase and failure.step is None else []
        body = Text.assemble((failure.cause, "bold red"), f" ({', '.join(where)})\n{failure.message}\n")
        if failure.traceback:
            body.append(f"\n{failure.traceback.rstrip()}\n")
        if failure.log_tail:
            body.append("\nits log before that:\n" if failure.traceback else "\nits log ends:\n")
            body.append("\n".join(failure.log_tail) + "\n", "dim")
        body.append("\nnext: ", "bold").append(failure.advice)
        body.append("\nthen: ", "bold").append(f"windlass runs resume {run.id}")
        body.append("\nmore: ", "bold").append(f"windlass runs logs {run.id}")
        self.console.print(Panel(body, title=f"run {run.id} failed", title_align="left", border_style="red"))

    def _draw(self, text: Text, fraction: float | None = None) -> None:
        if self._live is None:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()
        text.truncate(self.console.width, overflow="ellipsis")
        line = Table.grid(padding=(0, 1))
        bar = [] if fraction is None else [ProgressBar(total=1.0, completed=fraction, width=BAR_WIDTH)]
        line.add_row(text, *bar)
        self._live.update(line, refresh=True)
