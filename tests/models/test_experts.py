"""Routed experts: equal to computing all of them and masking, balanced by the stated loss, counted once."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.experts import Experts, RoutedMLP, balance_losses, count, in_one_kernel, one_by_one

B, T, D, E, K, WIDTH = 3, 7, 16, 6, 2, 24


def routed(**changes: Any) -> RoutedMLP:
    torch.manual_seed(0)
    settings = {"num_experts": E, "top_k": K, "expert_width": WIDTH, "shared_width": 0, "balance_loss": 0.1}
    module = RoutedMLP(D, **{**settings, "normalize_top_k": True, **changes})
    for weight in module.experts.parameters():
        nn.init.normal_(weight, std=weight.shape[-1] ** -0.5)
    return module


def hidden(batch: int = B) -> Tensor:
    return torch.randn(batch, T, D, generator=torch.Generator().manual_seed(1))


def every_expert_on_every_token(module: RoutedMLP, x: Tensor) -> Tensor:
    """The same as the module, dense: a sum over all experts with weight 0 for those not chosen."""
    probabilities = module.router(x).softmax(-1)
    kth = probabilities.sort(-1, descending=True).values[..., module.top_k - 1, None]
    weights = probabilities * (probabilities >= kth)
    if module.normalize_top_k:
        weights = weights / weights.sum(-1, keepdim=True)
    y = torch.zeros_like(x) if module.shared is None else module.shared(x)
    for e in range(module.num_experts):
        gate, up, down = module.experts.w1[e], module.experts.w3[e], module.experts.w2[e]
        y = y + weights[..., e, None] * ((F.silu(x @ gate.T) * (x @ up.T)) @ down.T)
    return y


def gradients(module: RoutedMLP, x: Tensor, loss: Tensor) -> dict[str, Tensor]:
    named = {"x": x, **dict(module.named_parameters())}
    return dict(zip(named, torch.autograd.grad(loss, list(named.values())), strict=True))


def balance_gradient(module: RoutedMLP, x: Tensor) -> Tensor:
    """What the router gets from the balance loss alone."""
    return torch.autograd.grad(module(x), module.router.weight, torch.zeros_like(x))[0]


@pytest.mark.parametrize("shared_width", [0, 8])
@pytest.mark.parametrize(("top_k", "normalize_top_k"), [(1, False), (2, True), (2, False), (E, True)])
def test_outputs_and_gradients_equal_those_of_all_experts_masked(
    top_k: int, normalize_top_k: bool, shared_width: int
) -> None:
    module = routed(top_k=top_k, normalize_top_k=normalize_top_k, shared_width=shared_width)
    x = hidden().requires_grad_()
    ours, theirs = module(x), every_expert_on_every_token(module, x)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    expected = gradients(module, x, theirs.square().sum())
    for name, found in gradients(module, x, ours.square().sum()).items():
        torch.testing.assert_close(found, expected[name], atol=1e-5, rtol=1e-5, msg=name)


def test_every_token_takes_the_experts_that_its_router_prefers() -> None:
    module, x = routed(), hidden()
    best = module.router(x).sort(-1, descending=True).indices[..., :K]
    seen: list[Tensor] = []
    module.experts.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    module(x)
    assert torch.equal(seen[0], torch.bincount(best.flatten(), minlength=E))


def test_experts_without_a_token_get_gradients_of_zeros() -> None:
    module = routed(top_k=1, normalize_top_k=False)
    with torch.no_grad():
        module.router.weight.zero_()[4] = 1.0
    module(hidden().abs()).sum().backward()
    for weight in module.experts.parameters():
        assert weight.grad is not None
        assert [bool(of_one.any()) for of_one in weight.grad] == [False, False, False, False, True, False]


def test_no_tokens_at_all_give_gradients_of_zeros() -> None:
    experts = routed().experts
    x = torch.zeros(0, D, requires_grad=True)
    y = experts(x, torch.zeros(E, dtype=torch.int64))
    y.sum().backward()
    assert y.shape == x.grad.shape == (0, D)
    assert [weight.grad.any().item() for weight in experts.parameters()] == [False, False, False]


def test_one_kernel_for_all_experts_equals_one_after_the_other() -> None:
    weights = [weight.detach().bfloat16().requires_grad_() for weight in routed().experts.parameters()]
    x = hidden().flatten(0, 1).bfloat16().requires_grad_()
    counts = torch.tensor([5, 0, 9, 1, 6, 0])
    results = []
    for compute in (in_one_kernel, one_by_one):
        y = compute(x, counts, *weights)
        results.append([y, *torch.autograd.grad(y.float().square().sum(), [x, *weights])])
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, atol=0.05, rtol=0.05)


def test_the_balance_loss_is_that_of_the_formula() -> None:
    probabilities = hidden()[..., :E].softmax(-1)
    chosen = probabilities.topk(K).indices
    for row, loss in enumerate(balance_losses(probabilities, count(chosen, E))):
        shares = torch.stack([(chosen[row] == e).float().mean() for e in range(E)])
        means = probabilities[row].mean(0)
        assert loss.item() == pytest.approx(T * E * (shares * means).sum().item(), rel=1e-5)


def test_tokens_spread_evenly_cost_one_a_token() -> None:
    losses = balance_losses(torch.full((B, T, E), 1 / E), torch.full((B, E), 4))
    torch.testing.assert_close(losses, torch.full((B,), float(T)))


def test_the_gradient_of_the_balance_loss_is_that_of_the_weighted_sum_over_rows() -> None:
    module, x = routed(balance_loss=0.3), hidden()
    module.row_weights = torch.tensor([2.0, 0.0, 0.5])
    probabilities = module.router(x).softmax(-1)
    losses = balance_losses(probabilities, count(probabilities.topk(K).indices, E))
    explicit = 0.3 * (2.0 * losses[0] + 0.5 * losses[2])
    expected = torch.autograd.grad(explicit, module.router.weight)[0]
    torch.testing.assert_close(balance_gradient(module, x), expected, atol=1e-6, rtol=1e-5)


def test_the_balance_loss_changes_no_output() -> None:
    module, x = routed(), hidden()
    without = module(x)
    module.row_weights = torch.ones(B)
    assert torch.equal(module(x), without)


def test_without_row_weights_there_is_no_balance_loss() -> None:
    assert not balance_gradient(routed(), hidden()).any()


def test_the_balance_loss_of_rows_taken_apart_adds_up() -> None:
    module, x = routed(), hidden()
    module.row_weights = torch.ones(B)
    whole = balance_gradient(module, x)
    parts = torch.zeros_like(whole)
    for rows in (slice(0, 1), slice(1, B)):
        module.row_weights = torch.ones(B)[rows]
        parts += balance_gradient(module, x[rows])
    torch.testing.assert_close(parts, whole, atol=1e-6, rtol=1e-5)


def test_the_balance_loss_of_a_row_cut_in_time_adds_up() -> None:
    module, x = routed(), hidden()
    module.row_weights = torch.ones(B)
    whole = balance_gradient(module, x)
    summed = count(module.router(x).topk(K).indices, E)
    module.sum_over_sequence = lambda counts: summed
    parts = balance_gradient(module, x[:, :3]) + balance_gradient(module, x[:, 3:])
    torch.testing.assert_close(parts, whole, atol=1e-6, rtol=1e-5)


def test_assignments_are_counted_in_training_steps() -> None:
    module, x = routed(), hidden()
    for _ in range(2):
        module(x).sum().backward()
    chosen = module.router(x).topk(K).indices
    assert torch.equal(module.tokens_per_expert, 2 * torch.bincount(chosen.flatten(), minlength=E))


def test_nothing_is_counted_without_gradients_or_outside_training() -> None:
    module = routed()
    with torch.no_grad():
        module(hidden())
    module.eval()(hidden()).sum().backward()
    assert not module.tokens_per_expert.any()


def test_a_checkpointed_block_counts_once_and_keeps_the_weights_of_its_forward() -> None:
    module, x = routed(), hidden().requires_grad_()
    module.row_weights = torch.tensor([1.0, 0.0, 2.0])
    expected = gradients(module, x, module(x).square().sum())
    module.tokens_per_expert.zero_()
    y = checkpoint(module, x, use_reentrant=False)
    module.row_weights = None  # those of a later microbatch
    found = gradients(module, x, y.square().sum())
    assert module.tokens_per_expert.sum() == B * T * K
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_autocast_computes_experts_in_its_type() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert routed()(hidden()).dtype == torch.bfloat16


def test_on_the_meta_device_experts_share_the_rows_evenly() -> None:
    with torch.device("meta"):
        experts = Experts(E, D, WIDTH)
        y = experts(torch.empty(20, D), torch.empty(E, dtype=torch.int64))
    assert y.shape == (20, D)
