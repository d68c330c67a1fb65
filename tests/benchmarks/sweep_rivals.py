"""The other ways to run a sweep: Hydra's basic launcher, joblib's, and Optuna with a process for each trial.

Each runs the same jobs as we do, or trials that were written by hand.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from launcher.config.compose import to_plain
from launcher.data.columns import Columns
from launcher.data.manifest import Manifest
from tests.benchmarks.sweep_commands import NUM_SLOTS, Sweep, Swept
from tests.benchmarks.workspace import make_run

RIVALS = ("Hydra, basic launcher", "hydra-joblib-launcher", "Optuna, a process a trial")
SPLITS = ("train", "validation", "test")

Ways = dict[str, Callable[[], Swept]]


def with_jobs(sweep: Sweep) -> Ways:
    """Every trial is a job of `windlass train`."""
    job = [*script("windlass_job.py"), *sweep.overrides]
    return rivals(sweep, app=job, key="optimizer.lr", trial=[*job, "optimizer.lr={rate}"])


def by_hand(sweep: Sweep) -> Ways:
    """Every trial is a script of plain PyTorch; what it reads is prepared here once."""
    settings = prepare(sweep)
    trial = [*script("plain_trial.py"), f"--settings={settings}", "--directory=trial-{number}"]
    trial += ["--learning-rate={rate}", "--threads=1"]
    app = [*script("hydra_sweep.py"), f"settings={settings}"]
    return rivals(sweep, app=app, key="learning_rate", trial=trial)


def rivals(sweep: Sweep, *, app: list[str], key: str, trial: list[str]) -> Ways:
    """An app of Hydra's, which takes the learning rate by its key, under both launchers; Optuna with a trial's command.

    The basic launcher gets one thread: with two, a trial of so small a model is no faster, and several times slower on
    a busy machine.
    """
    grid = f"{key}={','.join(sweep.rates)}"
    hydra = [*app, grid, "-m"]
    joblib = [*app, grid, "hydra/launcher=joblib", f"hydra.launcher.n_jobs={NUM_SLOTS}", "-m"]
    optuna = [*script("optuna_sweep.py"), f"--jobs={NUM_SLOTS}", "--learning-rates", *sweep.rates, "--", *trial]
    commands = ((hydra, 1), (joblib, NUM_SLOTS), (optuna, NUM_SLOTS))
    runs = [partial(sweep.run, words, at_once=at_once) for words, at_once in commands]
    return dict(zip(RIVALS, runs, strict=True))


def script(name: str) -> list[str]:
    """The command of a script of this folder."""
    return [sys.executable, str(Path(__file__).with_name(name))]


def prepare(sweep: Sweep) -> Path:
    """Writes the rows and settings of a run of ours, as a script of plain PyTorch reads them."""
    run = make_run(*sweep.overrides)
    config, manifest = to_plain(run.config_path), Manifest.load(run.data_path)
    sections = {
        name: {key: value for key, value in config[name].items() if not key.startswith("_")}
        for name in ("model", "optimizer", "scheduler", "trainer")
    }
    rows = sweep.space / "rows.npz"
    np.savez(rows, **{k: v for split in SPLITS for k, v in columns(manifest, split).items()})
    settings = sweep.space / f"settings-{sweep.steps}.json"
    settings.write_text(json.dumps({**sections, "rows": rows.name}))
    return settings


def columns(manifest: Manifest, split: str) -> dict[str, np.ndarray]:
    """Inputs and labels of a split, ready to train on."""
    rows = Columns(Path(manifest.path) / split, manifest)
    return {f"{split}_{name}": np.concatenate(list(rows.stream(name))) for name in ("inputs", "labels")}
