"""The native decoder with experts: it learns, is rebuilt, counted and refused like the one without."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from models.experts import RoutedMLP
from models.gpt import GPT
from models.moe import MoE

SHAPE: dict[str, Any] = {
    "vocab_size": 50,
    "sequence_length": 12,
    "num_layers": 2,
    "num_heads": 4,
    "num_kv_heads": 2,
    "width": 32,
}
SMALL: dict[str, Any] = {**SHAPE, "num_experts": 4, "top_k": 2, "expert_width": 16}
EVERYTHING: dict[str, Any] = {**SMALL, "shared_width": 24, "qk_norm": True, "ngram_orders": [2], "ngram_buckets": 64}


def moe(**changes: Any) -> MoE:
    torch.manual_seed(0)
    return MoE(**{**SMALL, **changes})


def ids(*shape: int) -> torch.Tensor:
    return torch.randint(0, 50, shape, generator=torch.Generator().manual_seed(1))


def loss_sum(model: MoE, tokens: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten(), reduction="sum")


def gradients(model: MoE, *batches: torch.Tensor) -> dict[str, torch.Tensor]:
    """Those of the sum of the batches' losses, balance losses included."""
    model.zero_grad()
    for tokens in batches:
        for module in model.modules():
            if isinstance(module, RoutedMLP):
                module.row_weights = torch.ones(len(tokens))
        loss_sum(model, tokens).backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def test_with_one_expert_that_is_taken_whole_it_is_a_gpt() -> None:
    model = moe(num_experts=1, top_k=1, normalize_top_k=False)
    dense = GPT(**SHAPE, mlp_width=SMALL["expert_width"])
    state = {name.replace("mlp.experts.", "mlp."): tensor for name, tensor in model.state_dict().items()}
    dense.load_state_dict(
        {
            f"{name}.weight" if ".mlp." in name else name: tensor[0] if ".mlp." in name else tensor
            for name, tensor in state.items()
            if "router" not in name
        }
    )
    torch.testing.assert_close(model(ids(2, 12)), dense(ids(2, 12)), atol=1e-5, rtol=0)


def test_every_parameter_learns() -> None:
    model = moe(**EVERYTHING)
    gradients(model, ids(4, 12))
    silent = [name for name, parameter in model.named_parameters() if not parameter.grad.any()]
    assert silent == []


def test_two_halves_of_a_batch_give_the_gradients_of_the_whole() -> None:
    model, tokens = moe(**EVERYTHING), ids(4, 12)
    whole = gradients(model, tokens)
    for name, found in gradients(model, tokens[:1], tokens[1:]).items():
        torch.testing.assert_close(found, whole[name], atol=1e-4, rtol=1e-5, msg=name)


@pytest.mark.parametrize("tied", [False, True])
def test_a_model_built_on_meta_is_reset_to_the_same_weights_as_one_built_at_once(tied: bool) -> None:
    settings = {**EVERYTHING, "tie_embeddings": tied}
    at_once = MoE(**settings)
    with torch.device("meta"):
        later = MoE(**settings)
    later.to_empty(device="cpu")
    for model in (at_once, later):
        torch.manual_seed(7)
        model.reset_parameters()
    for (name, expected), found in zip(at_once.state_dict().items(), later.state_dict().values(), strict=True):
        assert torch.equal(expected, found), name
    assert torch.equal(at_once(ids(1, 12)), later(ids(1, 12)))


def test_experts_are_drawn_as_wide_as_the_layers_of_a_gpt() -> None:
    wide = {"width": 128, "num_heads": 4, "num_kv_heads": 4}
    experts = moe(**wide, expert_width=64).blocks["0"].mlp.experts
    dense = GPT(**{**SHAPE, **wide}, mlp_width=64).blocks["0"].mlp
    for w in ("w1", "w2", "w3"):
        expected = getattr(dense, w).weight.std().item()
        assert getattr(experts, w).std().item() == pytest.approx(expected, rel=0.05)


def test_flops_are_those_of_the_experts_that_a_token_takes() -> None:
    def flops(**changes: Any) -> int:
        with torch.device("meta"):
            model = moe(**changes)
        with FlopCounterMode(display=False) as counter:
            loss_sum(model, ids(1, 12).to("meta")).backward()
        return counter.get_total_flops()

    layers, tokens, forward_and_backward = 2, 12, 3
    expert = forward_and_backward * 2 * 3 * SMALL["width"] * SMALL["expert_width"]
    assert flops(top_k=3) - flops(top_k=2) == layers * tokens * expert
    router = forward_and_backward * 2 * SMALL["width"]
    assert flops(num_experts=9) - flops(num_experts=4) == layers * tokens * 5 * router


def test_the_plan_names_modules_and_parameters_that_exist() -> None:
    model = moe(**EVERYTHING)
    plan = model.parallel_plan
    names = {name for name, _ in model.named_modules()}
    paths = [path.replace("*", "0") for path in [*plan["tensor"], plan["experts"], plan["balanced"]]]
    assert [path for path in paths if path not in names] == []
    assert "blocks.*.mlp.w1" not in plan["tensor"]
    experts = model.get_submodule("blocks.0.mlp.experts")
    assert plan["tensor"]["blocks.*.mlp.experts"].keys() == {name for name, _ in experts.named_parameters()}


def test_the_plan_states_the_sizes_that_an_axis_must_divide() -> None:
    plan = moe(**EVERYTHING).parallel_plan
    assert plan["ep_sizes"] == {"num_experts": 4}
    assert plan["tp_sizes"] == {
        "num_heads": 4,
        "num_kv_heads": 2,
        "vocab_size": 50,
        "expert_width": 16,
        "shared_width": 24,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"top_k": 5}, "model.top_k=5 is more than model.num_experts=4; use model.top_k=4 or model.num_experts=5"),
        ({"top_k": 0}, "model.top_k=0"),
        ({"top_k": 1}, "use model.normalize_top_k=false or model.top_k=2"),
        ({"num_experts": 0}, "model.num_experts=0"),
        ({"expert_width": 0}, "model.expert_width=0"),
        ({"shared_width": -1}, "model.shared_width=-1"),
        ({"balance_loss": -0.1}, "model.balance_loss=-0.1"),
        ({"width": 30}, "model.width=30 is not divisible by model.num_heads=4"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        moe(**change)


def test_the_tiny_config_builds_and_takes_a_batch(build: Callable[..., Any], batch: Callable[..., Any]) -> None:
    model = build("moe_tiny", "text/next_tokens")
    assert model(**batch("text/next_tokens")).shape == (4, 12, 30)
