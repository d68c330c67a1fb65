"""Links to modules: all that a page will load, and nothing of other pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from launcher.dashboard.web.assets import STATIC
from launcher.dashboard.web.modules import page_html

VIEWS = ["runs", "run", "compare", "sweeps", "sweep", "launch"]


def linked(folder: Path, view: str) -> set[str]:
    return set(re.findall(r'modulepreload" href="/static/([\w.]+)"', page_html(folder, view).decode()))


def test_modules_are_linked_through_all_levels_but_not_those_that_are_loaded_when_needed(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<head><!-- modules --></head>")
    (tmp_path / "main.js").write_text('import { a } from "./a.js";\nconst view = () => import("./other.js");\n')
    (tmp_path / "a.js").write_text('import * as b from "./b.js";\nimport "./c.js";\nimport "./a.js";\n')
    (tmp_path / "b.js").write_text('export { d } from "./d.js";\nimport {\n  e,\n  f,\n} from "./e.js";\n')
    for name in ("c", "d", "e", "other", "view"):
        (tmp_path / f"{name}.js").write_text("// nothing\n")
    assert linked(tmp_path, "view") == {"a.js", "b.js", "c.js", "d.js", "e.js", "view.js"}


@pytest.mark.parametrize("view", VIEWS)
def test_each_page_links_its_own_module(view: str) -> None:
    assert f"{view}.js" in linked(STATIC, view)
    assert not linked(STATIC, view) & {f"{other}.js" for other in {"runs", "compare", "launch"} - {view}}
