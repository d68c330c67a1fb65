"""Stand-ins for prepared data: the sizes that preparation would state, and one batch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

CONF = Path(__file__).parents[2] / "conf" / "model"
SIZES: dict[str, dict[str, Any]] = {
    "text": {"vocab_size": 30, "sequence_length": 12},
    "table": {"num_features": 5},
    "image": {"num_features": 64, "num_channels": 1, "image_size": 8},
}
torch.set_num_threads(1)


@pytest.fixture
def data_for() -> Callable[..., dict[str, Any]]:
    """The section `data` for a fit such as text/classes."""

    def data(fit: str) -> dict[str, Any]:
        kind, labels = fit.split("/")
        outputs = {"classes": {"num_outputs": 3}, "values": {"num_outputs": 2}}
        return {"kind": kind, "labels": labels, **SIZES[kind], **outputs.get(labels, {})}

    return data


@pytest.fixture
def build(data_for: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    """The model of a yaml in conf/model, for data of that fit; seeded."""

    def build_model(name: str, fit: str, **overrides: Any) -> nn.Module:
        config = OmegaConf.create({"model": OmegaConf.load(CONF / f"{name}.yaml"), "data": data_for(fit)})
        section = OmegaConf.to_container(OmegaConf.merge(config, {"model": overrides}), resolve=True)["model"]
        module, _, class_name = section.pop("_target_").rpartition(".")
        section.pop("_fits_")
        torch.manual_seed(0)
        return getattr(import_module(module), class_name)(**section)

    return build_model


@pytest.fixture
def batch() -> Callable[..., dict[str, Tensor]]:
    """Keyword arguments of a model for data of that fit: 4 samples."""

    def sample(fit: str) -> dict[str, Tensor]:
        kind = fit.split("/")[0]
        seeded = torch.Generator().manual_seed(0)
        if kind == "text":
            return {"input_ids": torch.randint(30, (4, 12), generator=seeded)}
        shape = (4, 5) if kind == "table" else (4, 1, 8, 8)
        return {"inputs": torch.randn(shape, generator=seeded)}

    return sample


@pytest.fixture
def padded(batch: Callable[..., dict[str, Tensor]]) -> dict[str, Tensor]:
    """Ids whose rows end at different lengths, with the mask that says so."""
    lengths = torch.tensor([12, 7, 3, 1])
    return {**batch("text/classes"), "attention_mask": torch.arange(12)[None, :] < lengths[:, None]}


@pytest.fixture
def transformers_log() -> Iterator[list[str]]:
    """What transformers writes to its log."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler, logger = Keep(), logging.getLogger("transformers")
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)
