"""Beginning a sweep, or going on with one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from launcher.engines.local import Agents
from launcher.errors import RequestError
from launcher.jobs.attempts import requeued
from launcher.sweeps.check import check_sweep
from launcher.sweeps.ledger import FAILED, FINISHED, Ledger
from launcher.sweeps.neighbours import runs_on
from launcher.sweeps.plot import write_plot
from launcher.sweeps.record import Record, create_record, held, sweeps_root
from launcher.sweeps.report import show_report
from launcher.sweeps.sweep import Sweep

if TYPE_CHECKING:
    from launcher.config.multirun import Multirun
    from launcher.sweeps.slots import Pool
    from launcher.sweeps.table import Table


def start_sweep(multirun: Multirun, table: Table, *, force: bool = False) -> tuple[Record, int]:
    """Run what `-m` asked for; a sweep of its id goes on. Returns its record and the exit code.

    Raises:
        RequestError: the request was wrong; nothing was started.
    """
    if multirun.run_id is not None and (known := Record(sweeps_root() / multirun.run_id)).is_readable:
        return go_on(known, multirun, table, force=force)
    with contextlib.closing(Agents(thorough=True)) as agents:
        agents.get()  # it imports torch while the rest is looked at
        pool = check_sweep(multirun)
        record = create_record(multirun)
        with held(record):
            return record, _run(record, multirun, pool, table, agents)


def go_on(
    record: Record, multirun: Multirun, table: Table, *, force: bool = False, failed: bool = False
) -> tuple[Record, int]:
    """Go on with a sweep to the number of trials that it is to have; those that `failed` run again if so asked.

    Raises:
        RequestError: it runs, or its space or what all trials have would change.
    """
    before = record.multirun
    changes = before.space.difference(multirun.space)
    changes += [f"{line} is new" for line in multirun.fixed if line not in before.fixed]
    changes += [f"{line} is gone" for line in before.fixed if line not in multirun.fixed]
    if changes and not force:
        raise RequestError(
            f"sweep {record.id} would change: {'; '.join(changes)}; type --force to go on all the same, or choose "
            "another run_id"
        )
    with held(record), contextlib.closing(Agents(thorough=True)) as agents:
        agents.get()
        pool = check_sweep(multirun)
        if failed:
            Ledger(record.ledger_path).run_failed_again()
        return record, _run(record, multirun, pool, table, agents)


def _run(record: Record, multirun: Multirun, pool: Pool, table: Table, agents: Agents) -> int:
    record.begin(multirun)
    announce(record, pool, table)
    sweep = Sweep(record, multirun, pool, table, agents)
    state = FAILED
    try:
        state = sweep.run()
    finally:
        table.close()
        agents.close()
        record.update(state=state)
    if sweep.broken is not None:
        table.line(sweep.broken, "red")
    plotted = write_plot(record.plot_path, sweep.ledger.trials, multirun)
    show_report(record, table.console)
    if plotted:
        table.line(f"plots: {record.plot_path}")
    if sweep.stopped_by is not None:
        return requeued(sweep.stopped_by)
    all_failed = all(trial.state == FAILED for trial in sweep.ledger.trials)
    return 0 if state == FINISHED and not all_failed else 1


def announce(record: Record, pool: Pool, table: Table) -> None:
    """Say which devices the sweep has, here and to sweeps that begin later, and who else is on them."""
    record.update(slots={"kind": pool.kind, "ids": pool.ids})
    each = "" if pool.per_device == 1 else f", {pool.per_device} trials on each"
    table.line(f"sweep {record.id} on {pool.kind} {','.join(pool.ids)}{each}", "bold")
    for sweep in pool.shared:
        table.line(f"note: sweep {sweep} runs on them too; sweep.slots says which devices a sweep has", "yellow")
    for run in runs_on(pool.kind):
        table.line(f"note: run {run} trains on this machine's {pool.kind} too", "yellow")
