"""What the parity matrix trains: models, data and compositions, as overrides of the config."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

VOCAB, SEQUENCE, GLOBAL_BATCH = 32, 16, 8

_TEXT = ["task.bytes_per_token=1", f"model.vocab_size={VOCAB}", f"model.sequence_length={SEQUENCE}"]
_SIZES = ["model.width=32", "model.num_layers=2", "model.num_heads=4", "model.num_kv_heads=2"]
_PLAIN = ["model=gpt_tiny", *_TEXT, *_SIZES, "model.mlp_width=48", "model.ngram_orders=[]"]
_NGRAMS = ["model.ngram_orders=[2,3]", "model.ngram_buckets=16", "model.ngram_width=8", "model.qk_norm=true"]
_EXPERTS = ["model.num_experts=4", "model.expert_width=24", "model.shared_width=16", "model.balance_loss=0.1"]
_MASKED = [f"task.vocab_size={VOCAB}", "task.mask_token_id=0", "task.mask_fraction=0.4"]
_BERT = ["model.labels=masked_tokens", "model.num_outputs=null", "model.width=32", "model.num_heads=4"]
_TABLE = ["dataset=iris", "model.num_features=6", "model.num_outputs=3", "task.num_classes=3"]

MODELS: dict[str, list[str]] = {
    "gpt": [*_PLAIN, *_NGRAMS],
    "deep": [*_PLAIN, "model.num_layers=4"],
    "tied": [*_PLAIN, "model.tie_embeddings=true"],
    "moe": ["model=moe_tiny", *_TEXT, *_SIZES, *_EXPERTS],
    "llama": ["model=llama", *_TEXT, *_SIZES, "model.mlp_width=48"],
    "bert": ["model=bert", "task=masked_language_modeling", *_MASKED, *_TEXT[1:], *_BERT],
    "mlp": ["model=mlp", *_TABLE, "model.width=16", "model.depth=3"],
}
"""Models with every `${data...}` filled in; those of text have rows of unequal length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A model, spread: over `data` shares of the batch, each of which takes `micros` micro batches a step."""

    name: str
    processes: int
    model: str = "gpt"
    strategy: tuple[str, ...] = ()
    data: int = 1
    micros: int = 2
    slow: bool = False

    @property
    def overrides(self) -> list[str]:
        """What the command line would say."""
        return [
            *MODELS[self.model],
            *self.strategy,
            f"engine.num_processes={self.processes}",
            "engine.device=cpu",
            "tracker=none",
            "scheduler=constant",
            f"trainer.global_batch_size={GLOBAL_BATCH}",
            f"trainer.micro_batch_size={GLOBAL_BATCH // self.data // self.micros}",
            "trainer.gradient_clip_norm=1.0",
            "trainer.precision=fp32",
        ]


def _quick(name: str, processes: int, *strategy: str, **more: Any) -> Case:
    return Case(name=name, processes=processes, strategy=strategy, **more)


def _slow(name: str, processes: int, *strategy: str, **more: Any) -> Case:
    return _quick(name, processes, *strategy, slow=True, **more)


_SP, _LP = "strategy.sequence_parallel=true", "strategy.loss_parallel=true"
_ULYSSES, _UNBALANCED = "strategy.cp_method=ulysses", "strategy.cp_load_balance=false"
_FULL, _SELECTIVE = (f"strategy.activation_checkpointing={method}" for method in ("full", "selective"))
_CP_FSDP = ("strategy=nd", "strategy.cp=2")
_DEEP: dict[str, Any] = {"model": "deep", "micros": 4}  # two stages a process need four blocks


def _schedule(name: str, *more: str) -> tuple[str, ...]:
    return ("strategy=pp", f"strategy.pp_schedule={name}", *more)


_DATA = [
    _quick("ddp", 2, "strategy=ddp", data=2),
    _quick("fsdp", 2, "strategy=fsdp", data=2),
    _slow("hsdp", 4, "strategy=hsdp", data=4),
    _quick("fsdp, full recomputation", 2, "strategy=fsdp", _FULL, data=2),
    _slow("tied fsdp", 2, "strategy=fsdp", data=2, model="tied"),
    _quick("mlp fsdp", 2, "strategy=fsdp", data=2, model="mlp"),
    _slow("fsdp, more processes than samples", 4, "strategy=fsdp", data=4),
    _slow("fsdp, selective recomputation", 2, "strategy=fsdp", _SELECTIVE, data=2),
    _slow("fsdp, kept gathered", 2, "strategy=fsdp", "strategy.reshard_after_forward=false", data=2),
    _slow("fsdp, offloaded", 2, "strategy=fsdp", "strategy.cpu_offload=true", data=2),
    _slow("ddp, full recomputation", 2, "strategy=ddp", _FULL, data=2),
    _slow("mlp ddp", 2, "strategy=ddp", data=2, model="mlp"),
    _slow("llama fsdp", 2, "strategy=fsdp", data=2, model="llama"),
    _slow("bert fsdp", 2, "strategy=fsdp", data=2, model="bert"),
]
_TENSOR = [
    _quick("tp", 2, "strategy=tp"),
    _quick("tp, sequence and loss parallel", 2, "strategy=tp", _SP, _LP),
    _quick("fsdp x tp", 4, "strategy=fsdp_tp", _SP, data=2),
    _slow("llama tp", 2, "strategy=tp", model="llama"),
    _slow("tp, sequence parallel", 2, "strategy=tp", _SP),
    _slow("tp, loss parallel", 2, "strategy=tp", _LP),
    _slow("tp, selective recomputation", 2, "strategy=tp", _SP, _SELECTIVE),
    _slow("ddp x tp", 4, "strategy=tp", "strategy.dp_replicate=2", data=2),
    _slow("fsdp x tp, loss parallel", 4, "strategy=fsdp_tp", _LP, data=2),
    _slow("tied tp", 2, "strategy=tp", _SP, model="tied"),
    _slow("tied fsdp x tp", 4, "strategy=fsdp_tp", data=2, model="tied"),
    _slow("llama tp, loss parallel", 2, "strategy=tp", _LP, model="llama"),
    _slow("bert tp", 2, "strategy=tp", model="bert"),
    _slow("bert fsdp x tp", 4, "strategy=fsdp_tp", data=2, model="bert"),
]
_PIPELINE = [
    _quick("pp 1f1b", 2, "strategy=pp"),
    _quick("pp zbv_zero_bubble", 2, *_schedule("zbv_zero_bubble"), **_DEEP),
    _slow("pp x fsdp", 4, "strategy=pp_fsdp", data=2),
    _quick("pp x tp", 4, "strategy=pp", "strategy.tp=2"),
    _slow("pp gpipe", 2, *_schedule("gpipe")),
    _slow("pp looped_bfs", 2, *_schedule("looped_bfs"), **_DEEP),
    _slow("pp interleaved_1f1b", 2, *_schedule("interleaved_1f1b"), **_DEEP),
    _slow("pp interleaved_zero_bubble", 2, *_schedule("interleaved_zero_bubble"), **_DEEP),
    _slow("pp dualpipev", 2, *_schedule("dualpipev"), **_DEEP),
    _slow("pp split by cost", 2, "strategy=pp", "strategy.pp_split=cost", "strategy.pp_microbatches=4", **_DEEP),
    _slow("pp, full recomputation", 2, "strategy=pp", _FULL, "strategy.checkpoint_every=2"),
    _slow("pp x ddp", 4, "strategy=nd", "strategy.dp_shard=1", "strategy.dp_replicate=2", "strategy.pp=2", data=2),
    _slow("pp x fsdp interleaved_1f1b", 4, *_schedule("interleaved_1f1b", "strategy.dp_shard=2"), data=2, **_DEEP),
    _slow("pp x tp, sequence and loss parallel", 4, "strategy=pp", "strategy.tp=2", _SP, _LP),
    _slow("pp x cp", 4, "strategy=pp", "strategy.cp=2"),
    _slow("pp x fsdp x tp", 8, "strategy=pp_fsdp", "strategy.tp=2", _SP, _LP, data=2),
]
_CONTEXT = [
    _quick("cp", 2, "strategy=cp"),
    _quick("cp ulysses", 2, "strategy=cp", _ULYSSES),
    _slow("cp x fsdp", 4, *_CP_FSDP, data=2),
    _slow("cp, unbalanced", 2, "strategy=cp", _UNBALANCED),
    _slow("cp ulysses, unbalanced", 2, "strategy=cp", _ULYSSES, _UNBALANCED),
    _slow("cp x fsdp ulysses", 4, *_CP_FSDP, _ULYSSES, data=2),
    _slow("cp x tp", 4, "strategy=cp", "strategy.tp=2", _SP),
]
_EXPERT = [
    _quick("moe ep", 2, "strategy=ep", data=2, model="moe"),
    _slow("moe ep x fsdp", 4, "strategy=ep", "strategy.ep=2", data=4, model="moe"),
    _slow("moe ddp", 2, "strategy=ddp", data=2, model="moe"),
    _slow("moe tp", 2, "strategy=tp", _SP, model="moe"),
    _slow("moe pp", 2, "strategy=pp", model="moe"),
    _slow("moe cp", 2, "strategy=cp", model="moe"),
    _slow("moe ep, full recomputation", 2, "strategy=ep", _FULL, data=2, model="moe"),
    _slow("moe ep x tp", 4, "strategy=ep", "strategy.tp=2", data=2, model="moe"),
    _slow("moe ep x cp", 4, *_CP_FSDP, "strategy.ep=4", data=2, model="moe"),
    _slow("moe pp x ep", 4, "strategy=pp_fsdp", "strategy.ep=2", data=2, model="moe"),
]

CASES = [*_DATA, *_TENSOR, *_PIPELINE, *_CONTEXT, *_EXPERT]
ALONE = {model: _quick(f"{model} alone", 1, "strategy=single", model=model) for model in MODELS}
"""One process for each model: what every composition is compared with."""
