"""Which modules a page is made of, so that a browser asks for all of them at once and not level by level."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

IMPORTED = re.compile(r'^(?:import|export|\}) .*?"\./([\w.]+)";$|^import "\./([\w.]+)";$', re.MULTILINE)
FIRST = "main.js"
PLACE = "<!-- modules -->"


@cache
def page_html(folder: Path, view: str) -> bytes:
    """The page for a view (`runs`, `run`, ...), with links to all modules that it will ask for."""
    names = sorted(_closure(folder, [FIRST, f"{view}.js"]) - {FIRST})
    links = "\n    ".join(f'<link rel="modulepreload" href="/static/{name}" />' for name in names)
    return (folder / "index.html").read_text(encoding="utf-8").replace(PLACE, links).encode()


def _closure(folder: Path, names: list[str]) -> set[str]:
    """Modules and what they import, but for what they import only when it is needed."""
    found: set[str] = set()
    while names:
        name = names.pop()
        if name not in found:
            found.add(name)
            text = (folder / name).read_text(encoding="utf-8")
            names += [one or other for one, other in IMPORTED.findall(text)]
    return found
