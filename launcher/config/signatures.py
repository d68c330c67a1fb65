"""Finds a `_target_` and its arguments by reading source files: nothing is imported or executed.

Importing torch to learn that an argument is misspelt would take seconds; parsing one file takes milliseconds.
What cannot be known from source (C extensions, lazy modules, metaclasses) is None, never an alarm.
"""

from __future__ import annotations

import ast
import os
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from launcher.config.nearest import listed, nearest
from launcher.errors import RequestError

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_ANYTHING = frozenset({"**"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One argument: whether it must be given, and the names in its annotation (empty where it has none)."""

    required: bool
    annotation: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The arguments of a class or function, in order; `open` where it takes any keyword."""

    parameters: Mapping[str, Parameter]
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Module:
    """A parsed module: what each top-level name is bound to, without having run it."""

    name: str
    package: str
    names: Mapping[str, ast.stmt]
    stars: Sequence[str]
    dynamic: bool  # makes names while it runs, which reading cannot show


@dataclass(frozen=True, slots=True, kw_only=True)
class _Definition:
    node: ast.stmt
    module: _Module


def signature_of(target: str, *, key: str) -> Signature | None:
    """The arguments of the class or function with this dotted name, or None where source does not tell.

    Raises RequestError, in the name of the config's `key`, if there is no such module or name.
    """
    parts = target.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise RequestError(f"{key}={target} is not the dotted name of a class, such as package.module.Class")
    if parts[0] == "__main__":
        raise RequestError(f"{key}={target}: workers cannot import from a program; move the class into a module")
    spec, depth = _deepest(parts)
    if spec is None:
        raise _missing(key, target, parts[0], (info.name for info in pkgutil.iter_modules()), "module")
    if depth == len(parts):
        spec, depth = _deepest(parts[:-1])
        assert spec is not None
    module = _parsed(spec)
    if module is None:
        if depth < len(parts) - 1 and spec.submodule_search_locations is not None and spec.origin is None:
            raise _missing(key, target, ".".join(parts[: depth + 1]), _submodules(spec), "module")
        return None
    definition = _definition(module, parts[depth], seen=frozenset())
    if definition is not None:
        return _signature(definition, parts[depth + 1 :])
    if module.dynamic:
        return None
    wanted = ".".join(parts[: depth + 1])
    known = [name for name, node in module.names.items() if not name.startswith("_")] + list(_submodules(spec))
    raise _missing(key, target, wanted, known, "module" if depth < len(parts) - 1 else "class or function")
