"""The native decoder with routed experts in place of each MLP (Shazeer et al. 2017; Jiang et al. 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from models.checks import at_least, fraction
from models.experts import Experts, RoutedMLP
from models.gpt import GPT


class MoE(GPT):
    """Token ids to logits of the next token. The experts' loads are balanced by a loss that is part of the gradient."""

    def __init__(
        self,
        *,
        vocab_size: int,
        sequence_length: int,  # the longest input, in tokens
        num_layers: int,
        num_heads: int,
        num_kv_heads: int,
        width: int,
        num_experts: int,
        top_k: int,  # experts that a token takes
        expert_width: int,
        shared_width: int = 0,  # of an expert that every token takes as well; 0 = none
        balance_loss: float = 0.01,  # weight of the load-balancing loss
        normalize_top_k: bool = True,  # the weights of a token's experts add up to 1
        dropout: float = 0.0,  # from here on as in GPT
        tie_embeddings: bool = False,
        rope_theta: float = 10_000.0,
        norm_eps: float = 1e-5,
        qk_norm: bool = False,
        ngram_orders: Sequence[int] = (),
        ngram_buckets: int = 8192,
        ngram_width: int = 32,
    ) -> None:
        """Raises ValueError where sizes do not fit together."""
        at_least(1, num_experts=num_experts, top_k=top_k, expert_width=expert_width)
        at_least(0, shared_width=shared_width)
        fraction(balance_loss=balance_loss)
        if top_k > num_experts:
            raise ValueError(
                f"model.top_k={top_k} is more than model.num_experts={num_experts}; "
                f"use model.top_k={num_experts} or model.num_experts={top_k}"
            )
        if top_k == 1 and normalize_top_k:
            raise ValueError(
                "model.normalize_top_k=true makes the weight of a single expert 1 whatever the router says, so with "
                "model.top_k=1 it could not learn; use model.normalize_top_k=false or model.top_k=2"
            )
        super().__init__(
            vocab_size=vocab_size,
            sequence_length=sequence_length,
            num_layers=num_layers,
            num_heads=num_heads,
            num_kv_heads=num_kv_heads,
            width=width,
            mlp_width=1,  # replaced below
            dropout=dropout,
            tie_embeddings=tie_embeddings,
            rope_theta=rope_theta,
            norm_eps=norm_eps,
            qk_norm=qk_norm,
            ngram_orders=ngram_orders,
            ngram_buckets=ngram_buckets,
            ngram_width=ngram_width,
        )
        self.num_experts = num_experts
        del self.sizes["mlp_width"]
        self.sizes |= {"expert_width": expert_width, "shared_width": shared_width}
        for block in self.blocks.values():
            block.mlp = RoutedMLP(
                width,
                num_experts=num_experts,
                top_k=top_k,
                expert_width=expert_width,
                shared_width=shared_width,
                balance_loss=balance_loss,
                normalize_top_k=normalize_top_k,
            )
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """As in GPT; each expert is drawn as an MLP of its width."""
        super().reset_parameters()
        for module in self.modules():
            if isinstance(module, Experts):
                for weight, writers in ((module.w1, 1), (module.w2, 2 * self.num_layers), (module.w3, 1)):
                    nn.init.normal_(weight, std=(weight.shape[-1] * writers) ** -0.5)

    @property
    def parallel_plan(self) -> dict[str, Any]:
        """As in GPT; experts are spread whole over processes, and within tensor parallelism each by its width."""
        plan, mlp = super().parallel_plan, "blocks.*.mlp"
        tensor = {path: style for path, style in plan["tensor"].items() if path != mlp and f"{mlp}." not in path}
        tensor |= {
            mlp: "replicated_region",
            f"{mlp}.experts": {"w1": 1, "w3": 1, "w2": 2},
            f"{mlp}.shared.w1": "colwise",
            f"{mlp}.shared.w3": "colwise",
            f"{mlp}.shared.w2": "rowwise_replicated",
        }
        experts = {"ep_sizes": {"num_experts": self.num_experts}, "experts": f"{mlp}.experts", "balanced": mlp}
        return plan | {"tensor": tensor} | experts
