"""What `${...}` stands for: resolved where the config alone knows it, kept where only the data do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import InterpolationToMissingValueError, OmegaConfBaseException

from launcher.config.nearest import listed, nearest
from launcher.errors import RequestError

DATA_REFERENCE = re.compile(r"(?<!\\)\$\{\s*data\.(\w+)")
"""A value that preparation must fill in, such as `${data.vocab_size}`; the group is its name."""

REFERS_TO_DATA = re.compile(r"(?<!\\)\$\{[^}]*?(?<![\w.])data(?![\w-])")
"""A value that cannot be resolved before preparation: also `${data}` and `${oc.select:data.num_outputs,null}`."""
_HYDRA_KEY = re.compile(r"\$\{hydra:[\w.]+\}")
_UNKNOWN_KEY = re.compile(r"Interpolation key '([^']+)' not found")


def plain(cfg: DictConfig) -> dict[str, Any]:
    """The config as plain dicts and lists: resolved, but `${data...}` and `???` stay as written.

    Raises RequestError for an interpolation to something that does not exist.
    """
    values = _plain(cfg, OmegaConf.to_container(cfg, resolve=False), path="")
    assert isinstance(values, dict)
    return values


def check_resolvable(cfg: DictConfig, path: str) -> None:
    """Refuse an interpolation at a dotted path that leads nowhere.

    Raises:
        RequestError: it does, and what the config or the section `data` has instead.
    """
    try:
        OmegaConf.select(cfg, path)
    except OmegaConfBaseException as error:
        raise _unresolvable(path, OmegaConf.to_container(cfg, resolve=False), error) from error


def pin_hydra(cfg: DictConfig) -> None:
    """Replace `${hydra:...}` by its value in place, while Hydra still knows it.

    Raises RequestError where Hydra does not know it, such as `${hydra:job.num}` outside of `-m`.
    """
    with flag_override(cfg, ["struct", "readonly"], [False, False]):
        for path, value in leaves(OmegaConf.to_container(cfg, resolve=False)):
            if isinstance(value, str) and "${hydra:" in value:
                for key in _HYDRA_KEY.findall(value):
                    if OmegaConf.create({"value": key})["value"] is None:
                        raise RequestError(f"{path}={value}: Hydra has no {key} in this run; drop it")
                OmegaConf.update(cfg, path, OmegaConf.select(cfg, path))


def leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in nested mappings and lists that is neither, with its dotted path."""
    items: Iterator[tuple[Any, Any]]
    if isinstance(values, Mapping):
        items = iter(values.items())
    elif isinstance(values, list):
        items = enumerate(values)
    else:
        yield path, values
        return
    for key, value in items:
        yield from leaves(value, f"{path}.{key}" if path else str(key))


def _plain(container: Any, raw: Any, *, path: str) -> Any:
    """`raw` with the interpolations in it resolved; `container` holds the same values and knows their root."""
    prefix = f"{path}." if path else ""
    if isinstance(raw, dict):
        return {str(key): _value(container, key, item, f"{prefix}{key}") for key, item in raw.items()}
    if isinstance(raw, list):
        return [_value(container, i, item, f"{prefix}{i}") for i, item in enumerate(raw)]
    return raw


def _value(parent: Any, key: Any, raw: Any, path: str) -> Any:
    if isinstance(raw, (dict, list)):
        return _plain(parent[key], raw, path=path)
    if not (isinstance(raw, str) and "${" in raw) or REFERS_TO_DATA.search(raw):
        return raw
    try:
        value = parent[key]
    except InterpolationToMissingValueError:
        return "???"
    except OmegaConfBaseException as error:
        unknown = _UNKNOWN_KEY.search(str(error))
        if unknown is not None and unknown.group(1).partition(".")[0] == "data":
            return raw  # through another key that refers to the data
        raise _unresolvable(path, OmegaConf.to_container(parent._get_root(), resolve=False), error) from error
    return (
        _plain(value, OmegaConf.to_container(value, resolve=False), path=path) if OmegaConf.is_config(value) else value
    )


def _unresolvable(path: str, values: Any, error: OmegaConfBaseException) -> RequestError:
    known = dict(leaves(values))
    reason = str(error).partition("\n")[0]
    unknown = _UNKNOWN_KEY.search(reason)
    if unknown is None:
        return RequestError(f"{path}={known.get(path, '')} cannot be resolved: {reason}")
    key = unknown.group(1)
    if key.startswith("data."):
        names = listed((name for name in values["data"]), conjunction="and")
        return RequestError(f"{path} asks for ${{{key}}}, which these data do not have; they have {names}")
    best = nearest(key, known)
    hint = f"; did you mean ${{{best}}}?" if best else ""
    return RequestError(f"{path}=${{{key}}}: there is no key {key} in the config{hint}")
