"""The arguments of a `_target_`, read from its source without importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from launcher.config.nearest import nearest
from launcher.config.source import Definition, FunctionNode, NotFoundError, find, member
from launcher.errors import RequestError

_TRANSPARENT = frozenset({"final", "staticmethod", "classmethod"})
_WITHOUT_ARGUMENTS = frozenset({"object", "Generic", "Protocol", "ABC"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One argument: whether it must be given, and the names in its annotation (empty where it has none)."""

    required: bool
    annotation: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The arguments of a class or function, in order; `open` where it takes any keyword."""

    parameters: Mapping[str, Parameter]
    open: bool = False


def signature_of(target: object, *, key: str) -> Signature | None:
    """The arguments of the class or function with this dotted name, or None where source does not tell.

    Raises RequestError, in the name of the config's `key`, if it is no such name or cannot be imported.
    """
    if not isinstance(target, str) or not all(part.isidentifier() for part in target.split(".")):
        raise RequestError(f"{key}={target} is no dotted name; type {key}=package.module.Class")
    if "." not in target:
        raise RequestError(f"{key}={target} names no module; type {key}=module.{target}")
    if target.startswith("__main__."):
        raise RequestError(f"{key}={target}: workers cannot import from a program; move it into a module")
    try:
        definition = find(target)
    except NotFoundError as error:
        raise _not_found(key, target, error) from None
    except SyntaxError as error:
        raise RequestError(
            f"{key}={target}: {error.filename} does not parse at line {error.lineno}: {error.msg}"
        ) from None
    return None if definition is None else _signature(definition)


def _not_found(key: str, target: str, error: NotFoundError) -> RequestError:
    if error.is_module:
        return RequestError(
            f"{key}={target} is a module; name a class or function in it, such as "
            f"{target}.{next(iter(error.known), 'Class')}"
        )
    scope, _, name = error.name.rpartition(".")
    best = nearest(name, error.known)
    if best is not None:
        fixed = target.replace(error.name, f"{scope}.{best}" if scope else best, 1)
        return RequestError(f"{key}={target}: there is no {error.name}; did you mean {key}={fixed}?")
    places = f"in {scope}" if scope else "among the installed packages or in the current directory"
    return RequestError(f"{key}={target} cannot be imported: there is no {name} {places}")


def _signature(definition: Definition) -> Signature | None:
    if isinstance(definition.node, ast.ClassDef):
        return _of_class(definition, definition.node)
    return _of_function(definition.node, method=definition.method)


def _of_class(definition: Definition, node: ast.ClassDef) -> Signature | None:
    decorators = _decorators(node)
    methods = {item.name: item for item in node.body if isinstance(item, FunctionNode)}
    if node.keywords or "__new__" in methods or not decorators <= _TRANSPARENT | {"dataclass"}:
        return None  # a metaclass or decorator may change what calling the class means
    if "__init__" in methods:
        return _of_function(methods["__init__"], method=True)
    inherited: dict[str, Parameter] = {}
    for base in node.bases:
        signature = _of_base(definition, base)
        if signature is None or (signature.open and "dataclass" in decorators):
            return None
        if signature.open or (signature.parameters and "dataclass" not in decorators):
            return signature
        inherited |= signature.parameters
    own = dict(_fields(node)) if "dataclass" in decorators else {}
    return Signature(parameters=inherited | own)


def _of_base(definition: Definition, base: ast.expr) -> Signature | None:
    dotted = _dotted(base.value if isinstance(base, ast.Subscript) else base)
    if not dotted or dotted[-1] in _WITHOUT_ARGUMENTS:
        return Signature(parameters={}) if dotted else None
    try:
        found = member(definition.module, dotted, seen=frozenset())
    except (NotFoundError, SyntaxError):
        return None
    if found is None or found.node is definition.node:
        return None
    return _signature(found) if isinstance(found.node, ast.ClassDef) else None


def _of_function(node: FunctionNode, *, method: bool) -> Signature | None:
    decorators = _decorators(node)
    if not decorators <= _TRANSPARENT:
        return None
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    defaults += arguments.defaults
    pairs = list(zip(positional, defaults, strict=True))
    if method and "staticmethod" not in decorators:
        pairs = pairs[1:]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    parameters = {
        argument.arg: Parameter(required=default is None, annotation=_annotation(argument.annotation))
        for argument, default in pairs
    }
    return Signature(parameters=parameters, open=arguments.kwarg is not None)


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, Parameter]]:
    """The arguments that `@dataclass` makes of a class body."""
    for item in node.body:
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        annotation = _annotation(item.annotation)
        options: dict[str | None, ast.expr] = {}
        if isinstance(item.value, ast.Call) and (_dotted(item.value.func) or [""])[-1] == "field":
            options = {keyword.arg: keyword.value for keyword in item.value.keywords}
            required = not {"default", "default_factory"} & options.keys()
        else:
            required = item.value is None
        made = "init" not in options or getattr(options["init"], "value", True)
        if made and "ClassVar" not in annotation:
            yield item.target.id, Parameter(required=required, annotation=annotation)


def _decorators(node: ast.ClassDef | FunctionNode) -> set[str]:
    """The last part of each decorator's name; `?` for one that has none."""
    bare = (item.func if isinstance(item, ast.Call) else item for item in node.decorator_list)
    return {(_dotted(item) or ["?"])[-1] for item in bare}


def _dotted(node: ast.expr) -> list[str]:
    """`a.b.C` as its parts; empty for any other expression."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        scope = _dotted(node.value)
        return [*scope, node.attr] if scope else []
    return []


def _annotation(node: ast.expr | None) -> frozenset[str]:
    """Every name in an annotation, such as {"float", "Tensor"} for `float | Tensor`."""
    if node is None:
        return frozenset()
    names: set[str] = set()
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                names.add(name)
            case ast.Constant(value=str(text)):
                names |= _annotation(ast.parse(text, mode="eval").body) if text.isidentifier() else {"?"}
            case ast.Constant(value=None):
                names.add("None")
    return frozenset(names)
