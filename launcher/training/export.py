"""Weights out of a checkpoint, as one Hugging Face safetensors file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from launcher.checkpoints.marker import Checkpoint, checkpoint_path, published
from launcher.checkpoints.tensorfile import write_tensors
from launcher.checkpoints.whole import Tensors
from launcher.config.compose import from_file, to_yaml
from launcher.config.nearest import listed
from launcher.config.targets import build
from launcher.data.manifest import Manifest
from launcher.errors import RequestError
from launcher.parallel.state import MODEL
from launcher.runs import Run, write_json


def export_weights(run: Run, *, step: int | None, output: Path | None, say: Callable[[str], object]) -> dict[str, Any]:
    """Write the weights of a checkpoint (the newest sound one, or that of a step) into a directory.

    One tensor is held at a time. Where the model has a form in transformers, names and `config.json` are its own.
    What takes long is announced by `say`. Returns what was written.

    Raises:
        RequestError: there is no such checkpoint, or it is damaged.
    """
    checkpoint, passed_over = _choose(run, step, say)
    config = from_file(run.config_path)
    with torch.device("meta"):
        model = build(config.model)
    form = getattr(model, "transformers_form", None)
    stored = Tensors(checkpoint.path)
    names = {name: name.removeprefix(MODEL) for name in stored.shapes if name.startswith(MODEL)}
    if form is not None:
        names = {name: renamed(short, form[1]) for name, short in names.items()}
    directory = output or run.export_dir / checkpoint.path.name
    directory.mkdir(parents=True, exist_ok=True)
    dtypes = {name: value.dtype for name, value in model.state_dict().items()}
    layout = {
        theirs: torch.empty(stored.shapes[name], dtype=dtypes[name.removeprefix(MODEL)], device="meta")
        for name, theirs in names.items()
    }
    say(f"writing {len(layout)} tensors into {directory}")
    write_tensors(
        directory / "model.safetensors", layout, ((theirs, stored.read(name)) for name, theirs in names.items())
    )
    (directory / "config.yaml").write_text(to_yaml({"model": config.model, "task": config.task}), encoding="utf-8")
    write_json(directory / "transforms.json", Manifest.load(run.data_path).fitted)
    if form is not None:
        (directory / "config.json").write_text(form[0].to_json_string(use_diff=False), encoding="utf-8")
    return {
        "step": checkpoint.step,
        "path": str(directory),
        "num_tensors": len(layout),
        "transformers": None if form is None else form[0].architectures[0],
        "passed_over": passed_over,
    }


def renamed(name: str, parts: Mapping[str, str]) -> str:
    """A name with parts replaced: those that begin with a dot anywhere, others at the beginning."""
    for ours, theirs in parts.items():
        if ours.startswith("."):
            name = name.replace(ours, theirs)
        elif name.startswith(ours):
            name = theirs + name.removeprefix(ours)
    return name


def _choose(run: Run, step: int | None, say: Callable[[str], object]) -> tuple[Checkpoint, list[str]]:
    """The checkpoint, and what is wrong with newer ones."""
    found = published(run.checkpoints_dir)
    if step is not None:
        checkpoint = Checkpoint(checkpoint_path(run.checkpoints_dir, step))
        if checkpoint not in found:
            steps = listed([str(one.step) for one in found], conjunction="and") if found else "none"
            raise RequestError(f"run {run.id} has no checkpoint at --step {step}; it has {steps}")
        found = [checkpoint]
    passed_over: list[str] = []
    for checkpoint in reversed(found):
        say(f"comparing the checkpoint at step {checkpoint.step} with its marker")
        flaw = checkpoint.flaw()
        if flaw is None:
            return checkpoint, passed_over
        passed_over.append(f"the checkpoint at step {checkpoint.step} is damaged: {flaw}")
    why = "; ".join(passed_over) or "it was trained with checkpoint=none, or ended before its first one"
    raise RequestError(f"run {run.id} has no checkpoint to export: {why}")
