"""What makes a run impossible and shows once torch is there, but before any worker starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError

from launcher.checkpoints.whole import Tensors, difference
from launcher.config.targets import build
from launcher.errors import RequestError
from launcher.parallel.gather import names_and_values
from launcher.parallel.refusals import refuse_strategy
from launcher.parallel.state import MODEL

if TYPE_CHECKING:
    from torch import nn

    from launcher.config.schema import CheckpointConfig, Config
    from launcher.parallel.axes import Axes


def refuse(config: Config, axes: Axes, *, is_new: bool = True) -> str | None:
    """Why task or model can't be built from their arguments, or not be trained so; None where they can.

    Only what a constructor says of its arguments counts; any other exception is a bug: None, and a worker shows it
    whole. The weights to begin with matter to a run that `is_new`.
    """
    built: dict[str, Any] = {}
    for name, section in (("task", config.task), ("model", config.model)):
        try:
            with torch.device("meta"):
                built[name] = build(section)
        except (ValueError, OSError, RequestError) as error:
            return f"{name} {section['_target_']} can't be built: {error}"
        except Exception:
            return None
    return (
        refuse_strategy(built["model"], config, axes)
        or refuse_metric(built["task"], config.checkpoint)
        or (refuse_weights(built["model"], Path(config.init_from)) if is_new and config.init_from is not None else None)
    )


def refuse_metric(task: Any, config: CheckpointConfig) -> str | None:
    """Why the best checkpoints can't be kept by the metric; a task whose metrics have a bug shows it in a worker."""
    if not config.enabled or config.keep_best == 0:
        return None
    try:
        known = ["loss", *map(str, task.metrics().keys())]
    except Exception:
        return None
    if config.metric in known:
        return None
    return f"checkpoint.metric={config.metric} is not a metric of this task; it has {', '.join(known)}"


def refuse_weights(model: nn.Module, directory: Path) -> str | None:
    """Why the safetensors files of a directory do not fill the model."""
    try:
        found = Tensors(directory).shapes
    except (OSError, ValueError, SafetensorError) as error:
        return f"init_from={directory} can't be read: {error}"
    return other_model(found, names_and_values(model), where=directory)


def other_model(found: Mapping[str, tuple[int, ...]], model: Mapping[str, Any], *, where: Path) -> str | None:
    """Why tensors on the disk are not those of the model, whose names may begin with `model/` there."""
    prefix = weights_prefix(found)
    needed = {f"{prefix}{name}": tuple(value.shape) for name, value in model.items()}
    weights = {name: shape for name, shape in found.items() if name.startswith(prefix)}
    what = difference(needed, weights, prefix=prefix)
    return None if what is None else f"{where} is of another model than `model` describes: {what}"


def weights_prefix(names: Mapping[str, Any]) -> str:
    """What names of the model begin with: `model/` in a checkpoint, nothing in a trained or exported model."""
    return MODEL if any(name.startswith(MODEL) for name in names) else ""
