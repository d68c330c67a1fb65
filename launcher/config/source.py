"""Finds the definition of a dotted name by reading source files: nothing is imported or executed.

Importing torch to learn that an argument is misspelt would take seconds; parsing one file takes milliseconds.
What reading cannot tell (C extensions, lazy modules) is None, never an alarm.
"""

from __future__ import annotations

import ast
import builtins
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_MAKES_NAMES = frozenset({"globals", "vars", "locals", "setattr", "exec", "__getattr__"})


class NotFoundError(Exception):
    """`name` does not exist, or is a module and no class; `known` are the names beside or in it."""

    def __init__(self, name: str, known: Iterable[str], *, is_module: bool = False) -> None:
        super().__init__(name)
        self.name = name
        self.known = tuple(known)
        self.is_module = is_module


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A parsed module: what each top-level name is bound to, as far as reading shows."""

    name: str
    package: str
    names: Mapping[str, ast.stmt]
    stars: Sequence[str]  # modules whose names are all imported
    dynamic: bool  # makes names while it runs

    def public(self) -> list[str]:
        """The classes, functions and imported names that the module offers, in this order."""
        return [
            name
            for kind in (ast.ClassDef, ast.FunctionDef, ast.ImportFrom)
            for name, node in self.names.items()
            if isinstance(node, kind) and not name.startswith("_") and name != "annotations"
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A class, function or method, and the module whose names its body sees."""

    node: ast.ClassDef | FunctionNode
    module: Module
    method: bool = False


def find(dotted: str, *, seen: frozenset[str] = frozenset()) -> Definition | None:
    """The definition of `package.module.name`, through re-exports, or None where source does not tell.

    Raises NotFoundError for a module or name that does not exist, SyntaxError for a file that does not parse.
    """
    if dotted in seen:
        return None
    parts = dotted.split(".")
    spec, depth = _deepest(parts)
    if spec is None:
        raise NotFoundError(parts[0], (info.name for info in pkgutil.iter_modules()))
    if depth == len(parts):  # a module; but its package may bind the same name to a class
        package, _ = _deepest(parts[:-1])
        try:
            return None if package is None else _named(package, parts[-1:], seen | {dotted})
        except NotFoundError:
            module = _parsed(spec)
            raise NotFoundError(dotted, module.public() if module else (), is_module=True) from None
    return _named(spec, parts[depth:], seen | {dotted})


def _named(spec: ModuleSpec, names: Sequence[str], seen: frozenset[str]) -> Definition | None:
    module = _parsed(spec)
    if module is not None:
        return member(module, names, seen=seen, submodules=_submodules(spec))
    if spec.origin is None:  # a namespace package holds nothing but its files
        raise NotFoundError(f"{spec.name}.{names[0]}", _submodules(spec))
    return None


def member(
    module: Module, names: Sequence[str], *, seen: frozenset[str], submodules: Iterable[str] = ()
) -> Definition | None:
    """The definition of `names[0].names[1]...` as the code of a module sees it; None and errors as in `find`."""
    name, rest = names[0], list(names[1:])
    node = module.names.get(name)
    match node:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            return _inside(Definition(node=node, module=module), rest)
        case ast.ImportFrom():
            original = next(a.name for a in node.names if (a.asname or a.name) == name)
            return _followed(".".join([_absolute(node, module.package), original, *rest]), seen)
        case ast.Import():
            imported = next((a.name for a in node.names if a.asname == name), name)
            return _followed(".".join([imported, *rest]), seen) if rest else None
        case ast.Assign(value=ast.Name(id=other)) if f"{module.name}.{other}" not in seen:
            return member(module, [other, *rest], seen=seen | {f"{module.name}.{other}"})
        case ast.stmt():
            return None
    for star in module.stars:
        try:
            return find(f"{star}.{name}", seen=seen)
        except NotFoundError:
            continue
    if module.dynamic or hasattr(builtins, name):
        return None
    raise NotFoundError(f"{module.name}.{name}", [*module.public(), *submodules])


def _followed(dotted: str, seen: frozenset[str]) -> Definition | None:
    """As `find`, but what another module imports may be optional: its absence is unknown, not wrong."""
    try:
        return find(dotted, seen=seen)
    except NotFoundError:
        return None


def _inside(definition: Definition, names: Sequence[str]) -> Definition | None:
    if not names:
        return definition
    if isinstance(definition.node, ast.ClassDef):
        for node in definition.node.body:
            if isinstance(node, FunctionNode) and [node.name] == list(names):
                return Definition(node=node, module=definition.module, method=True)
    return None


def _deepest(parts: Sequence[str]) -> tuple[ModuleSpec | None, int]:
    """The longest prefix that is a module, and its number of parts."""
    found: ModuleSpec | None = None
    for depth in range(1, len(parts) + 1):
        path = None if found is None else found.submodule_search_locations
        spec = _spec(".".join(parts[:depth]), path) if depth == 1 or path is not None else None
        if spec is None:
            return found, depth - 1
        found = spec
    return found, len(parts)


def _spec(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    places = [*sys.path, str(Path.cwd())] if path is None else path
    finders: list[Any] = [*sys.meta_path, PathFinder]
    for finder in finders:
        try:
            spec = finder.find_spec(name, places if finder is PathFinder else path)
        except KeyError:  # a namespace package inside another looks for its parent among the imported modules
            break
        if spec is not None and (spec.origin is not None or spec.submodule_search_locations is None):
            return spec
    folders = [folder for place in places if (folder := Path(place, name.rpartition(".")[2])).is_dir()]
    if not folders:
        return None
    namespace = ModuleSpec(name, None, is_package=True)
    namespace.submodule_search_locations = [str(folder) for folder in folders]
    return namespace


def _submodules(spec: ModuleSpec) -> list[str]:
    places = spec.submodule_search_locations or []
    names = [info.name for info in pkgutil.iter_modules(places)]
    if spec.origin is None:  # folders of a namespace package are packages too
        names += [folder.name for place in places for folder in Path(place).iterdir() if folder.is_dir()]
    return names


def _parsed(spec: ModuleSpec) -> Module | None:
    path = Path(spec.origin or "")
    if path.suffix != ".py" or not path.is_file():
        return None
    package = spec.name if spec.submodule_search_locations is not None else spec.name.rpartition(".")[0]
    return _read(spec.name, package, path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _read(name: str, package: str, path: Path, _changed_ns: int) -> Module:
    tree = ast.parse(path.read_bytes(), filename=str(path))
    names: dict[str, ast.stmt] = {}
    stars: list[str] = []
    dynamic = False
    for node in _top_level(tree.body):
        for bound in _bound(node):
            if bound == "*":
                assert isinstance(node, ast.ImportFrom)
                stars.append(_absolute(node, package))
            else:
                names.setdefault(bound, node)
        dynamic = dynamic or _makes_names(node)
    return Module(name=name, package=package, names=names, stars=stars, dynamic=dynamic)


def _top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        for block in ("body", "handlers", "orelse", "finalbody"):
            if not isinstance(node, (ast.ClassDef, FunctionNode)):
                inner = getattr(node, block, [])
                yield from _top_level([s for h in inner for s in h.body] if block == "handlers" else inner)


def _bound(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case ast.Import() | ast.ImportFrom():
            for alias in node.names:
                yield alias.asname or (alias.name if isinstance(node, ast.ImportFrom) else alias.name.split(".")[0])
        case ast.Assign(targets=targets):
            yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name


def _makes_names(node: ast.stmt) -> bool:
    match node:
        case ast.FunctionDef(name="__getattr__"):
            return True
        case ast.Expr() | ast.Assign() | ast.For() | ast.While():
            return any(
                (isinstance(part, ast.Name) and part.id in _MAKES_NAMES)
                or (isinstance(part, ast.Attribute) and part.attr == "modules")
                for part in ast.walk(node)
            )
    return False


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    base = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)
