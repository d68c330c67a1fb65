"""What one would write with Accelerate alone for the default run: the script that `accelerate launch` starts.

It reads a prepared file of tokens, trains the same model on every process, and logs to W&B offline. Rank 0 appends a
line to `--events` after the first step and after each report, so that both sides are watched in the same way.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Dataset

from models.gpt import GPT


class Tokens(Dataset[tuple[Tensor, Tensor]]):
    """Rows of T + 1 tokens out of a memory-mapped file."""

    def __init__(self, path: Path) -> None:
        self.rows = np.load(path, mmap_mode="r")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        row = torch.from_numpy(self.rows[index].astype(np.int64))
        return row[:-1], row[1:]


def main() -> None:
    """Train until the last step, or until somebody ends the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--events", type=Path, required=True)
    arguments = parser.parse_args()
    settings = json.loads(arguments.settings.read_text())
    trainer, optimizer_settings = settings["trainer"], settings["optimizer"]

    accelerator = Accelerator(cpu=True, log_with="wandb")
    set_seed(trainer["seed"])
    model = GPT(**settings["model"])
    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, **{**optimizer_settings, "betas": tuple(optimizer_settings["betas"])})
    num_steps = trainer["max_steps"]
    schedule = LambdaLR(optimizer, lambda step: 0.5 * (1.0 + math.cos(math.pi * min(step / num_steps, 1.0))))
    batch_size = trainer["global_batch_size"] // accelerator.num_processes
    loader = DataLoader(Tokens(arguments.tokens), batch_size=batch_size, shuffle=True)
    model, optimizer, loader, schedule = accelerator.prepare(model, optimizer, loader, schedule)
    directory = str(arguments.events.parent)
    accelerator.init_trackers(
        "benchmark", config=settings, init_kwargs={"wandb": {"mode": "offline", "dir": directory}}
    )

    for step, (inputs, targets) in enumerate(loader, start=1):
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), trainer["gradient_clip_norm"])
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step == 1 or step % trainer["log_every_steps"] == 0:
            mean = accelerator.reduce(loss.detach(), reduction="mean").item()
            if accelerator.is_main_process:
                facts = {"step": step, "loss": mean, "pid": os.getpid(), "processes": accelerator.num_processes}
                with arguments.events.open("a") as file:
                    file.write(json.dumps({"event": "step", "time": time.time(), **facts}) + "\n")
            accelerator.log({"loss": mean, "learning_rate": schedule.get_last_lr()[0]}, step=step)
        if step == num_steps:
            break
    accelerator.end_training()


if __name__ == "__main__":
    main()
