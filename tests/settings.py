"""One table of (model, data set, overrides that make it tiny); it drives the tests that walk over every config."""

from __future__ import annotations

TINY_GPT = ["model.width=32", "model.num_layers=1", "model.num_heads=2", "model.num_kv_heads=1"]
TINY_TEXT = ["dataset.sequence_length=16", "dataset.max_rows=1", "trainer.global_batch_size=8"]

SETTINGS: list[tuple[str, str, list[str]]] = [
    ("gpt_tiny", "python_stdlib", [*TINY_GPT, *TINY_TEXT]),
    ("moe_tiny", "python_stdlib", [*TINY_GPT, "model.expert_width=16", *TINY_TEXT]),
    ("linear", "iris", []),
    ("linear", "diabetes", []),
    ("mlp", "breast_cancer", []),
    ("mlp", "wine", []),
    ("mlp", "diabetes", []),
    ("cnn", "digits", []),
    ("resnet", "digits", []),
    ("lstm", "python_stdlib", TINY_TEXT),
    ("gpt2", "python_stdlib", ["model.size=tiny", *TINY_TEXT]),
    ("llama", "python_stdlib", TINY_TEXT),
    ("bert", "python_stdlib", ["task=masked_language_modeling", *TINY_TEXT]),
    ("hf", "python_stdlib", TINY_TEXT),
]
