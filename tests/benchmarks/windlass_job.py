"""A job of `windlass train` as an app of Hydra's, which `-m` hands to Hydra's launchers; each trains on one thread.

The command itself sweeps by its own means unless a plugin is named that does not come with Hydra, and a job that it
starts takes as many threads as there are cores, so two at a time would slow each other down many times.
"""

from __future__ import annotations

import sys

from omegaconf import DictConfig
from rich.console import Console

from launcher.config.compose import run_app
from launcher.config.validate import from_composed
from launcher.engines.local import LocalEngine, Share
from launcher.jobs.job import carry_out
from launcher.jobs.view import View
from launcher.parallel.devices import Devices


def run_one(composed: DictConfig) -> int:
    """`run_job` where one core is to be had, whichever; prints the loss on the validation split last."""
    engine = LocalEngine(share=Share(devices=Devices(cpu_cores=1)))
    try:
        run, _ = carry_out(composed, from_composed(composed), engine, View(Console()))
    finally:
        engine.close()
    print(run.metrics["validation/loss"])
    return run.job["exit_code"]


if __name__ == "__main__":
    sys.exit(max(run_app(sys.argv[1:], run_one), default=0))
