"""Tokens a second of our transformer against transformers' Llama of the same shape, on one thread of one process.

Ours is trained by our step loop, theirs by a loop written by hand. Compiled, ours is compiled block by block as
`trainer.compile` does, theirs whole as its authors show it; the first steps, which compile, are not timed.
"""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.pairs import Side, Size, measure_pair
from tests.benchmarks.report import Cost, Row, say
from tests.benchmarks.workspace import make_run

LIMIT = 1.0
FULL = Size(repeats=12, turns=4, steps=3, launches=4)
SEQUENCE_LENGTH, BATCH_SIZE = 128, 4
SHAPE = (
    "model.width=256",
    "model.num_layers=4",
    "model.num_heads=8",
    "model.num_kv_heads=4",
    "model.mlp_width=704",
    f"dataset.sequence_length={SEQUENCE_LENGTH}",
    "dataset.max_rows=200",
    "engine.num_processes=1",
    f"trainer.global_batch_size={BATCH_SIZE}",
    "trainer.eval_every_steps=null",
)
"""About three million parameters."""


def measure(space: Path, *, repeats: int | None, steps: int | None, overrides: tuple[str, ...] = ()) -> list[Row]:
    """Eager and compiled."""
    size = FULL._replace(repeats=repeats or FULL.repeats, steps=steps or FULL.steps)
    rows = []
    for way, compiles in (("eager", "false"), ("compiled", "true")):
        say(f"throughput, {way}: {size.repeats} pairs of {size.turns} x {size.steps} steps")
        common = (*SHAPE, f"trainer.compile={compiles}", f"trainer.max_steps={size.steps}", *overrides)
        gpt, llama = make_run("model.ngram_orders=[]", *common), make_run("model=llama", *common)
        ours, theirs = measure_pair(
            Side("loops.ours", str(gpt.path)), Side("loops.plain", str(llama.path)), size, num_processes=1
        )
        rows.append(
            Row(
                name=f"throughput of a 3M transformer, {way}",
                unit="tokens/s",
                other="transformers' Llama",
                ours=[per_token(cost) for cost in ours],
                theirs=[per_token(cost) for cost in theirs],
                limit=LIMIT,
            )
        )
    return rows


def per_token(cost: Cost) -> Cost:
    """A step's seconds as seconds for a token."""
    tokens = SEQUENCE_LENGTH * BATCH_SIZE
    return Cost(cost.value / tokens, None if cost.cpu_s is None else cost.cpu_s / tokens)
