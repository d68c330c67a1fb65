"""The run directory: paths, state and events; the only code that knows its file names.

<root>/<run_id>/
  config.yaml      the resolved config, as the workers read it
  plan.json        what every `auto` became: device, processes, threads, batch sizes
  data.json        where the prepared columns lie, and everything that was fitted on the data
  job.json         state, engine, pid, host, heartbeat; written atomically
  events.jsonl     what is reported while it runs, one JSON object a line
  logs/            attempt_<n>/rank_<r>.log, and failure_<r>.json for a rank that raised; of a rank that hung
                   hang_<r>.json, stacks_<r>.txt and flight_<r>.json
  checkpoints/     step_<n>/, what a run resumes from
  wandb/           the W&B run; a directory an attempt where it is offline
  model/           the trained model
  export/          weights that were exported from a checkpoint
  failure.json     the root cause, if it failed
  summary.json     final metrics, throughput, memory, device-hours
"""

from launcher.runs.files import open_regular, read_events, read_json, write_json
from launcher.runs.find import (
    create_run,
    delete_run,
    find_run,
    list_runs,
    new_run_id,
    pick,
    refuse_alias,
    refuse_existing,
    runs_root,
    unwritable,
)
from launcher.runs.lock import locked
from launcher.runs.process import interrupt_process, is_alive, stop_process, this_process
from launcher.runs.run import ACTIVE, LOST_AFTER_S, Run

__all__ = [
    "ACTIVE",
    "LOST_AFTER_S",
    "Run",
    "create_run",
    "delete_run",
    "find_run",
    "interrupt_process",
    "is_alive",
    "list_runs",
    "locked",
    "new_run_id",
    "open_regular",
    "pick",
    "read_events",
    "read_json",
    "refuse_alias",
    "refuse_existing",
    "runs_root",
    "stop_process",
    "this_process",
    "unwritable",
    "write_json",
]
