"""Sections with a `_target_`: the import that builds them, and the check that needs no import."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from launcher.config.nearest import listed, shown
from launcher.config.signatures import Parameter, signature_of
from launcher.config.typed import unknown_key
from launcher.errors import RequestError

RESERVED = frozenset({"_target_", "_fits_", "_labels_"})
"""Keys that say something about a target and are not passed to it."""

_NUMBERS = frozenset({"int", "float", "bool", "None", "Tensor", "Optional", "Union", "Literal"})


def build(section: Mapping[str, Any], *args: Any, **extra: Any) -> Any:
    """Import the section's `_target_` and call it with `args`, the section's other keys and `extra`.

    Mappings in it that have a `_target_` themselves are built first. Raises RequestError if there is no such
    class or function; what its module or its call raises comes through.
    """
    arguments = {key: _built(value) for key, value in section.items() if key not in RESERVED}
    return _imported(section["_target_"])(*args, **(arguments | extra))


def add_working_directory() -> None:
    """Make modules in the current directory importable, behind everything that is installed."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)


def check_target(section: Mapping[str, Any], *, path: str, positional: int = 0, also: Iterable[str] = ()) -> None:
    """Refuse a `_target_` that does not exist and arguments that it does not take, without importing it.

    `positional` arguments are passed by Windlass; `also` are valid names of the section beside the target's.
    Raises RequestError.
    """
    for key, value in section.items():
        if isinstance(value, Mapping) and "_target_" in value:
            check_target(value, path=f"{path}.{key}")
        if key.startswith("_") and key not in RESERVED:
            raise RequestError(f"{path}.{key}={shown(value)}: a target knows {listed(sorted(RESERVED))}, not {key}")
    if "_target_" not in section:
        raise RequestError(f"{path}._target_ is missing; type +{path}._target_=package.module.Class")
    target = section["_target_"]
    signature = signature_of(target, key=f"{path}._target_")
    if signature is None:
        return
    names = list(signature.parameters)[positional:]
    for key, value in section.items():
        if key in RESERVED:
            continue
        if key in names:
            _check_kind(value, signature.parameters[key], path=f"{path}.{key}")
        elif not signature.open:
            raise unknown_key(f"{path}.{key}", [*names, *also], value)
    for name in names:
        if signature.parameters[name].required and name not in section:
            raise RequestError(f"{path}.{name} is missing and {target} needs it; type +{path}.{name}=VALUE")


def _check_kind(value: Any, parameter: Parameter, *, path: str) -> None:
    """Refuse text, or a fraction, for an argument that is annotated as nothing but numbers."""
    names = parameter.annotation
    if not names or not names <= _NUMBERS or "Literal" in names or not isinstance(value, (str, float, bool)):
        return
    if isinstance(value, str) and ("${" in value or value == "???"):
        return
    fits = (
        "bool" in names
        if isinstance(value, bool)
        else isinstance(value, float) and ("float" in names or ("int" in names and value.is_integer()))
    )
    if not fits:
        words = {"int": "a whole number", "float": "a number", "bool": "true or false", "None": "null"}
        allowed = listed(word for name, word in words.items() if name in names)
        raise RequestError(f"{path}={shown(value)} must be {allowed}")


def _built(value: Any) -> Any:
    if isinstance(value, Mapping):
        if "_target_" in value:
            return build(value)
        return {key: _built(item) for key, item in value.items()}
    return [_built(item) for item in value] if isinstance(value, (list, tuple)) else value


def _imported(target: str) -> Any:
    parts = target.split(".")
    found: Any = None
    for depth, part in enumerate(parts, start=1):
        name = ".".join(parts[:depth])
        if depth > 1 and hasattr(found, part):
            found = getattr(found, part)
            continue
        try:
            found = import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and f"{name}.".startswith(f"{error.name}."):
                raise RequestError(
                    f"_target_={target} cannot be imported: there is no {name}; "
                    "installed packages and the current directory are searched"
                ) from error
            raise
    return found
