"""What a model's plan does not allow, found on the meta device, with the override that helps."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch

from launcher.config.compose import compose
from launcher.config.targets import build
from launcher.config.validate import from_composed
from launcher.parallel.axes import resolve_axes
from launcher.parallel.refusals import refuse_strategy

GPT = ["model=gpt_tiny", "model.vocab_size=256", "model.sequence_length=${dataset.sequence_length}"]
MOE = ["model=moe_tiny", *GPT[1:]]
MLP = ["model=mlp", "dataset=iris", "model.num_features=4", "model.num_outputs=3"]
LLAMA = ["model=llama", "model.vocab_size=256", "model.sequence_length=128"]


def refusal(processes: int, *overrides: str) -> str | None:
    config = from_composed(compose(list(overrides)))
    with torch.device("meta"):
        model = build(config.model)
    return refuse_strategy(model, config, resolve_axes(config.strategy, processes=processes))


@pytest.mark.parametrize(
    ("processes", "overrides"),
    [
        (1, [*MLP, "strategy=single"]),
        (8, [*MLP, "strategy=ddp"]),
        (8, [*MLP, "strategy=fsdp"]),
        (2, [*GPT, "strategy=tp"]),
        (2, [*GPT, "strategy=tp", "strategy.sequence_parallel=true", "strategy.loss_parallel=true"]),
        (8, [*GPT, "strategy=nd", "strategy.pp=2", "strategy.tp=2"]),
        (2, [*GPT, "strategy=cp", "strategy.cp_method=ulysses"]),
        (4, [*MOE, "strategy=ep"]),
        (2, [*LLAMA, "strategy=tp"]),
    ],
)
def test_what_fits_is_not_refused(processes: int, overrides: list[str]) -> None:
    assert refusal(processes, *overrides) is None


@pytest.mark.parametrize(
    ("processes", "overrides", "words"),
    [
        (3, [*GPT, "strategy=tp"], ["strategy.tp=3", "model.num_heads=4", "use strategy.tp=1 or 2"]),
        (2, [*GPT, "strategy=tp", "model.mlp_width=255"], ["model.mlp_width=255", "model.mlp_width=254"]),
        (2, [*GPT, "strategy=tp", "model.vocab_size=257"], ["model.vocab_size=257"]),
        (2, [*MLP, "strategy=tp"], ["strategy.tp=2", "MLP", "strategy=fsdp"]),
        (2, [*MLP, "strategy=pp"], ["strategy.pp=2", "MLP", "strategy=fsdp"]),
        (2, [*MLP, "strategy=cp"], ["strategy.cp=2", "MLP"]),
        (2, [*GPT, "strategy=ep"], ["strategy.ep=2", "GPT has no experts", "model=moe_tiny"]),
        (3, [*MOE, "strategy=ep"], ["strategy.ep=3", "model.num_experts=8"]),
        (4, [*GPT, "strategy=pp"], ["4 stages", "2 blocks", "model.num_layers=4"]),
        (2, [*GPT, "strategy=pp", "strategy.pp_schedule=interleaved_1f1b"], ["4 stages", "2 blocks"]),
        (2, [*GPT, "strategy=pp", "model.tie_embeddings=true"], ["embed.weight", "model.tie_embeddings=false"]),
        (2, [*GPT, "strategy=cp", "dataset.sequence_length=126"], ["dataset.sequence_length=126", "=124"]),
        (4, [*GPT, "strategy=cp", "strategy.cp_method=ulysses"], ["strategy.cp=4", "model.num_kv_heads=2"]),
        (2, [*LLAMA, "strategy=tp", "strategy.sequence_parallel=true"], ["strategy.sequence_parallel=false"]),
        (2, [*GPT, "strategy=fsdp", "trainer.precision=fp16"], ["trainer.precision=bf16"]),
    ],
)
def test_what_does_not_fit_is_refused_with_what_does(processes: int, overrides: list[str], words: list[str]) -> None:
    message = refusal(processes, *overrides)
    assert message is not None
    assert [word for word in words if word not in message] == []


def test_a_plan_with_an_unknown_key_is_refused() -> None:
    class Misspelt(torch.nn.Linear):
        parallel_plan: ClassVar = {"block": "blocks"}

    config = from_composed(compose(["strategy=fsdp"]))
    message = refuse_strategy(Misspelt(2, 2), config, resolve_axes(config.strategy, processes=2))
    assert message is not None
    assert "no key block;" in message
