"""What one would write with PyTorch alone for one trial of a sweep: a function that trains a model, and a command.

It reads prepared rows, so that neither side of a comparison pays for preparing them, and imports nothing that it does
not need. What a trial found lies in its directory: `summary.json` and the weights.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset

from models.mlp import MLP

SUMMARY = "summary.json"


def run_trial(settings_path: Path, directory: Path, *, learning_rate: float, threads: int) -> float:
    """Train, evaluate, save; returns the loss on the validation split."""
    torch.set_num_threads(threads)
    settings = json.loads(settings_path.read_text())
    trainer = settings["trainer"]
    splits = load(settings_path.with_name(settings["rows"]))
    torch.manual_seed(trainer["seed"])
    model = MLP(**settings["model"])
    optimizer = make_optimizer(model, {**settings["optimizer"], "lr": learning_rate})
    schedule = LambdaLR(optimizer, half_cosine(settings["scheduler"], trainer["max_steps"]))
    loader = DataLoader(splits["train"], batch_size=trainer["global_batch_size"], shuffle=True)
    begun = time.perf_counter()
    losses = train(model, optimizer, schedule, loader, trainer)
    seconds = time.perf_counter() - begun
    metrics = {name: evaluate(model, splits[name]) for name in ("validation", "test")}
    directory.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), directory / "model.pt")
    summary = {"train_seconds": seconds, "steps": trainer["max_steps"], "losses": losses, "metrics": metrics}
    (directory / SUMMARY).write_text(json.dumps(summary))
    return metrics["validation"]["loss"]


def load(path: Path) -> dict[str, TensorDataset]:
    """The splits."""
    with np.load(path) as arrays:
        return {
            split: TensorDataset(
                torch.from_numpy(arrays[f"{split}_inputs"]), torch.from_numpy(arrays[f"{split}_labels"])
            )
            for split in ("train", "validation", "test")
        }


def make_optimizer(model: nn.Module, section: dict[str, Any]) -> AdamW:
    """AdamW that decays matrices only."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    return AdamW(groups, **{**section, "betas": tuple(section["betas"])})


def half_cosine(section: dict[str, Any], num_steps: int) -> Any:
    """A linear warmup, then half a cosine."""
    warmup_steps, final = round(section["warmup_fraction"] * num_steps), section["final_fraction"]

    def fraction(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        progress = min(1.0, (step + 1 - warmup_steps) / max(1, num_steps - warmup_steps))
        return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * progress))

    return fraction


def train(
    model: nn.Module,
    optimizer: AdamW,
    schedule: LambdaLR,
    loader: DataLoader[tuple[Tensor, ...]],
    trainer: dict[str, Any],
) -> list[float]:
    """Take all steps; returns the losses that were looked at."""
    losses, step = [], 0
    while True:
        for inputs, labels in loader:
            loss = F.cross_entropy(model(inputs), labels)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), trainer["gradient_clip_norm"])
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            step += 1
            if step % trainer["log_every_steps"] == 0:
                losses.append(loss.item())
            if step == trainer["max_steps"]:
                return losses


@torch.no_grad()
def evaluate(model: nn.Module, split: TensorDataset) -> dict[str, float]:
    """Loss and accuracy; precision, recall and F1 as the mean over classes."""
    model.eval()
    inputs, labels = split.tensors
    logits = model(inputs)
    guesses, num_classes = logits.argmax(1), logits.shape[1]
    table = torch.bincount(labels * num_classes + guesses, minlength=num_classes**2).view(num_classes, -1).double()
    right = table.diagonal()
    precision, recall = right / table.sum(0).clamp(min=1), right / table.sum(1).clamp(min=1)
    f1 = 2 * precision * recall / (precision + recall).clamp(min=1e-12)
    return {
        "loss": F.cross_entropy(logits, labels).item(),
        "accuracy": (right.sum() / table.sum()).item(),
        "precision": precision.mean().item(),
        "recall": recall.mean().item(),
        "f1": f1.mean().item(),
    }


def main() -> None:
    """Run one trial in this process; prints the loss on the validation split."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    rate, threads = arguments.learning_rate, arguments.threads
    print(run_trial(arguments.settings, arguments.directory, learning_rate=rate, threads=threads))


if __name__ == "__main__":
    main()
