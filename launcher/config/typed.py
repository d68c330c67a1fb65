"""Plain values from yaml become the frozen dataclasses of `schema.py`, checked key by key."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

from launcher.config.nearest import listed, nearest, shown
from launcher.errors import RequestError

T = TypeVar("T")

_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_EXAMPLES: dict[type, object] = {int: 1, float: 0.5, bool: True, str: "NAME"}


def typed(cls: type[T], values: Any, *, path: str) -> T:
    """A dataclass of the schema from a mapping with exactly its keys; `path` is the section's name.

    Raises RequestError for an unknown or missing key, a wrong type, or a value outside the field's limits.
    """
    if not isinstance(values, Mapping):
        keys = listed(f"{path}.{key}" for key in field_names(cls))
        raise RequestError(f"{path}={shown(values)}: {path} is a section; set its keys: {keys}")
    fields = _fields(typing.cast(Any, cls))
    prefix = f"{path}." if path else ""
    for key in values:
        if key not in fields:
            raise unknown_key(f"{prefix}{key}", field_names(cls), values[key])
    for key, (field, hint) in fields.items():
        if key not in values:
            raise RequestError(
                f"{prefix}{key} is missing and every run needs it ({_allowed(field, hint)}); "
                f"drop ~{prefix}{key}, or add {key} to the yaml of {path or 'the run'}"
            )
    return cls(
        **{
            field.name: _converted(values[key], field, hint, path=f"{prefix}{key}")
            for key, (field, hint) in fields.items()
        }
    )


def field_names(cls: type) -> tuple[str, ...]:
    """The keys of a section of the schema."""
    return tuple(_fields(cls))


def unknown_key(key: str, known: Iterable[str], value: object = "VALUE", *, rest: str = "") -> RequestError:
    """The error for a dotted key that does not exist.

    `known` are the valid names at its last dot; `rest` is what was typed behind it, such as `.seed`.
    """
    section, _, name = key.rpartition(".")
    prefix = f"{section}." if section else ""
    where = f"{section} has no key {name}" if section else f"there is no section or group {name}"
    known = sorted(known)
    best = nearest(name, known)
    if best is not None:
        return RequestError(f"{key}{rest}: {where}; did you mean {prefix}{best}{rest}={shown(value)}?")
    return RequestError(f"{key}{rest}: {where}; there {'are' if known else 'is'} {listed(known, conjunction='and')}")


@cache
def _fields(cls: Any) -> dict[str, tuple[dataclasses.Field[Any], Any]]:
    """Fields by key; a key that is a word of Python has a field with an underscore behind it."""
    hints = typing.get_type_hints(cls)
    return {field.name.rstrip("_"): (field, hints[field.name]) for field in dataclasses.fields(cls)}


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def _converted(value: Any, field: dataclasses.Field[Any], hint: Any, *, path: str) -> Any:
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return typed(typing.cast(type, hint), value, path=path)
    alternatives = _alternatives(hint)
    if value is None and type(None) in alternatives:
        return None
    result = _cast(value, alternatives[0])
    if result is None:
        raise _refusal(value, field, hint, path)
    _check_limits(result, field, hint, path)
    return result


def _cast(value: Any, kind: Any) -> Any:
    """The value as `kind`, or None where that would change what the user said."""
    origin = typing.get_origin(kind)
    if origin is dict:
        return dict(value) if isinstance(value, Mapping) else None
    if origin is list:
        items = [_cast(item, str) for item in value] if isinstance(value, (list, tuple)) else [None]
        return None if None in items else items
    if kind is bool or isinstance(value, bool):
        return value if kind is bool and isinstance(value, bool) else None
    if kind is int:
        whole = isinstance(value, (int, float)) and math.isfinite(value) and value == int(value)
        return int(value) if whole else None
    if kind is float:
        return float(value) if isinstance(value, (int, float)) else None
    return str(value) if isinstance(value, (str, int, float)) else None


def _check_limits(value: Any, field: dataclasses.Field[Any], hint: Any, path: str) -> None:
    limits = field.metadata
    if "choices" in limits and value not in limits["choices"]:
        best = nearest(str(value), map(str, limits["choices"]))
        hint_text = f"; did you mean {path}={best}?" if best else ""
        raise RequestError(f"{path}={shown(value)} is not one of {listed(map(str, limits['choices']))}{hint_text}")
    outside = (
        (isinstance(value, float) and not math.isfinite(value))
        or ("min" in limits and value < limits["min"])
        or ("above" in limits and value <= limits["above"])
        or ("max" in limits and value > limits["max"])
    )
    if outside:
        raise _refusal(value, field, hint, path)


def _refusal(value: Any, field: dataclasses.Field[Any], hint: Any, path: str) -> RequestError:
    return RequestError(
        f"{path}={shown(value)} must be {_allowed(field, hint)}; for example {path}={_example(field, hint)}"
    )


def _allowed(field: dataclasses.Field[Any], hint: Any) -> str:
    limits = field.metadata
    if "choices" in limits:
        return listed(map(str, limits["choices"]))
    kind, *others = _alternatives(hint)
    if dataclasses.is_dataclass(kind) or typing.get_origin(kind) is dict:
        return "a section"
    text = _NAMES.get(kind, "a list of texts" if typing.get_origin(kind) is list else "a value")
    words = {"min": "at least", "above": "above", "max": "at most"}
    bounds = [f"{words[name]} {shown(limits[name])}" for name in words if name in limits]
    return " ".join([text, " and ".join(bounds), "or null" if others else ""]).replace("  ", " ").strip()


def _example(field: dataclasses.Field[Any], hint: Any) -> str:
    limits = field.metadata
    kind = _alternatives(hint)[0]
    if "choices" in limits:
        return shown(limits["choices"][0])
    if typing.get_origin(kind) is list:
        return "[NAME]"
    if "min" in limits and limits["min"] > 0:
        return shown(limits["min"])
    return shown(_EXAMPLES.get(kind, "VALUE"))
