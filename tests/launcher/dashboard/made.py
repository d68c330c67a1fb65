"""Runs and sweeps on the disk without any training: run directories and ledgers as real ones look."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from launcher.runs import this_process
from tests.launcher.dashboard.made_wandb import STARTED, curves, frame, history_payload, summary_payload, write_wandb

__all__ = ["STARTED", "curves", "frame", "history_payload", "make_run", "make_sweep", "summary_payload", "write_wandb"]


def make_run(
    root: Path,
    run_id: str,
    *,
    steps: int = 40,
    metrics: Mapping[str, float] | None = None,
    state: str = "finished",
    config: Mapping[str, Any] | None = None,
    started: float = STARTED,
    **more: Any,
) -> Path:
    """A run directory as `windlass train` leaves it after so many steps, without checkpoints and weights; returns it.

    `metrics` are those of the evaluation at the end, such as `validation/loss`. `config` holds sections that differ
    from what is made. A run that is `running` belongs to this process; one that is to look `lost` does to none.
    Also taken: `job`, keys of job.json; `num_steps`, how many it is to have; `every`, steps between two reports;
    `resumed`, pairs of the step at which it was killed and the step of the checkpoint from which it went on;
    `checkpoints`, their steps; `warnings`, messages; `sequence_length`, for `tokens`; `failure`, keys of failure.json;
    `logs`, text by (attempt, rank); `plan`, keys of plan.json; `wandb`, false for none.
    """
    path = root / run_id
    path.mkdir(parents=True)
    metrics = {"validation/loss": 0.33, "validation/accuracy": 0.93} if metrics is None else metrics
    ended = state not in ("starting", "running", "lost")
    attempts = len(more.get("resumed", ())) + 1
    events = list(_events(steps, metrics if state == "finished" else {}, started, more))
    (path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    _write_json(path / "job.json", _job(state, started, events[-1]["time"], attempts, more))
    _write_json(path / "plan.json", {**PLAN, **more.get("plan", {})})
    (path / "config.yaml").write_text(yaml.safe_dump({**CONFIG, "run_id": run_id, **(config or {})}, sort_keys=False))
    if state == "finished":
        _write_json(path / "summary.json", _summary(metrics, steps))
    if state == "failed":
        _write_json(path / "failure.json", {**FAILURE, "time": events[-1]["time"], **more.get("failure", {})})
    for (attempt, rank), text in more.get("logs", {(0, 0): "step 1\n"}).items():
        log = path / "logs" / f"attempt_{attempt}" / f"rank_{rank}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text)
    if more.get("wandb", True):
        exit_code = 0 if state == "finished" else 1 if ended else None
        write_wandb(path / "wandb", run_id=run_id, rows=0, stats=4, exit_code=exit_code, started=started)
    return path


def _events(
    steps: int, metrics: Mapping[str, float], started: float, more: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """One step takes a second; a resumed run loses none."""
    num_steps, every, clock = more.get("num_steps", steps), more.get("every", 10), started
    first = 0
    yield {"event": "phase", "time": clock, "name": "training", "num_steps": num_steps, "pid": os.getpid()}
    for message in more.get("warnings", ()):
        yield {"event": "warning", "time": clock, "message": message}
    for attempt, (killed_at, back_to) in enumerate([*more.get("resumed", ()), (steps, None)], start=1):
        for step in range(first + 1, killed_at + 1):
            clock += 1
            if step == first + 1 or step % every == 0 or step == steps:
                yield {"event": "step", "time": clock, **_step(step, num_steps, every, more)}
            if step in more.get("checkpoints", ()):
                yield {"event": "checkpoint", "time": clock, "step": step, "seconds": 0.1, "bytes": 62984}
        if back_to is not None:
            yield {
                "event": "restart",
                "time": clock,
                "attempt": attempt,
                "cause": "killed",
                "message": "rank 0 was killed by signal 9",
                "num_processes": 1,
            }
            yield {"event": "resumed", "time": clock, "step": back_to}
            first = back_to
    for split in dict.fromkeys(name.partition("/")[0] for name in metrics):
        values = {name.partition("/")[2]: value for name, value in metrics.items() if name.startswith(f"{split}/")}
        yield {"event": "evaluation", "time": clock + 1, "step": steps, "split": split, "metrics": values}


def _step(step: int, num_steps: int, every: int, more: Mapping[str, Any]) -> dict[str, Any]:
    tokens = {"tokens": step * 32 * more["sequence_length"]} if "sequence_length" in more else {}
    return {
        "step": step,
        "epoch": step // 50,
        "num_steps": num_steps,
        **tokens,
        "loss": 2.5 * math.exp(-step / 40) + 0.02 * math.sin(step),
        "learning_rate": 3e-3 * min(1.0, step / every),
        "gradient_norm": 1.0 + 0.5 * math.cos(step),
        "samples_per_second": 1000.0 + step % 7,
        "seconds_left": float(num_steps - step),
    }


def _job(state: str, started: float, last: float, attempts: int, more: Mapping[str, Any]) -> dict[str, Any]:
    exit_codes = {"finished": 0, "failed": 1, "stopped": 130}
    process = this_process()
    if state == "lost":
        process |= {"pid": 2**22 + 1}  # more than Linux gives
    live = state in ("starting", "running")
    return {
        "state": "running" if state == "lost" else state,
        "engine": "local",
        "attempt": attempts - 1,
        "num_processes": 1,
        "device": "cpu",
        "model": "MLP",
        "dataset": "digits",
        "created": started - 2,
        "command": ["windlass", "train", "model=mlp", "dataset=digits"],
        "ended": None if state not in exit_codes else last + 2,
        "exit_code": exit_codes.get(state),
        "heartbeat": time.time() if live else last,
        **process,
        **more.get("job", {}),
    }


def _summary(metrics: Mapping[str, float], steps: int) -> dict[str, Any]:
    return {
        "metrics": dict(metrics),
        "steps": steps,
        "num_parameters": 4938,
        "samples_per_second": 1000.0,
        "train_seconds": float(steps),
        "peak_memory_bytes": 455868416,
        "wall_seconds": steps + 3.0,
        "device_hours": (steps + 3) / 3600,
        "sample": None,
    }


def make_sweep(
    root: Path,
    sweep_id: str,
    *,
    trials: Sequence[Mapping[str, Any]] | int = 4,
    space: Mapping[str, Mapping[str, Any]] | None = None,
    settings: Mapping[str, Any] | None = None,
    state: str = "finished",
    started: float = STARTED,
    runs: bool = True,
) -> Path:
    """A sweep among the runs of a directory: its record, its ledger and, with `runs`, those of its trials; returns it.

    `trials` is a number of them, or for each: `overrides` as they are typed, `state` (or it finished), `values` at the
    end, `reports` (pairs of a step and metrics), `reason`, `slot`, `bracket`, `begun` and `ended`.
    """
    space = {"optimizer.lr": {"low": 1e-4, "high": 1e-1, "log": True, "whole": False}} if space is None else space
    trials = _trials(trials) if isinstance(trials, int) else trials
    path = root / "sweeps" / sweep_id
    path.mkdir(parents=True)
    whole = {**SETTINGS, **(settings or {})}
    multirun = {
        "run_id": sweep_id,
        "lines": ["sweep=tpe", "model=mlp"],
        "fixed": ["model=mlp"],
        "space": dict(space),
        "settings": whole,
        "place": {"config_dir": None, "config_path": None, "config_name": None},
    }
    slots = {"kind": "cpu", "ids": ["0", "1"]}
    record = {"created": started, "state": state, "process": this_process(), "multirun": multirun, "slots": slots}
    _write_json(path / "sweep.json", record)
    lines: list[dict[str, Any]] = []
    for number, trial in enumerate(trials):
        lines += _ledger_lines(number, trial, started)
        if runs and trial.get("state", "finished") != "waiting":
            _make_trial_run(root, f"{sweep_id}-{number:03}", trial, started + 30 * number)
    lines.sort(key=lambda line: line["time"])
    (path / "ledger.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def _trials(count: int) -> list[dict[str, Any]]:
    rates = [10 ** (-4 + 3 * index / max(1, count - 1)) for index in range(count)]
    return [
        {
            "overrides": {"optimizer.lr": str(rate)},
            "values": {"validation/loss": 0.3 + (math.log10(rate) + 2.5) ** 2, "validation/accuracy": 0.9 - 0.1 * rate},
            "slot": [str(index % 2)],
        }
        for index, rate in enumerate(rates)
    ]


def _ledger_lines(number: int, trial: Mapping[str, Any], started: float) -> Iterator[dict[str, Any]]:
    proposed = started + 0.001 * number
    begun = trial.get("begun", started + 15 * number + 1)
    ended = trial.get("ended", begun + 25)
    state, values = trial.get("state", "finished"), trial.get("values", {})
    about = {"overrides": dict(trial["overrides"]), "bracket": trial.get("bracket", 0)}
    yield {"event": "proposed", "trial": number, **about, "time": proposed}
    if state == "waiting":
        return
    yield {"event": "started", "trial": number, "slot": list(trial.get("slot", ["0"])), "time": begun}
    reports = trial.get("reports", [(40, values)] if values else [])
    for place, (step, metrics) in enumerate(reports, start=1):
        at = begun + (ended - begun) * place / (len(reports) + 1)
        yield {"event": "report", "trial": number, "step": step, "metrics": metrics, "time": at}
    if state != "running":
        end = {"state": state, "values": values, "device_seconds": ended - begun, "reason": trial.get("reason")}
        yield {"event": "ended", "trial": number, **end, "time": ended}


def _make_trial_run(root: Path, run_id: str, trial: Mapping[str, Any], started: float) -> None:
    states = {"pruned": "stopped", "paused": "stopped"}
    state = trial.get("state", "finished")
    typed = [f"{key}={value}" for key, value in trial["overrides"].items()]
    config: dict[str, Any] = {}
    for key, value in trial["overrides"].items():
        section, _, name = key.partition(".")
        config.setdefault(section, dict(CONFIG.get(section) or {}))[name] = yaml.safe_load(value)
    job = {"command": ["windlass", "train", "model=mlp", *typed]}
    values = trial.get("values", {})
    make_run(root, run_id, metrics=values, state=states.get(state, state), config=config, started=started, job=job)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


CONFIG: dict[str, Any] = {
    "run_id": None,
    "model": {"_target_": "models.mlp.MLP", "width": 64, "depth": 1, "dropout": 0.0, "activation": "gelu"},
    "optimizer": {"_target_": "torch.optim.AdamW", "lr": 0.003, "betas": [0.9, 0.95], "weight_decay": 0.1},
    "trainer": {"max_steps": None, "max_epochs": 2, "global_batch_size": 32, "precision": "fp32", "seed": 0},
    "tracker": {"name": "wandb", "mode": "offline", "project": "windlass", "group": None, "tags": []},
    "engine": {"name": "local", "device": "auto", "num_processes": 1, "max_restarts": 3},
    "dataset": {"kind": "image", "name": "digits", "_target_": "launcher.data.sources.scikit_learn.ScikitLearn"},
}
PLAN: dict[str, Any] = {
    "device": "cpu",
    "num_processes": 1,
    "threads": 1,
    "global_batch_size": 32,
    "micro_batch_size": 32,
    "axes": {"pp": 1, "dp_replicate": 1, "dp_shard": 1, "cp": 1, "tp": 1, "ep": 1},
    "accumulation": 1,
    "notes": [],
}
FAILURE: dict[str, Any] = {
    "cause": "error",
    "message": "ValueError: the loss exploded",
    "advice": "use optimizer.lr=1e-4",
    "rank": 0,
    "attempt": 0,
    "phase": "training",
    "step": 30,
    "exit_code": 1,
    "traceback": "Traceback ...",
    "log_tail": [],
}
SETTINGS: dict[str, Any] = {
    "algorithm": "tpe",
    "metric": ["validation/loss"],
    "direction": ["min"],
    "num_trials": 4,
    "seed": 0,
    "space": {},
    "slots": "auto",
    "trials_per_device": 1,
    "min_evaluations": 1,
    "reduction_factor": 3,
    "max_failures": 3,
    "max_trial_minutes": None,
    "max_grid_size": 1000,
}
