"""An MLP of experts, of which each token takes a few (Shazeer et al. 2017; Fedus et al. 2021).

Legend: B batch, T time, D width, E experts, K experts a token takes, M = B*T*K assignments, F width of an expert.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.gpt import MLP


class RoutedMLP(nn.Module):
    """Each token's sum of the experts that its router prefers, plus an expert that all tokens share.

    What spreads the model sets `row_weights` before each forward: (B,), how much the load-balancing loss of each
    row weighs in the gradient, 0 for rows of padding; None, outside training, for no such gradient. Where the
    tokens of a row lie on several processes, `sum_over_sequence` adds (B, E) counts up over them.
    """

    row_weights: Tensor | None = None
    sum_over_sequence: Callable[[Tensor], Tensor] | None = None

    def __init__(
        self,
        width: int,
        *,
        num_experts: int,
        top_k: int,
        expert_width: int,
        shared_width: int,  # 0 = no shared expert
        balance_loss: float,
        normalize_top_k: bool,
    ) -> None:
        super().__init__()
        self.num_experts, self.top_k = num_experts, top_k
        self.balance_loss, self.normalize_top_k = balance_loss, normalize_top_k
        self.router = nn.Linear(width, num_experts, bias=False)
        self.experts = Experts(num_experts, width, expert_width)
        self.shared = MLP(width, shared_width) if shared_width > 0 else None
        # (E,): in training, assignments since somebody last read and zeroed it; no part of the model's state.
        self.tokens_per_expert = torch.zeros(num_experts, dtype=torch.int64, device="cpu")

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        probabilities = self.router(x).softmax(-1, dtype=torch.float32)  # (B, T, E)
        weights, chosen = probabilities.topk(self.top_k)  # (B, T, K)
        if self.normalize_top_k:
            weights = weights / weights.sum(-1, keepdim=True)
        counts = count(chosen, self.num_experts)
        y = self.mix(x, weights, chosen, counts.sum(0))
        if self.shared is not None:
            y = y + self.shared(x)
        return self.balance(y, probabilities, counts) if self.training and torch.is_grad_enabled() else y

    def mix(self, x: Tensor, weights: Tensor, chosen: Tensor, counts: Tensor) -> Tensor:
        """x (B, T, D), weights and chosen experts (B, T, K), counts of those (E,) -> (B, T, D)."""
        # Both ways are permutations, whose gradients add nothing up: a GPU sums duplicates in no fixed order.
        order = chosen.flatten().argsort(stable=True)  # (M,)
        copies = x.flatten(0, 1).repeat_interleave(self.top_k, 0)  # (M, D)
        y = self.experts(copies.index_select(0, order), counts).index_select(0, order.argsort())
        y = y.unflatten(0, (-1, self.top_k)) * weights.flatten(0, 1).unsqueeze(-1).to(y.dtype)  # (B*T, K, D)
        return y.sum(1).view_as(x)

    def balance(self, y: Tensor, probabilities: Tensor, counts: Tensor) -> Tensor:
        """y (B, T, D), unchanged; its backward adds the balance loss and counts the tokens."""
        # Computed even if nothing weighs it: a checkpointed block must do the same again, whatever is set by then.
        summed = counts if self.sum_over_sequence is None else self.sum_over_sequence(counts)
        weights = None if self.row_weights is None else self.row_weights * self.balance_loss
        self.tokens_per_expert = self.tokens_per_expert.to(y.device)
        losses = balance_losses(probabilities, summed)
        balanced: Tensor = InBackward.apply(y, losses, weights, counts.sum(0), self.tokens_per_expert)
        return balanced


class Experts(nn.Module):
    """E SwiGLU MLPs as stacked weights, of which a process may hold a share."""

    def __init__(self, num_experts: int, width: int, expert_width: int) -> None:
        """Weights are left empty."""
        super().__init__()
        self.w1 = nn.Parameter(torch.empty(num_experts, expert_width, width))
        self.w2 = nn.Parameter(torch.empty(num_experts, width, expert_width))
        self.w3 = nn.Parameter(torch.empty(num_experts, expert_width, width))

    def forward(self, x: Tensor, counts: Tensor) -> Tensor:
        """x (M, D), sorted by expert, and how many rows each expert here gets, (E,) int64 -> (M, D)."""
        w1, w2, w3 = (w.to_local() if hasattr(w, "to_local") else w for w in (self.w1, self.w2, self.w3))
        if has_grouped_kernel(x, w1):
            return in_one_kernel(x.bfloat16(), counts, w1.bfloat16(), w2.bfloat16(), w3.bfloat16())
        return one_by_one(x, counts, w1, w2, w3)


def has_grouped_kernel(x: Tensor, w1: Tensor) -> bool:
    """Whether a GPU computes x (M, D) with all experts (E, F, D) at once: bfloat16, by type or by autocast."""
    if not x.is_cuda or len(x) == 0:
        return False
    dtype = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else x.dtype
    aligned = all(size % 8 == 0 for size in w1.shape[1:])  # rows start at multiples of 16 bytes
    # On Blackwell, gradients of experts without a token are not zero (pytorch/pytorch#172439).
    known = (8, 0) <= torch.cuda.get_device_capability(x.device) < (10, 0)
    return dtype == torch.bfloat16 and aligned and known


def in_one_kernel(x: Tensor, counts: Tensor, w1: Tensor, w2: Tensor, w3: Tensor) -> Tensor:
    """As `Experts.forward`, without waiting for the counts."""
    ends = counts.cumsum(0, dtype=torch.int32)
    up = F.grouped_mm(x, w3.transpose(1, 2), offs=ends)
    hidden = F.silu(F.grouped_mm(x, w1.transpose(1, 2), offs=ends)) * up  # (M, F)
    return F.grouped_mm(hidden, w2.transpose(1, 2), offs=ends)


def one_by_one(x: Tensor, counts: Tensor, w1: Tensor, w2: Tensor, w3: Tensor) -> Tensor:
    """As `Experts.forward`; an expert without rows computes with none, so that its gradient is zeros, not missing."""
    sizes = [(len(x) + e) // len(counts) for e in range(len(counts))] if x.is_meta else counts.tolist()
    return torch.cat(
        [
            F.linear(F.silu(F.linear(rows, gate)) * F.linear(rows, up), down)
            for rows, gate, down, up in zip(x.split(sizes), w1.unbind(), w2.unbind(), w3.unbind(), strict=True)
        ]
    )


def count(chosen: Tensor, num_experts: int) -> Tensor:
    """Chosen experts (B, T, K) -> how often each row of the batch chose each, (B, E) int64."""
    chosen = chosen.flatten(1)
    return chosen.new_zeros(len(chosen), num_experts).scatter_add_(1, chosen, torch.ones_like(chosen))


def balance_losses(probabilities: Tensor, counts: Tensor) -> Tensor:
    """The load-balancing loss T * E * sum_e f_e P_e of each row, (B,): T where its tokens are spread evenly.

    f_e is the share of the row's assignments, counts (B, E), that expert e got, through which no gradient flows;
    P_e the mean of its router probabilities (B, T, E) (Fedus et al. 2021). It is taken row by row (DeepSeek-AI
    2024), so that it does not matter how rows are batched. Times T, means are sums, so parts of a row add up.
    """
    shares = counts / counts.sum(-1, keepdim=True)
    return shares.shape[-1] * (shares * probabilities.sum(1)).sum(-1)


class InBackward(torch.autograd.Function):
    """Hands activations on; their backward adds the weighted gradient of `losses` and `counts` to `totals`.

    Weights are those of the forward and counts are added once, also where checkpointing computes the block again.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, losses: Tensor, weights: Tensor | None, counts: Tensor, totals: Tensor) -> Tensor:
        """x of any shape, losses and weights (B,), counts and totals (E,) -> x."""
        ctx.weights, ctx.counts, ctx.totals = weights, counts, totals
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of x comes and goes; that of the losses is their weights, if any."""
        ctx.totals.add_(ctx.counts)
        return gradients[0], ctx.weights, None, None, None
