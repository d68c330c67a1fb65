"""HTML and SVG made of tags, in which every text is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

VOID = frozenset({"meta", "line", "path", "rect", "br"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """An element. What is no `Markup` among its children is text; None is left out, lists are opened.

    Attributes of None are left out; `_` in a name is `-`, but for one at its end (`class_`).
    """
    opened = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{opened}/>")
    return Markup(f"<{name}{opened}>{''.join(_parts(children))}</{name}>")


def _parts(children: Iterable[Any]) -> Iterable[str]:
    for child in children:
        if isinstance(child, Markup):
            yield child
        elif isinstance(child, list | tuple):
            yield from _parts(child)
        elif child is not None:
            yield escape(str(child))
