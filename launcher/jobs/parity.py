"""`windlass parity`: does the configured mesh train as one process does? Run both, compare, name what differs."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf, flag_override

from launcher.config.interpolation import leaves
from launcher.config.schema import AXES
from launcher.config.validate import from_composed, resolve
from launcher.engines import make_engine
from launcher.errors import RequestError
from launcher.jobs.compare import PHASES, TOLERANCES, compare
from launcher.jobs.failure import explain
from launcher.jobs.inputs import fill_in, prepare_data
from launcher.jobs.shrink import shrunk
from launcher.jobs.watch import caught_signals
from launcher.parallel.devices import find_devices
from launcher.parallel.plan import Plan, make_plan
from launcher.runs import Run, read_events

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from launcher.data.prepare import Prepared
    from launcher.engines.engine import Engine
    from launcher.jobs.view import View

WORKER = "launcher.training.parity"
POLL_S = 0.1
FITS = 0.5
"""Of the memory that is free, what two copies of all state may take."""
ONE_PROCESS = ("strategy=single", *(f"strategy.{axis}=1" for axis in (*AXES, "ep")), "engine.num_processes=1")


def reference_overrides(overrides: Sequence[str], against: str | None) -> list[str]:
    """The overrides of the other side: the same but for the strategy."""
    kept = [word for word in overrides if not word.startswith(("strategy=", "strategy.", "engine.num_processes="))]
    return [*kept, *(ONE_PROCESS if against is None else against.split())]


def prove_parity(
    composed: DictConfig, reference: DictConfig, view: View, *, steps: int, shrink: bool
) -> dict[str, Any]:
    """Take the same steps on both sides and compare them.

    Returns `passed`, the mesh and what it was compared with, notes, tolerances, and a comparison for each optimizer;
    or `failure` where a side did not get through its steps.

    Raises:
        RequestError: what `windlass train` would refuse on either side.
    """
    if any(from_composed(side).strategy.zero_stage is not None for side in (composed, reference)):
        raise RequestError(
            "strategy.zero_stage: DeepSpeed keeps its gradients to itself, so they can't be compared; use strategy=fsdp"
        )
    notes: list[str] = []
    sides = [_prepared_for_proof(side, notes, steps=steps) for side in (composed, reference)]
    plans = [make_plan(from_composed(side), find_devices(_device(side))) for side in sides]
    prepared = prepare_data(from_composed(sides[0]), view)
    if shrink or not _fits(sides[0], prepared, plans):
        notes += _shrink(sides, plans)
    with tempfile.TemporaryDirectory(prefix="windlass-parity-") as directory:
        result: dict[str, Any] = {"mesh": str(plans[0].axes), "against": str(plans[1].axes), "notes": notes}
        runs = []
        for name, side, plan in zip(("mesh", "reference"), sides, plans, strict=True):
            view.stage(f"{plan.axes}: {steps} steps, twice")
            run = Run(Path(directory) / name)
            run.logs_dir.mkdir(parents=True)
            failure = _run(run, side, plan, prepared, view)
            if failure is not None:
                view.close()
                return {**result, "passed": False, "failure": {**failure, "side": str(plan.axes)}}
            runs.append(run)
        view.close()
        comparisons = [compare(runs[0].path, runs[1].path, phase) for phase in PHASES]
    optimizers = ("plain SGD", from_composed(sides[0]).optimizer["_target_"])
    return {
        **result,
        "passed": all(comparison.passed for comparison in comparisons),
        "tolerances": TOLERANCES,
        "phases": [
            {"optimizer": name, "passed": comparison.passed, **asdict(comparison)}
            for name, comparison in zip(optimizers, comparisons, strict=True)
        ],
    }


def _prepared_for_proof(composed: DictConfig, notes: list[str], *, steps: int) -> DictConfig:
    """The same run, short, in float32, without what would differ by design."""
    side = copy.deepcopy(composed)
    with flag_override(side, ["struct", "readonly"], [False, False]):
        side.trainer.max_steps, side.trainer.max_epochs = steps, None
        side.trainer.eval_every_steps = None
        side.tracker.name, side.run_id = "none", None
        side.engine.max_restarts = 0
        side.checkpoint.every_steps, side.checkpoint.every_minutes, side.init_from = None, None, None
        if side.trainer.precision != "fp32":
            _note(notes, f"trainer.precision={side.trainer.precision} is fp32 here: rounding would hide mistakes")
            side.trainer.precision = "fp32"
        for path, value in leaves(OmegaConf.to_container(side.model, resolve=False)):
            if "dropout" in path.rpartition(".")[2] and isinstance(value, float) and value > 0:
                _note(notes, f"model.{path}={value} is 0 here: each process draws masks of its own")
                OmegaConf.update(side.model, path, 0.0)
        devices = find_devices(side.engine.device)
        if devices.best != "cpu":
            try:
                make_plan(from_composed(side), devices)
            except RequestError:
                _note(notes, f"there are {devices.count(devices.best)} {devices.best} devices: runs on the CPU")
                side.engine.device = "cpu"
    return side


def _device(side: DictConfig) -> str:
    return from_composed(side).engine.device


def _note(notes: list[str], note: str) -> None:
    if note not in notes:
        notes.append(note)


def _fits(side: DictConfig, prepared: Prepared, plans: list[Plan]) -> bool:
    """Whether all state of the larger side fits into memory, measured on the meta device."""
    if plans[0].device != "cpu":
        return True
    import psutil

    from launcher.training.footprint import measure_footprint
    from launcher.training.preflight import refuse

    config = from_composed(resolve(side, prepared.data))
    refusal = refuse(config, plans[0].axes)
    if refusal is not None:
        raise RequestError(refusal)
    footprint = measure_footprint(config)
    state = footprint.weights_bytes + footprint.gradients_bytes + (footprint.optimizer_bytes or 0)
    return state * plans[0].axes.dp_replicate < FITS * psutil.virtual_memory().available


def _shrink(sides: list[DictConfig], plans: list[Plan]) -> list[str]:
    schedules = [from_composed(side).strategy.pp_schedule for side in sides]
    meshes = [(plan.axes, schedule) for plan, schedule in zip(plans, schedules, strict=True)]
    model = OmegaConf.to_container(sides[0].model, resolve=False)
    assert isinstance(model, dict)
    changes = shrunk({str(key): value for key, value in model.items()}, meshes)
    for side in sides:
        with flag_override(side, ["struct", "readonly"], [False, False]):
            for name, (_, after) in changes.items():
                OmegaConf.update(side.model, name, after)
    return [f"model.{name}={before} is {after} here" for name, (before, after) in changes.items()] or [
        "no size of the model can be smaller and keep its divisibility"
    ]


def _run(run: Run, side: DictConfig, plan: Plan, prepared: Prepared, view: View) -> dict[str, Any] | None:
    """Take the steps of one side; why it failed, if it did."""
    engine = make_engine(from_composed(side).engine)
    try:
        fill_in(side, prepared, plan).write(run)
        plan.save(run.plan_path)
        engine.start(run, WORKER)
        outcome = _wait(run, engine, view)
    finally:
        engine.close()
    if outcome.refused is not None:
        raise RequestError(outcome.refused)
    if outcome.exit_code == 0:
        return None
    failure = asdict(explain(run, outcome))
    return {name: failure[name] for name in ("cause", "message", "rank", "phase", "step", "traceback", "log_tail")}


def _wait(run: Run, engine: Engine, view: View) -> Any:
    offset = 0
    with caught_signals() as caught:
        while True:
            outcome = engine.poll(POLL_S)
            for event, end in read_events(run.events_path, offset=offset):
                offset = end
                if event["event"] == "parity":
                    view.stage(f"{event['phase']} step {event['step']}/{event['num_steps']}")
            if outcome is not None:
                return outcome
            if caught:
                engine.interrupt(caught[0])


Line = Callable[[str], None]


def show_parity(result: dict[str, Any], line: Line) -> None:
    """The result in words, for people."""
    line(f"{result['mesh']} against {result['against']}, float32")
    for note in result["notes"]:
        line(f"note: {note}")
    if "failure" in result:
        failure = result["failure"]
        line(f"FAIL: {failure['side']} did not get through its steps: {failure['message']}")
        line(f"  at step {failure['step']}, {failure['phase']}, on rank {failure['rank']}")
        return
    for phase in result["phases"]:
        line(f"{phase['optimizer']}:")
        for number, step in enumerate(phase["steps"], 1):
            (a, b), (norm, other) = step["loss"], step["gradient_norm"]
            line(
                f"  step {number:>3}  loss {a:.6f} {b:.6f} ({abs(a - b):.1e})  "
                f"gradient norm {norm:.5f} {other:.5f} ({abs(norm - other) / max(other, 1e-12):.1e})"
            )
        line(f"  parameters differ most in {phase['parameter']}: {phase['parameter_difference']:.1e} (relative)")
        line(f"  {_verdict(phase)}")
    line("PASS" if result["passed"] else "FAIL")


def _verdict(phase: dict[str, Any]) -> str:
    first = phase["first"]
    if first is None:
        return "pass"
    tensor = f" in {first['tensor']}" if first["tensor"] else ""
    return (
        f"FAIL: {first['what'].replace('_', ' ')} differs first at step {first['step']}{tensor}: "
        f"{first['difference']:.1e}, allowed {first['tolerance']:.0e}"
    )
