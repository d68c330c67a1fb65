"""How a wrapped model of transformers is called."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

WITHOUT_MASKS = "sdpa_without_masks"
# A name for which transformers knows an attention function, and none that makes masks for it.
ALL_ATTENTION_FUNCTIONS.register(WITHOUT_MASKS, sdpa_attention_forward)


def logits_of(model: Any, **columns: Tensor | None) -> Tensor:
    """The logits that a model of transformers makes of its columns; None stands for one that is not there.

    On the meta device, where shapes and FLOPs are counted, no masks are made: transformers looks at their
    values to see whether it can do without, and there are none.

    Raises:
        ValueError: the model has no logits.
    """
    present = {name: column for name, column in columns.items() if column is not None}
    if any(column.is_meta for column in present.values()):
        usual = model.config._attn_implementation
        model.config._attn_implementation = WITHOUT_MASKS
        try:
            output = model(**present)
        finally:
            model.config._attn_implementation = usual
    else:
        output = model(**present)
    if "logits" not in output:
        raise ValueError(f"{type(model).__name__} has no logits; use a model.auto_class such as AutoModelForCausalLM")
    return output.logits
