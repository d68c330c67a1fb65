"""The loops of other libraries over the same model, rows and optimizer, each with clipping and a schedule.

Each function builds what it can once and returns a function that trains so many steps, as a user of that library
would write it. Libraries are imported where they are used: one of them may be missing.
"""

from __future__ import annotations

import logging
import os
import tempfile
from typing import Any

from torch import Tensor, nn
from torch.utils.data import default_collate

from launcher.runs import Run
from tests.benchmarks.loops import TrainSteps, forever, loss_of, parts


def fabric(run: Run) -> TrainSteps:
    """Lightning Fabric."""
    import lightning

    built = parts(run)
    fabric = lightning.Fabric(accelerator="cpu", devices=1)
    fabric.launch()
    model, optimizer = fabric.setup(built.model, built.optimizer)
    loader: Any = fabric.setup_dataloaders(built.loader())

    def train(num_steps: int) -> None:
        schedule = built.schedule(num_steps)
        for _, (inputs, targets) in zip(range(num_steps), forever(loader), strict=False):
            loss = loss_of(model(inputs), targets)
            fabric.backward(loss)
            fabric.clip_gradients(model, optimizer, max_norm=built.clip_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            loss.item()

    return train


def accelerate(run: Run) -> TrainSteps:
    """Accelerate, as its documentation shows it."""
    from accelerate import Accelerator

    built = parts(run)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=1)
    model, optimizer, loader = accelerator.prepare(built.model, built.optimizer, built.loader())

    def train(num_steps: int) -> None:
        schedule = accelerator.prepare(built.schedule(num_steps))
        for _, (inputs, targets) in zip(range(num_steps), forever(loader), strict=False):
            with accelerator.accumulate(model):
                loss = loss_of(model(inputs), targets)
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(model.parameters(), built.clip_norm)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                loss.item()

    return train


def lightning(run: Run) -> TrainSteps:
    """Lightning's Trainer without logger, checkpoints and progress bar."""
    import lightning

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    built = parts(run)

    class Module(lightning.LightningModule):
        def __init__(self, num_steps: int) -> None:
            super().__init__()
            self.model, self.num_steps = built.model, num_steps

        def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
            inputs, targets = batch
            return loss_of(self.model(inputs), targets)

        def configure_optimizers(self) -> Any:
            schedule = {"scheduler": built.schedule(self.num_steps), "interval": "step"}
            return {"optimizer": built.optimizer, "lr_scheduler": schedule}

    def train(num_steps: int) -> None:
        trainer = lightning.Trainer(
            accelerator="cpu",
            devices=1,
            max_steps=num_steps,
            gradient_clip_val=built.clip_norm,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Module(num_steps), built.loader())

    return train


class WithLoss(nn.Module):
    """A model as transformers' Trainer expects it: it computes its own loss."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The loss of a batch."""
        return {"loss": loss_of(self.model(inputs), labels)}


def transformers(run: Run) -> TrainSteps:
    """transformers' Trainer as it comes: clipping, and a report every 500 steps."""
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    from transformers import PrinterCallback, Trainer, TrainingArguments

    built = parts(run)
    model = WithLoss(built.model)
    directory = tempfile.mkdtemp(dir=run.path)

    def collate(rows: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        inputs, labels = default_collate(rows)
        return {"inputs": inputs, "labels": labels}

    def train(num_steps: int) -> None:
        arguments = TrainingArguments(
            output_dir=directory,
            use_cpu=True,
            per_device_train_batch_size=built.batch_size,
            max_steps=num_steps,
            max_grad_norm=built.clip_norm,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
        )
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=built.dataset,
            data_collator=collate,
            optimizers=(built.optimizer, built.schedule(num_steps)),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()

    return train
