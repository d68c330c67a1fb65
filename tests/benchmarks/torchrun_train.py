"""What one would write for torchrun alone to go on after a worker died: a script that saves and loads with torch.save.

It trains the same model as the default run on a prepared file of tokens, and nothing else. Rank 0 appends a line to
`--events` once it has loaded a checkpoint, after each step, and after each checkpoint, as Windlass does.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from models.gpt import GPT


def main() -> None:
    """Train until somebody ends the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--events", type=Path, required=True)
    parser.add_argument("--every-steps", type=int, required=True)
    arguments = parser.parse_args()
    settings = json.loads(arguments.settings.read_text())
    trainer, optimizer_settings = settings["trainer"], settings["optimizer"]

    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(trainer["seed"])
    model = DistributedDataParallel(GPT(**settings["model"]))
    optimizer = torch.optim.AdamW(
        model.parameters(), **{**optimizer_settings, "betas": tuple(optimizer_settings["betas"])}
    )

    def report(event: str, **facts: Any) -> None:
        if rank == 0:
            with arguments.events.open("a") as file:
                file.write(json.dumps({"event": event, "time": time.time(), "pid": os.getpid(), **facts}) + "\n")

    path, step = arguments.events.with_name("checkpoint.pt"), 0
    if path.exists():
        saved = torch.load(path, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        step = saved["step"]
        report("resumed", step=step)

    rows = np.load(arguments.tokens, mmap_mode="r")
    batch_size = trainer["global_batch_size"] // size
    while True:
        first = (step * size + rank) * batch_size % (len(rows) - batch_size)
        batch = torch.from_numpy(rows[first : first + batch_size].astype(np.int64))
        loss = F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), trainer["gradient_clip_norm"])
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        report("step", step=step, loss=loss.item())
        if step % arguments.every_steps == 0:
            if rank == 0:
                state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
                torch.save(state, path.with_suffix(".new"))
                path.with_suffix(".new").replace(path)
            report("checkpoint", step=step)


if __name__ == "__main__":
    main()
