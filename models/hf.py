"""Any architecture of transformers, by the name of its Auto class and a config or a checkpoint.

Shapes: B batch, T time, V vocabulary, C channels, H and W pixels, K outputs.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from models.checks import fraction
from models.hf_config import checkpoint_config, find_auto_class, fresh_config, set_dropout, unreadable
from models.hf_plan import Wrapped
from models.logits import logits_of


class HF(Wrapped):
    """`model` is what `transformers.<auto_class>` builds, from `config` or with a checkpoint's weights.

    `config` is a `model_type` and what differs from the published config of that family; it is read only
    where `checkpoint` is None. `data` holds the kind, the labels and the sizes of the data, None for those
    that they do not have; they are used where `config` does not state its own. `dropout` is set wherever the
    family has one; None keeps the config's.

    Raises:
        ValueError: an unknown class, family or key, one that does not fit the data, or a checkpoint that
            can't be read.
    """

    def __init__(
        self,
        *,
        auto_class: str,
        checkpoint: str | None,
        config: Mapping[str, Any],
        dropout: float | None,
        data: Mapping[str, Any],
    ) -> None:
        super().__init__()
        data = {key: value for key, value in data.items() if value is not None}
        auto = find_auto_class(auto_class, data)
        resolved = fresh_config(config, data) if checkpoint is None else checkpoint_config(checkpoint, data)
        if dropout is not None:
            fraction(dropout=dropout)
            set_dropout(resolved, dropout, keep=config if checkpoint is None else {})
        if hasattr(resolved, "use_cache"):
            resolved.use_cache = False
        if type(resolved) not in auto._model_mapping:
            raise ValueError(
                f"model.auto_class={auto_class} has no model of the family {resolved.model_type}; "
                f"use another model.config.model_type or model.auto_class"
            )
        self.model, self.checkpoint = _build(auto, resolved, checkpoint), checkpoint
        self.accepts_mask = "attention_mask" in inspect.signature(self.model.forward).parameters
        self.padding = resolved.get_text_config().pad_token_id if data["kind"] == "text" else None
        self.num_logits = data.get("num_outputs", data.get("vocab_size"))

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        inputs: Tensor | None = None,
    ) -> Tensor:
        """Ids (B, T) to logits (B, T, V) or (B, K), or images `inputs` (B, C, H, W) to (B, K).

        `attention_mask` (B, T) is 1 at real tokens; it is left out where the architecture takes none.

        Raises:
            ValueError: the Auto class makes a model without logits.
        """
        if input_ids is None:
            return logits_of(self.model, **{self.model.main_input_name: inputs})
        if self.padding is not None:
            # Families that look for padding among the ids must find it exactly where the mask is 0.
            if attention_mask is None:
                attention_mask = torch.ones_like(input_ids)
            else:
                input_ids = input_ids.masked_fill(attention_mask == 0, self.padding)
        mask = attention_mask.long() if self.accepts_mask and attention_mask is not None else None
        # A checkpoint's vocabulary is often padded beyond the ids that its tokenizer makes.
        return logits_of(self.model, input_ids=input_ids, attention_mask=mask)[..., : self.num_logits]


def _build(auto: Any, config: Any, checkpoint: str | None) -> Any:
    if checkpoint is None or torch.get_default_device().type == "meta":
        try:
            return auto.from_config(config, dtype=torch.float32, trust_remote_code=False)
        except ValueError as error:
            raise ValueError(f"model.config does not make a {config.model_type}: {error}") from error
    try:
        model, loading = auto.from_pretrained(
            checkpoint,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,  # a pickle can run code
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # a head for another number of outputs is made anew
            output_loading_info=True,
        )
    except (OSError, ValueError) as error:
        raise unreadable(checkpoint, error) from error
    body = [key for key, *_ in loading["mismatched_keys"] if key.startswith(f"{model.base_model_prefix}.")]
    if body:
        raise ValueError(
            f"model.checkpoint={checkpoint} holds {body[0]} in another shape than its config.json says; "
            f"use a checkpoint whose files belong together"
        )
    return model.train()
