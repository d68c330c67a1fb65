"""Loops to compare: ours, as a worker runs it, and what one writes by hand without any framework.

Each function here builds everything once and returns a function that trains so many steps.
"""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from launcher.config.compose import from_file, to_plain
from launcher.config.targets import build
from launcher.data.columns import Columns
from launcher.data.manifest import Manifest
from launcher.parallel.plan import Plan
from launcher.runs import Run
from launcher.training.build import Assembly, assemble
from launcher.training.loop import run_steps
from launcher.training.vigil import Progress, Vigil

TrainSteps = Callable[[int], None]


def ours(run: Run) -> TrainSteps:
    """The step loop of Windlass over the assembly of a real run directory."""
    job = assembled(run)

    def train(num_steps: int) -> None:
        job.num_steps = num_steps
        run_steps(job)

    return train


def ours_alone(run: Run) -> TrainSteps:
    """The same without an elastic agent."""
    be_alone()
    return ours(run)


def assembled(run: Run) -> Assembly:
    """What a worker builds of a run directory."""
    vigil = Vigil(run.path, rank=0, progress=Progress())
    return assemble(run, from_file(run.config_path), Plan.load(run.plan_path), vigil, [])


def be_alone() -> None:
    """Set the environment that an elastic agent would give to a lone worker."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "LOCAL_RANK": "0", "RANK": "0"}
    os.environ |= {"WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}


def leave_group() -> None:
    """End the process group, if there is one, once every rank is here."""
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


@dataclass(slots=True)
class Parts:
    """What a script by hand would build, taken from the same config and the same prepared rows."""

    model: nn.Module
    optimizer: AdamW
    dataset: Dataset[tuple[Tensor, Tensor]]
    batch_size: int  # of this process
    num_micros: int  # that a pipeline cuts the batch into
    clip_norm: float

    def loader(self, *, shares: bool = False) -> DataLoader[tuple[Tensor, Tensor]]:
        """Shuffled batches: each process's share of the rows, or the same on all."""
        sampler: DistributedSampler | None = DistributedSampler(self.dataset) if shares else None
        seeded = torch.Generator().manual_seed(0)
        return DataLoader(
            self.dataset, batch_size=self.batch_size, shuffle=sampler is None, sampler=sampler, generator=seeded
        )

    def schedule(self, num_steps: int) -> LambdaLR:
        """Half a cosine."""
        return LambdaLR(self.optimizer, lambda step: 0.5 * (1.0 + math.cos(math.pi * min(step / num_steps, 1.0))))


class TokenRows(Dataset[tuple[Tensor, Tensor]]):
    """Rows of T + 1 tokens in memory: each is an input and the same, one token on."""

    def __init__(self, tokens: Tensor) -> None:
        self.tokens = tokens.long()

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        row = self.tokens[index]
        return row[:-1], row[1:]


class LabelledRows(Dataset[tuple[Tensor, Tensor]]):
    """Inputs and class ids in memory."""

    def __init__(self, inputs: Tensor, labels: Tensor) -> None:
        self.inputs, self.labels = inputs, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.inputs[index], self.labels[index]


def parts(run: Run, spread: Callable[[nn.Module], nn.Module] | None = None) -> Parts:
    """Model, optimizer and rows of a run, built without the rooms that train.

    `spread` turns the model into what this process trains, before there is an optimizer.
    """
    config, plan = to_plain(run.config_path), Plan.load(run.plan_path)
    manifest = Manifest.load(run.data_path)
    rows = Columns(Path(manifest.path) / "train", manifest)
    column = {name: torch.cat([torch.from_numpy(part.copy()) for part in rows.stream(name)]) for name in rows.names}
    torch.manual_seed(config["trainer"]["seed"])
    model = build(config["model"])
    if config["trainer"]["compile"]:
        model.compile()
    model = model if spread is None else spread(model)
    return Parts(
        model=model,
        optimizer=adamw(model, config["optimizer"]),
        dataset=TokenRows(column["tokens"]) if "tokens" in column else LabelledRows(column["inputs"], column["labels"]),
        batch_size=plan.micro_batch_size * plan.accumulation,
        num_micros=plan.accumulation,
        clip_norm=config["trainer"]["gradient_clip_norm"],
    )


def adamw(model: nn.Module, section: dict[str, Any]) -> AdamW:
    """Fused AdamW that decays matrices only."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    decay, betas = section["weight_decay"], tuple(section["betas"])
    groups = [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return AdamW(groups if decay else model.parameters(), lr=section["lr"], betas=betas, weight_decay=0.0, fused=True)


def forever(loader: DataLoader[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches, epoch after epoch."""
    while True:
        yield from loader


def loss_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross entropy of logits (..., V) and class ids (...)."""
    return F.cross_entropy(logits.flatten(0, -2), targets.flatten())


def plain(run: Run) -> TrainSteps:
    """The loop of the PyTorch tutorials, with clipping, a schedule and the loss read at every step."""
    built = parts(run)

    def train(num_steps: int) -> None:
        schedule = built.schedule(num_steps)
        for _, (inputs, targets) in zip(range(num_steps), forever(built.loader()), strict=False):
            loss = loss_of(built.model(inputs), targets)
            loss.backward()
            nn.utils.clip_grad_norm_(built.model.parameters(), built.clip_norm)
            built.optimizer.step()
            schedule.step()
            built.optimizer.zero_grad()
            loss.item()

    return train
