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
    return _of_function(definition, definition.node)


def _of_class(definition: Definition, node: ast.ClassDef) -> Signature | None:
    decorators = _decorators(node)
    methods = {item.name: item for item in node.body if isinstance(item, FunctionNode)}
    if node.keywords or "__new__" in methods or not decorators <= _TRANSPARENT | {"dataclass"}:
        return None  # a metaclass or decorator may change what calling the class means
    if "__init__" in methods:
        return _of_function(definition, methods["__init__"], owner=node)
    inherited = _inherited(definition, node)
    if "dataclass" not in decorators or inherited is None:
        return inherited
    if inherited.open:
        return None
    return Signature(parameters={**inherited.parameters, **dict(_fields(node))})


def _inherited(definition: Definition, node: ast.ClassDef) -> Signature | None:
    """The arguments of the first base that takes any."""
    for base in node.bases:
        signature = _of_base(definition, base)
        if signature is None or signature.open or signature.parameters:
            return signature
    return Signature(parameters={})


def _of_base(definition: Definition, base: ast.expr) -> Signature | None:
    dotted = _dotted(base.value if isinstance(base, ast.Subscript) else base)
    if dotted and dotted[-1] in _WITHOUT_ARGUMENTS:
        return Signature(parameters={})
    found = _seen_from(definition, dotted)
    return None if found is None or not isinstance(found.node, ast.ClassDef) else _signature(found)


def _seen_from(definition: Definition, dotted: list[str]) -> Definition | None:
    """What a dotted name means in the module of a definition; None where source does not tell."""
    try:
        found = member(definition.module, dotted, seen=frozenset()) if dotted else None
    except (NotFoundError, SyntaxError):
        return None
    return None if found is None or found.node is definition.node else found


def _of_function(definition: Definition, node: FunctionNode, *, owner: ast.ClassDef | None = None) -> Signature | None:
    decorators = _decorators(node)
    if not decorators <= _TRANSPARENT:
        return None
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    pairs = list(zip(positional, [*missing, *arguments.defaults], strict=True))
    if (owner is not None or definition.method) and "staticmethod" not in decorators:
        pairs = pairs[1:]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    parameters = {
        argument.arg: Parameter(required=default is None, annotation=_annotation(argument.annotation))
        for argument, default in pairs
    }
    if arguments.kwarg is None:
        return Signature(parameters=parameters)
    passed_on = _passed_on(definition, node, arguments.kwarg.arg, owner)
    if passed_on is None:
        return Signature(parameters=parameters, open=True)
    return Signature(parameters={**passed_on, **parameters})


def _passed_on(
    definition: Definition, node: FunctionNode, name: str, owner: ast.ClassDef | None
) -> dict[str, Parameter] | None:
    """What `**name` may hold where the body only hands it to one other call; None where it does more."""
    parts = list(ast.walk(node))
    calls = [
        part
        for part in parts
        if isinstance(part, ast.Call)
        and any(word.arg is None and _dotted(word.value) == [name] for word in part.keywords)
    ]
    if len(calls) != 1 or sum(isinstance(part, ast.Name) and part.id == name for part in parts) != 1:
        return None
    call = calls[0]
    match call.func:
        case ast.Attribute(attr="__init__", value=ast.Call(func=ast.Name(id="super"))) if owner is not None:
            signature = _inherited(definition, owner)
        case _:
            found = _seen_from(definition, _dotted(call.func))
            signature = None if found is None else _signature(found)
    if signature is None or signature.open or any(isinstance(item, ast.Starred) for item in call.args):
        return None
    given = {word.arg for word in call.keywords}
    rest = list(signature.parameters.items())[len(call.args) :]
    return {key: parameter for key, parameter in rest if key not in given}


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
