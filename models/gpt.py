"""A decoder-only transformer: RMSNorm, rotary positions, grouped-query attention, SwiGLU.

With the options at their defaults it is a Llama (Touvron et al. 2023), weight for weight.

Legend: B batch, T time, D width, N query heads, K key/value heads, H head dim, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HASH_MULTIPLIER = 1_000_003
HASH_MODULUS = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GPTShape:
    """Sizes and options of a GPT; raises ValueError where they do not fit together."""

    vocab_size: int
    sequence_length: int  # the longest input, in tokens
    num_layers: int
    num_heads: int
    num_kv_heads: int
    width: int
    mlp_width: int
    dropout: float = 0.0  # of attention weights and of what each branch adds
    tie_embeddings: bool = False
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-5
    qk_norm: bool = False  # RMSNorm of queries and keys, a head at a time (Qwen3)
    ngram_orders: list[int] = field(default_factory=list)
    ngram_buckets: int = 8192  # rows an order
    ngram_width: int = 32

    def __post_init__(self) -> None:
        if self.width % (2 * self.num_heads):
            raise ValueError(f"width={self.width} must be a multiple of 2 x num_heads={self.num_heads}")
        if self.num_heads % self.num_kv_heads:
            raise ValueError(f"num_heads={self.num_heads} must be a multiple of num_kv_heads={self.num_kv_heads}")
        if any(order < 2 for order in self.ngram_orders):
            raise ValueError(f"ngram_orders={list(self.ngram_orders)} must each be at least 2")

    @property
    def head_dim(self) -> int:
        """Width of one head."""
        return self.width // self.num_heads


class NgramEmbedding(nn.Module):
    """Adds to each token the embeddings of the n-grams that end in it, looked up by hash.

    Hashed byte n-grams of the Byte Latent Transformer (Pagnoni et al. 2024, section 3.2.1). Many parameters,
    almost no arithmetic. A shard of a sequence does not see the tokens before it.
    """

    def __init__(self, shape: GPTShape) -> None:
        super().__init__()
        self.orders, self.buckets = tuple(shape.ngram_orders), shape.ngram_buckets
        self.table = nn.Embedding(len(self.orders) * self.buckets, shape.ngram_width)
        self.up = nn.Linear(len(self.orders) * shape.ngram_width, shape.width, bias=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """(B, T) ids and mask -> (B, T, D)."""
        keys = input_ids + 1  # 0 stands for "before the text"
        if attention_mask is not None:
            keys = keys.masked_fill(~attention_mask.bool(), 0)
        hashed = keys
        rows: list[Tensor] = []
        for order in range(2, max(self.orders) + 1):
            older = F.pad(keys, (order - 1, 0))[:, : keys.shape[1]]
            hashed = hashed + older * pow(HASH_MULTIPLIER, order - 1, HASH_MODULUS)
            if order in self.orders:
                rows.append((hashed ^ (hashed >> 15)) % self.buckets + len(rows) * self.buckets)
        return self.up(self.table(torch.stack(rows, dim=-1)).flatten(-2))  # (B, T, orders) -> (B, T, D)


class Attention(nn.Module):
    """Causal self-attention whose K key/value heads are each shared by N/K query heads (Ainslie et al. 2023)."""

    def __init__(self, shape: GPTShape) -> None:
        super().__init__()
        D, H = shape.width, shape.head_dim
        self.head_dim, self.dropout = H, shape.dropout
        self.wq = nn.Linear(D, shape.num_heads * H, bias=False)
        self.wk = nn.Linear(D, shape.num_kv_heads * H, bias=False)
        self.wv = nn.Linear(D, shape.num_kv_heads * H, bias=False)
        self.wo = nn.Linear(shape.num_heads * H, D, bias=False)
        self.q_norm = nn.RMSNorm(H, eps=shape.norm_eps) if shape.qk_norm else nn.Identity()
        self.k_norm = nn.RMSNorm(H, eps=shape.norm_eps) if shape.qk_norm else nn.Identity()

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, D), rotary tables (T, 1, H) and an optional mask (B, 1, T, T), True = may look -> (B, T, D)."""
        # The number of heads is read off the projection: under tensor parallelism a device holds a part of them.
        q, k, v = (w(x).unflatten(-1, (-1, self.head_dim)) for w in (self.wq, self.wk, self.wv))  # (B, T, N, H)
        q, k = rotate(self.q_norm(q), cos, sin), rotate(self.k_norm(k), cos, sin)
        attended = F.scaled_dot_product_attention(
            q.transpose(1, 2),
            k.transpose(1, 2),
            v.transpose(1, 2),
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=mask is None,
            enable_gqa=q.shape[2] != k.shape[2],
        )
        return self.wo(attended.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    """SwiGLU (Shazeer 2020)."""

    def __init__(self, shape: GPTShape) -> None:
        super().__init__()
        self.w1 = nn.Linear(shape.width, shape.mlp_width, bias=False)
        self.w2 = nn.Linear(shape.mlp_width, shape.width, bias=False)
        self.w3 = nn.Linear(shape.width, shape.mlp_width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class Block(nn.Module):
    """Attention and MLP, each normalised before and added to the residual stream."""

    def __init__(self, shape: GPTShape) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(shape.width, eps=shape.norm_eps)
        self.attention = Attention(shape)
        self.mlp_norm = nn.RMSNorm(shape.width, eps=shape.norm_eps)
        self.mlp = MLP(shape)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None = None) -> Tensor:
        """As `Attention.forward`."""
        x = x + self.dropout(self.attention(self.attention_norm(x), cos, sin, mask))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))


class GPT(nn.Module):
    """Token ids to logits of the next token. Takes the fields of `GPTShape` as keywords.

    A pipeline stage is this module with the blocks of other stages deleted and `embed`, `ngrams`, `norm` or
    `head` set to None: names stay those of the whole model, and hidden states go in or come out instead.
    """

    rope_cos: Tensor  # (sequence_length, 1, H)
    rope_sin: Tensor

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.shape = shape = GPTShape(**settings)
        self.embed: nn.Embedding | None = nn.Embedding(shape.vocab_size, shape.width)
        self.ngrams: NgramEmbedding | None = NgramEmbedding(shape) if shape.ngram_orders else None
        self.blocks = nn.ModuleDict({str(layer): Block(shape) for layer in range(shape.num_layers)})
        self.norm: nn.RMSNorm | None = nn.RMSNorm(shape.width, eps=shape.norm_eps)
        self.head: nn.Linear | None = nn.Linear(shape.width, shape.vocab_size, bias=False)
        table = torch.empty(shape.sequence_length, 1, shape.head_dim)
        self.register_buffer("rope_cos", table, persistent=False)
        self.register_buffer("rope_sin", table.clone(), persistent=False)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw all parameters anew and fill the rotary tables, as after `to_empty`.

        Matrices keep the variance of their input, embeddings are small (std 0.02) and what writes to the residual
        stream or to the logits begins at zero, so that each block is the identity at first (Zhang et al. 2019).
        """
        if self.shape.tie_embeddings and self.head is not None and self.embed is not None:
            self.head.weight = self.embed.weight  # here, because `to_empty` unties
        for name, module in self.named_modules():
            if isinstance(module, nn.RMSNorm):
                module.reset_parameters()
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            elif isinstance(module, nn.Linear):
                if name.endswith(("wo", "w2")) or (name == "head" and not self.shape.tie_embeddings):
                    nn.init.zeros_(module.weight)
                elif name != "head":
                    nn.init.normal_(module.weight, std=module.in_features**-0.5)
        cos, sin = rotary_tables(self.shape, device=self.rope_cos.device)
        self.rope_cos.copy_(cos)
        self.rope_sin.copy_(sin)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """(B, T) token ids and an optional (B, T) mask, 1 = real -> (B, T, V) logits."""
        x = input_ids
        if self.embed is not None:
            x = self.embed(input_ids)  # (B, T, D)
            if self.ngrams is not None:
                x = x + self.ngrams(input_ids, attention_mask)
        T = x.shape[1]
        mask = None if attention_mask is None else causal_mask(attention_mask)
        for block in self.blocks.values():
            x = block(x, self.rope_cos[:T], self.rope_sin[:T], mask)
        x = x if self.norm is None else self.norm(x)
        return x if self.head is None else self.head(x)


def causal_mask(attention_mask: Tensor) -> Tensor:
    """(B, T) mask of real tokens -> (B, 1, T, T), True where a query (row) may look at a key (column).

    Padding looks at itself, since a softmax over nothing would be NaN.
    """
    T = attention_mask.shape[1]
    causal = torch.ones(T, T, dtype=torch.bool, device=attention_mask.device).tril()
    itself = torch.eye(T, dtype=torch.bool, device=attention_mask.device)
    return (causal & attention_mask.bool()[:, None, None, :]) | itself


def rotary_tables(shape: GPTShape, *, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines (T, 1, H) of rotary positions (Su et al. 2021), the two halves of a head alike."""
    H = shape.head_dim
    frequencies = shape.rope_theta ** (-torch.arange(0, H, 2, device=device, dtype=torch.float32) / H)
    positions = torch.arange(shape.sequence_length, device=device, dtype=torch.float32)
    angles = torch.outer(positions, frequencies).repeat(1, 2)[:, None, :]
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (first half, second half) of the last dim of x (B, T, N, H) by its position's angle."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin
