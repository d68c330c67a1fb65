"""A decoder-only transformer: RMSNorm, rotary positions, grouped-query attention, SwiGLU.

With its options at their defaults it is a Llama (Touvron et al. 2023), weight for weight.

Legend: B batch, T time, D width, N query heads, K key/value heads, H head dim, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.checks import at_least, divisible, fraction
from models.ngrams import NgramEmbedding

TRANSFORMERS_NAMES = {
    "embed.": "model.embed_tokens.",
    "blocks.": "model.layers.",
    ".attention.wq.": ".self_attn.q_proj.",
    ".attention.wk.": ".self_attn.k_proj.",
    ".attention.wv.": ".self_attn.v_proj.",
    ".attention.wo.": ".self_attn.o_proj.",
    ".attention.q_norm.": ".self_attn.q_norm.",
    ".attention.k_norm.": ".self_attn.k_norm.",
    ".attention_norm.": ".input_layernorm.",
    ".mlp_norm.": ".post_attention_layernorm.",
    ".mlp.w1.": ".mlp.gate_proj.",
    ".mlp.w2.": ".mlp.down_proj.",
    ".mlp.w3.": ".mlp.up_proj.",
    "norm.": "model.norm.",
    "head.": "lm_head.",
}
"""Parts of names, and what transformers calls them; those that begin without a dot stand at the beginning."""


class GPT(nn.Module):
    """Token ids to logits of the next token.

    A pipeline stage is this module with the blocks of other stages deleted and `embed`, `ngrams`, `norm` or
    `head` set to None: names stay those of the whole model, and hidden states go in or come out instead.
    """

    rope_cos: Tensor  # (sequence_length, 1, H)
    rope_sin: Tensor

    def __init__(
        self,
        *,
        vocab_size: int,
        sequence_length: int,  # the longest input, in tokens
        num_layers: int,
        num_heads: int,
        num_kv_heads: int,
        width: int,
        mlp_width: int,
        dropout: float = 0.0,  # of attention weights and of what each branch adds
        tie_embeddings: bool = False,
        rope_theta: float = 10_000.0,
        norm_eps: float = 1e-5,
        qk_norm: bool = False,  # RMSNorm of queries and keys, head by head (Henry et al. 2020)
        ngram_orders: Sequence[int] = (),  # see NgramEmbedding; none by default
        ngram_buckets: int = 8192,
        ngram_width: int = 32,
    ) -> None:
        """Raises ValueError where sizes do not fit together."""
        super().__init__()
        at_least(1, vocab_size=vocab_size, sequence_length=sequence_length, num_layers=num_layers, width=width)
        at_least(1, num_heads=num_heads, num_kv_heads=num_kv_heads, mlp_width=mlp_width)
        fraction(dropout=dropout)
        divisible(("width", width), by=("num_heads", num_heads))
        divisible(("num_heads", num_heads), by=("num_kv_heads", num_kv_heads))
        if width // num_heads % 2 != 0:
            raise ValueError(
                f"model.width={width} over model.num_heads={num_heads} makes heads of odd width, but rotary "
                f"positions turn pairs; use model.width={width + num_heads}"
            )
        self.num_layers, self.tie_embeddings, self.rope_theta = num_layers, tie_embeddings, rope_theta
        self.sizes = {"num_heads": num_heads, "num_kv_heads": num_kv_heads, "mlp_width": mlp_width}
        self.sizes |= {"vocab_size": vocab_size}
        self.embed: nn.Embedding | None = nn.Embedding(vocab_size, width)
        self.ngrams: NgramEmbedding | None = None
        if ngram_orders:
            self.ngrams = NgramEmbedding(width, orders=ngram_orders, num_buckets=ngram_buckets, row_width=ngram_width)
        self.blocks = nn.ModuleDict()
        for layer in range(num_layers):
            attention = Attention(
                width, num_heads, num_kv_heads, dropout=dropout, qk_norm_eps=norm_eps if qk_norm else None
            )
            self.blocks[str(layer)] = Block(attention, MLP(width, mlp_width), norm_eps=norm_eps, dropout=dropout)
        self.norm: nn.RMSNorm | None = nn.RMSNorm(width, eps=norm_eps)
        self.head: nn.Linear | None = nn.Linear(width, vocab_size, bias=False)
        table = torch.empty(sequence_length, 1, width // num_heads)
        self.register_buffer("rope_cos", table, persistent=False)
        self.register_buffer("rope_sin", table.clone(), persistent=False)
        self.reset_parameters()

    @property
    def parallel_plan(self) -> dict[str, Any]:
        """How the model is spread over devices, in data (docs/strategies.md explains the keys)."""
        block = "blocks.*"
        return {
            "blocks": "blocks",
            "tensor": {
                "embed": "embedding",
                "ngrams": "replicated_output",
                "ngrams.table": "embedding_replicated",
                f"{block}.attention_norm": "norm",
                f"{block}.attention": "region",
                f"{block}.attention.wq": "colwise",
                f"{block}.attention.wk": "colwise",
                f"{block}.attention.wv": "colwise",
                f"{block}.attention.q_norm": "head_norm",
                f"{block}.attention.k_norm": "head_norm",
                f"{block}.attention.wo": "rowwise",
                f"{block}.mlp_norm": "norm",
                f"{block}.mlp": "region",
                f"{block}.mlp.w1": "colwise",
                f"{block}.mlp.w3": "colwise",
                f"{block}.mlp.w2": "rowwise",
                "norm": "norm",
                "head": "head",
            },
            "tp_sizes": self.sizes,
            "cp_sizes": {name: self.sizes[name] for name in ("num_heads", "num_kv_heads")},
            "stages": {"first": ["embed", "ngrams"], "last": ["norm", "head"]},
            "context": {
                "attention": f"{block}.attention.attend",
                "split_inputs": ["embed"],
                "split_outputs": ["ngrams"],
                "position_buffers": ["rope_cos", "rope_sin"],
            },
        }

    @property
    def transformers_form(self) -> tuple[Any, dict[str, str]] | None:
        """The same model in transformers: its config, and its names for parts of ours; None where it has none.

        Llama, or with norms of queries and keys Qwen3.
        """
        if self.ngrams is not None or self.embed is None or type(self) is not GPT:
            return None
        from transformers import LlamaConfig, Qwen3Config

        block: Any = self.blocks["0"]
        attention = block.attention
        has_norms = isinstance(attention.q_norm, nn.RMSNorm)
        family: Any = Qwen3Config if has_norms else LlamaConfig
        config = family(
            vocab_size=self.sizes["vocab_size"],
            max_position_embeddings=self.rope_cos.shape[0],
            hidden_size=self.embed.embedding_dim,
            intermediate_size=self.sizes["mlp_width"],
            num_hidden_layers=self.num_layers,
            num_attention_heads=self.sizes["num_heads"],
            num_key_value_heads=self.sizes["num_kv_heads"],
            head_dim=attention.head_dim,
            attention_dropout=attention.attend.dropout,
            rms_norm_eps=block.attention_norm.eps,
            rope_parameters={"rope_type": "default", "rope_theta": self.rope_theta},
            tie_word_embeddings=self.tie_embeddings,
            bos_token_id=None,
            eos_token_id=None,
            architectures=["Qwen3ForCausalLM" if has_norms else "LlamaForCausalLM"],
        )
        return config, dict(TRANSFORMERS_NAMES)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw all parameters anew and fill the rotary tables, as is needed after `to_empty`.

        Matrices keep the variance of their input; those that write to the residual stream are smaller, so that
        its variance does not grow with depth (Radford et al. 2019).
        """
        if self.tie_embeddings and self.head is not None and self.embed is not None:
            self.head.weight = self.embed.weight  # here, since `to_empty` unties
        for name, module in self.named_modules():
            if isinstance(module, nn.RMSNorm):
                module.reset_parameters()
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.1)
            elif isinstance(module, nn.Linear) and not (name == "head" and self.tie_embeddings):
                writers = 2 * self.num_layers if name.endswith(("wo", "w2")) else 1
                nn.init.normal_(module.weight, std=(module.in_features * writers) ** -0.5)
        cos, sin = rotary_tables(self.rope_cos, self.rope_theta)
        self.rope_cos.copy_(cos)
        self.rope_sin.copy_(sin)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """(B, T) token ids and an optional (B, T) mask, 1 = real -> (B, T, V) logits."""
        x = input_ids if self.embed is None else self.embed(input_ids)  # (B, T, D)
        if self.ngrams is not None:
            x = x + self.ngrams(input_ids, attention_mask)
        mask = None if attention_mask is None else causal_mask(attention_mask)
        for block in self.blocks.values():
            x = block(x, self.rope_cos, self.rope_sin, mask)
        x = x if self.norm is None else self.norm(x)
        return x if self.head is None else self.head(x)


class Block(nn.Module):
    """Attention and MLP, each normalised before and added to the residual stream."""

    def __init__(self, attention: Attention, mlp: MLP, *, norm_eps: float, dropout: float) -> None:
        super().__init__()
        width = attention.wo.out_features
        self.attention_norm = nn.RMSNorm(width, eps=norm_eps)
        self.attention = attention
        self.mlp_norm = nn.RMSNorm(width, eps=norm_eps)
        self.mlp = mlp
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None = None) -> Tensor:
        """As `Attention.forward`."""
        x = x + self.dropout(self.attention(self.attention_norm(x), cos, sin, mask))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))


class Attention(nn.Module):
    """Causal self-attention; each of K key/value heads serves N/K query heads (Ainslie et al. 2023)."""

    def __init__(
        self, width: int, num_heads: int, num_kv_heads: int, *, dropout: float, qk_norm_eps: float | None
    ) -> None:
        super().__init__()
        self.head_dim = width // num_heads
        self.wq = nn.Linear(width, width, bias=False)
        self.wk = nn.Linear(width, num_kv_heads * self.head_dim, bias=False)
        self.wv = nn.Linear(width, num_kv_heads * self.head_dim, bias=False)
        self.wo = nn.Linear(width, width, bias=False)
        self.q_norm = nn.Identity() if qk_norm_eps is None else nn.RMSNorm(self.head_dim, eps=qk_norm_eps)
        self.k_norm = nn.Identity() if qk_norm_eps is None else nn.RMSNorm(self.head_dim, eps=qk_norm_eps)
        self.attend = Attend(dropout)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, T, D), rotary tables of at least (T, 1, H), a mask (B, 1, T, T), True = may look -> (B, T, D)."""
        # Heads and time are counted here: under tensor and sequence parallelism a device holds a part of them.
        q, k, v = (w(x).unflatten(-1, (-1, self.head_dim)) for w in (self.wq, self.wk, self.wv))  # (B, T, N, H)
        cos, sin = cos[: q.shape[1]], sin[: q.shape[1]]
        q, k = rotate(self.q_norm(q), cos, sin), rotate(self.k_norm(k), cos, sin)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)  # (B, N, T, H)
        return self.wo(self.attend(q, k, v, mask).transpose(1, 2).flatten(2))


class Attend(nn.Module):
    """Attention without parameters: what is replaced where keys and values lie on several devices."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout

    def forward(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        """Queries (B, N, T, H), keys and values (B, K, S, H), and a mask (B, 1, T, S) -> (B, N, T, H).

        Without a mask a query looks at its own position and those before it, and S = T.
        """
        return F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=mask is None,
            enable_gqa=q.shape[1] != k.shape[1],
        )


class MLP(nn.Module):
    """SwiGLU (Shazeer 2020)."""

    def __init__(self, width: int, mlp_width: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(width, mlp_width, bias=False)
        self.w2 = nn.Linear(mlp_width, width, bias=False)
        self.w3 = nn.Linear(width, mlp_width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


def causal_mask(attention_mask: Tensor) -> Tensor:
    """(B, T) mask of real tokens -> (B, 1, T, T), True where a query (row) may look at a key (column).

    Padding looks at itself, since a softmax over nothing would be NaN.
    """
    T = attention_mask.shape[1]
    may_look = torch.ones(T, T, dtype=torch.bool, device=attention_mask.device).tril()
    may_look = may_look & attention_mask.bool()[:, None, None, :]
    return may_look | torch.eye(T, dtype=torch.bool, device=attention_mask.device)


def rotary_tables(like: Tensor, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines (T, 1, H) of rotary positions (Su et al. 2021), shaped like `like`; both halves of H alike."""
    T, _, H = like.shape
    frequencies = theta ** (-torch.arange(0, H, 2, device=like.device, dtype=torch.float32) / H)
    positions = torch.arange(T, device=like.device, dtype=torch.float32)
    angles = torch.outer(positions, frequencies).repeat(1, 2)[:, None, :]
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (first half, second half) of the last dim of x (B, T, N, H) by its position's angle."""
    first, second = x.chunk(2, dim=-1)
    cos, sin = cos[..., : first.shape[-1]], sin[..., : first.shape[-1]]
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
