"""What `model=hf` resolves before it builds: an Auto class, and a config that fits the data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import transformers
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from models.checks import nearest

FITS = {
    "AutoModelForCausalLM": ("text/next_tokens",),
    "AutoModelForMaskedLM": ("text/masked_tokens",),
    "AutoModelForSequenceClassification": ("text/classes", "text/values"),
    "AutoModelForImageClassification": ("image/classes", "image/values"),
}
"""The kind of data and labels of the common Auto classes; any other is tried as it is."""


def find_auto_class(name: str, data: Mapping[str, Any]) -> Any:
    """The Auto class of that name.

    Raises:
        ValueError: there is none, or it predicts other labels than the data have.
    """
    names = [option for option in vars(modeling_auto) if option.startswith("AutoModel")]
    if name not in names:
        use = " or ".join(f"model.auto_class={option}" for option in nearest(name, names))
        raise ValueError(f"model.auto_class={name} is not an Auto class of transformers; use {use}")
    fit = f"{data['kind']}/{data['labels']}"
    if name in FITS and fit not in FITS[name]:
        options = [f"model.auto_class={option}" for option, fits in FITS.items() if fit in fits]
        raise ValueError(f"model.auto_class={name} does not fit {fit}; use {' '.join(options) or 'model=mlp'}")
    return getattr(modeling_auto, name)


def fresh_config(overrides: Mapping[str, Any], data: Mapping[str, Any]) -> Any:
    """The published config of the family `model_type`, with the sizes of the data, then the overrides.

    Raises:
        ValueError: an unknown family, a key that it does not have, or values that it refuses.
    """
    stated = dict(overrides)
    family = stated.pop("model_type", None)
    if family not in CONFIG_MAPPING:
        use = " or ".join(f"model.config.model_type={option}" for option in nearest(family, CONFIG_MAPPING))
        raise ValueError(f"model.config.model_type={family} is not a family of transformers; use {use}")
    published = transformers.AutoConfig.for_model(family)
    known = {*published.to_dict(), *published.attribute_map}
    for key in stated:
        if key not in known:
            raise ValueError(
                f"model.config.{key} is not a key of model.config.model_type={family}; "
                f"remove it with ~model.config.{key}, or use one of {', '.join(nearest(key, known))}"
            )
    # Where a family has two classes, transformers walks the architectures without asking whether there are any.
    values = {"architectures": [], **_sizes(published, known, data), **stated}
    try:
        config = transformers.AutoConfig.for_model(family, **values)
    except Exception as error:  # each config validates itself, with exceptions of its own
        raise ValueError(f"model.config does not make a {family}: {error}") from error
    _check_reach(config, data)
    return config


def _sizes(published: Any, known: set[str], data: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of the config that the data decide."""
    by_name = ("num_channels", "image_size", "vocab_size")
    sizes: dict[str, Any] = {key: data[key] for key in by_name if key in known and key in data}
    if "num_outputs" in data:
        sizes["num_labels"] = data["num_outputs"]
    if data["kind"] != "text":
        return sizes
    if data["labels"] == "next_tokens" and "is_decoder" in known:
        sizes["is_decoder"] = True  # families that can also read both ways would see the token to predict
    # The published ids belong to the published vocabulary. Padding keeps its id where there is room for it,
    # because some families count positions from it.
    ids = {key: value for key, value in published.to_dict().items() if key.endswith("_token_id")}
    beyond = {key for key, value in ids.items() if isinstance(value, int) and value >= data["vocab_size"]}
    sizes |= dict.fromkeys(beyond | (ids.keys() & {"bos_token_id", "eos_token_id"}))
    padding = None if "pad_token_id" in beyond else ids.get("pad_token_id")
    if padding is None and "num_outputs" in data:
        # Decoders find a row's last token by what is not padding: they get an id of their own for it.
        padding = data["vocab_size"]
        sizes["vocab_size"] = padding + 1
    sizes["pad_token_id"] = padding
    positions = data["sequence_length"] if padding is None else data["sequence_length"] + padding + 1
    longest = getattr(published, "max_position_embeddings", None)
    if isinstance(longest, int) and 0 < longest < positions:
        sizes["max_position_embeddings"] = positions
    return sizes


def _check_reach(config: Any, data: Mapping[str, Any]) -> None:
    longest = getattr(config, "max_position_embeddings", None)
    if data["kind"] == "text" and isinstance(longest, int) and 0 < longest < data["sequence_length"]:
        raise ValueError(
            f"dataset.sequence_length={data['sequence_length']} is more than the {longest} positions that this "
            f"{config.model_type} has; use dataset.sequence_length={longest}"
        )


def checkpoint_config(checkpoint: str, data: Mapping[str, Any]) -> Any:
    """The config that comes with a checkpoint, with as many outputs as the data have.

    Raises:
        ValueError: it can't be read, or the vocabulary or length of the data is beyond it.
    """
    if checkpoint.startswith(("/", ".", "~")) and not Path(checkpoint).is_dir():
        raise unreadable(checkpoint, FileNotFoundError("there is no such directory"))
    try:
        config = transformers.AutoConfig.from_pretrained(checkpoint, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise unreadable(checkpoint, error) from error
    if "num_outputs" in data:
        config.num_labels = data["num_outputs"]
    if data["kind"] != "text":
        return config
    text = config.get_text_config()
    if text.vocab_size < data["vocab_size"]:
        raise ValueError(
            f"model.checkpoint={checkpoint} knows {text.vocab_size} tokens, "
            f"and the data have {data['vocab_size']}; use dataset.tokenizer={checkpoint}"
        )
    _check_reach(text, data)
    if data["labels"] == "next_tokens" and hasattr(text, "is_decoder"):
        text.is_decoder = True  # as in a fresh config
    if text.pad_token_id is None and isinstance(text.eos_token_id, int):
        text.pad_token_id = text.eos_token_id
    return config


def unreadable(checkpoint: str, error: Exception) -> ValueError:
    """What to say when transformers can't load a checkpoint."""
    return ValueError(
        f"model.checkpoint={checkpoint} can't be loaded: {str(error).strip().splitlines()[0].rstrip('.')}; "
        f"use a name on the Hugging Face hub, or a directory with config.json and model.safetensors"
    )


def set_dropout(config: Any, probability: float, *, keep: Mapping[str, Any]) -> None:
    """Set every dropout of a config that is not among the keys to `keep`.

    Layers are never dropped whole: that would leave parameters without a gradient, and processes that wait
    for each other's would stall.
    """
    for key, value in config.to_dict().items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if "drop" in key and is_number and key not in keep:
            setattr(config, key, 0.0 if "layerdrop" in key else float(probability))
