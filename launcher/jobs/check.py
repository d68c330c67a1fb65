"""`windlass check`: everything up to the first step, and what the run would be."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher import words
from launcher.checkpoints.marker import published
from launcher.config.validate import from_composed
from launcher.data.manifest import Manifest
from launcher.errors import RequestError
from launcher.jobs.inputs import make_inputs
from launcher.jobs.job import check_disk
from launcher.jobs.resume import check_changes, earlier_run
from launcher.parallel.axes import Axes
from launcher.parallel.devices import find_devices
from launcher.runs import runs_root

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from launcher.jobs.view import View


def check_job(composed: DictConfig, view: View) -> dict[str, Any]:
    """Prepare the data, build the model on the meta device, do the arithmetic; start nothing.

    Returns the plan as plain values: processes, batch sizes, steps, parameters, bytes.

    Raises:
        RequestError: what `windlass train` would refuse, and a model that can't be built or called.
    """
    config = from_composed(composed)
    earlier = earlier_run(config.run_id)
    inputs = make_inputs(composed, config, find_devices(config.engine.device), view, earlier=earlier)
    check_disk()
    plan, manifest = inputs.plan, inputs.prepared.manifest
    if earlier is not None:
        check_changes(earlier, inputs.resolved, manifest, Manifest.load(earlier.data_path))
    view.stage("building the model on the meta device")
    # Torch is imported from here on; every mistake that the config alone shows has been refused before.
    from launcher.data.columns import Columns
    from launcher.training.build import count_steps
    from launcher.training.flops import flops_per_sample
    from launcher.training.footprint import measure_footprint
    from launcher.training.preflight import refuse

    checkpoints = [] if earlier is None else published(earlier.checkpoints_dir)
    resolved = from_composed(inputs.resolved)
    refusal = refuse(resolved, plan.axes, is_new=not checkpoints)
    if refusal is not None:
        raise RequestError(refusal)
    try:
        footprint = measure_footprint(resolved)
        flops = flops_per_sample(resolved, Columns(Path(manifest.path) / "train", manifest))
    except Exception as error:
        raise RequestError(
            f"model {resolved.model['_target_']} does not take a step with {resolved.task['_target_']}: "
            f"{type(error).__name__}: {error}"
        ) from error
    view.close()
    rows = manifest.data["num_rows"]
    return {
        "plan": asdict(plan),
        "steps": count_steps(config, num_samples=rows["train"]),
        "resumed_at": checkpoints[-1].step if checkpoints else None,
        "rows": rows,
        "footprint": asdict(footprint),
        "flops_per_sample": flops,
        "runs_dir": str(runs_root()),
        "description": words.plan(plan),
    }


def check_rows(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The result of `check_job` as rows of a table."""
    plan, footprint, at = result["plan"], result["footprint"], result["resumed_at"]
    optimizer = footprint["optimizer_bytes"]
    whole = "" if plan["axes"]["dp_replicate"] == plan["num_processes"] else ", whole model"
    return [
        ("processes", f"{plan['num_processes']} on {plan['device']}, {plan['threads']} threads each"),
        ("mesh", str(Axes(**plan["axes"]))),
        ("global batch", f"{plan['global_batch_size']} samples"),
        ("batch per device", f"{plan['micro_batch_size']} samples x {plan['accumulation']} accumulated"),
        ("steps", str(result["steps"]) + ("" if at is None else f", from step {at} of the run's newest checkpoint")),
        ("samples", "  ".join(f"{name} {number}" for name, number in result["rows"].items())),
        ("parameters", words.count(footprint["num_parameters"])),
        (f"weights{whole}", words.size(footprint["weights_bytes"])),
        (f"gradients{whole}", words.size(footprint["gradients_bytes"])),
        (f"optimizer{whole}", "unknown" if optimizer is None else words.size(optimizer)),
        ("FLOPs a sample", words.count(result["flops_per_sample"])),
        ("runs go to", result["runs_dir"]),
    ]
