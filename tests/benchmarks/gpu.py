"""On a GPU: throughput, utilisation and memory of our transformer and of transformers' Llama of the same shape.

Both are trained by our worker in bf16 with `trainer.compile`, one after the other in processes of their own.
"""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import torch

from launcher.runs import Run
from launcher.training.loop import run_steps
from launcher.training.meter import peak_memory_bytes
from tests.benchmarks import loops
from tests.benchmarks.report import Row, say, silence
from tests.benchmarks.workspace import make_run

REPEATS, STEPS, WARM_UP_STEPS = 5, 20, 10
HEADINGS = ("model", "parameters", "tokens/s", "MFU", "peak memory", "step")
COMMON = (
    "engine.num_processes=1",
    "trainer.precision=bf16",
    "trainer.compile=true",
    "trainer.eval_every_steps=null",
    "trainer.max_steps=100000",
    "optimizer.lr=3e-4",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A transformer with tied embeddings, and how many samples of which length it is trained on at once."""

    num_layers: int
    width: int
    num_heads: int
    num_kv_heads: int
    mlp_width: int
    batch_size: int
    sequence_length: int = 1024
    vocab_size: int = 50304  # GPT-2's, filled up to a multiple of 128

    @property
    def data(self) -> tuple[str, ...]:
        return (f"dataset.sequence_length={self.sequence_length}", f"trainer.global_batch_size={self.batch_size}")

    @property
    def gpt(self) -> tuple[str, ...]:
        """Overrides for ours."""
        names = ("num_layers", "width", "num_heads", "num_kv_heads", "mlp_width", "vocab_size")
        sizes = [f"model.{name}={getattr(self, name)}" for name in names]
        return (*sizes, "model.tie_embeddings=true", "model.ngram_orders=[]")

    @property
    def llama(self) -> tuple[str, ...]:
        """Overrides for theirs."""
        config = {
            "model_type": "llama",
            "num_hidden_layers": self.num_layers,
            "hidden_size": self.width,
            "num_attention_heads": self.num_heads,
            "num_key_value_heads": self.num_kv_heads,
            "intermediate_size": self.mlp_width,
            "vocab_size": self.vocab_size,
            "tie_word_embeddings": "true",
        }
        return ("model=hf", *(f"++model.config.{name}={value}" for name, value in config.items()))


SHAPES = {
    # Of GPT-2 small; SwiGLU has three matrices, so that they are narrower.
    "124M": Shape(num_layers=12, width=768, num_heads=12, num_kv_heads=12, mlp_width=2048, batch_size=32),
    # Of Llama 3.2 1B, with a smaller vocabulary.
    "1B": Shape(num_layers=16, width=2048, num_heads=32, num_kv_heads=8, mlp_width=8192, batch_size=8),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one model did."""

    device: str
    parameters: int
    tokens_per_second: float
    mfu: float | None  # None where the device's peak is not known
    peak_bytes: int
    step_s: float

    @property
    def cells(self) -> list[str]:
        """As they are printed."""
        return [
            f"{self.parameters / 1e6:.0f}M",
            f"{self.tokens_per_second:,.0f}",
            "" if self.mfu is None else f"{self.mfu:.1%}",
            f"{self.peak_bytes / 2**30:.1f} GiB",
            f"{self.step_s * 1e3:.0f} ms",
        ]


def measure(
    space: Path,
    *,
    repeats: int | None,
    steps: int | None,
    device: str = "cuda",
    shapes: dict[str, Shape] = SHAPES,
    overrides: tuple[str, ...] = (),
) -> list[Row]:
    """Prints a table of its own, since nothing here takes turns; there are no rows for the common one."""
    if device == "cuda" and not torch.cuda.is_available():
        say("gpu: skipped, there is no CUDA device here")
        return []
    repeats, steps = repeats or REPEATS, steps or STEPS
    lines: list[list[str]] = []
    for size, shape in shapes.items():
        for name, model in (("gpt", shape.gpt), ("transformers' Llama", shape.llama)):
            say(f"gpu: {name} {size}, {repeats} x {steps} steps")
            run = make_run(*COMMON, *shape.data, *model, *overrides, device=device)
            with ProcessPoolExecutor(1, get_context("spawn")) as process:
                figures = process.submit(train, str(run.path), repeats, steps).result()
            lines.append([f"{name} {size}", *figures.cells])
    print(f"{figures.device}, torch {torch.__version__}, bf16, compiled:\n")
    print(markdown([list(HEADINGS), ["---"] * len(HEADINGS), *lines]))
    return []


def train(run_path: str, repeats: int, steps: int) -> Figures:
    """Train a run in this process, and time blocks of steps once everything is compiled."""
    loops.be_alone()
    with silence():
        job = loops.assembled(Run(Path(run_path)))
        device = job.accelerator.device

        def block(num_steps: int) -> float:
            job.num_steps = num_steps
            started = time.perf_counter()
            run_steps(job)  # its last report waits for the device
            return (time.perf_counter() - started) / num_steps

        block(WARM_UP_STEPS)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        step_s = median(block(steps) for _ in range(repeats))
    samples_per_second = job.plan.global_batch_size / step_s
    tokens, flops, peak = job.meter.tokens_per_sample, job.meter.flops_per_sample, job.meter.peak_flops
    assert tokens is not None
    return Figures(
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        parameters=job.model.num_parameters,
        tokens_per_second=samples_per_second * tokens,
        mfu=None if flops is None or peak is None else samples_per_second * flops / peak,
        peak_bytes=peak_memory_bytes(device),
        step_s=step_s,
    )


def markdown(lines: list[list[str]]) -> str:
    """A table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
