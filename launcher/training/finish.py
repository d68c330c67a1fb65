"""After the last step: evaluate on everything, save the model, let it write, and sum up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from launcher.checkpoints.tensorfile import write_tensors
from launcher.config.compose import to_yaml
from launcher.runs import write_json
from launcher.training.evaluate import evaluate
from launcher.training.meter import peak_memory_bytes
from launcher.training.sample import continue_tokens

if TYPE_CHECKING:
    from launcher.training.build import Assembly

SAMPLE_TOKENS = 200
SAMPLE_TEMPERATURE = 0.7


def finish(job: Assembly) -> dict[str, Any]:
    """Evaluate every split, save, and return the summary (the same on each rank, but for the sample)."""
    metrics: dict[str, float] = {}
    for split, rows in job.evaluation_rows.items():
        job.report("phase", name=f"evaluating on the {split} split")
        values = evaluate(job, rows)
        job.report("evaluation", step=job.num_steps, split=split, metrics=values)
        metrics |= {f"{split}/{name}": value for name, value in values.items()}
    job.accelerator.log(metrics, step=job.num_steps)
    peak = job.accelerator.gather(
        torch.tensor([float(peak_memory_bytes(job.accelerator.device))], device=job.accelerator.device)
    )
    seconds = job.wall_seconds()
    before = job.position
    device_seconds = before.device_seconds + (seconds - before.wall_seconds) * job.accelerator.num_processes
    return {
        "metrics": metrics,
        "steps": job.num_steps,
        "num_parameters": job.model.num_parameters,
        **job.meter.totals(),
        "peak_memory_bytes": int(peak.max()),
        "wall_seconds": seconds,
        "device_hours": device_seconds / 3600,
    }


def save_model(job: Assembly) -> None:
    """Write weights as safetensors, the config that rebuilds the model, and the fitted transforms.

    Every process must call it: parts are gathered one tensor at a time, and process 0 writes.
    """
    directory = job.run.model_dir
    is_main = job.accelerator.is_main_process
    if is_main:
        directory.mkdir(exist_ok=True)
        (directory / "config.yaml").write_text(to_yaml({"model": job.config.model, "task": job.config.task}))
        write_json(directory / "transforms.json", job.manifest.fitted)
    write_tensors(directory / "model.safetensors" if is_main else None, job.model.layout(), job.model.tensors())


def write_sample(job: Assembly) -> str | None:
    """Text that the model continues from the beginning of a validation row.

    None unless it predicts next tokens and this process holds all of it.
    """
    if job.manifest.data["labels"] != "next_tokens" or job.validation_rows is None:
        return None
    if not job.plan.axes.only_replicates:
        return None
    from launcher.data.transforms import Transforms

    transforms = Transforms.from_fitted(job.manifest.fitted)
    row = job.validation_rows.gather(torch.tensor([0]).numpy())["tokens"][0]
    prompt = torch.from_numpy(row[: min(32, len(row) // 2)].astype("int64")).to(job.accelerator.device)
    job.model.train(False)
    tokens = continue_tokens(
        job.model.whole,
        prompt,
        num_tokens=SAMPLE_TOKENS,
        max_context=job.manifest.data["sequence_length"],
        temperature=SAMPLE_TEMPERATURE,
        seed=job.config.trainer.seed,
    )
    return transforms.decode(tokens.tolist())
