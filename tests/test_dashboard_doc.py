"""What docs/dashboard.md says holds: its commands, flags, filters and keys, in both languages."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests.launcher.dashboard.made import make_run
from tests.serving import DASHBOARD, Server

ROOT = Path(__file__).parents[1]
PAGES = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("dashboard.md", "dashboard.zh-CN.md")}
PAGE = PAGES["dashboard.md"]
STATIC = ROOT / "launcher" / "dashboard" / "static"


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """The first cell of each row of the tables, without their heads."""
    return re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Talks to a dashboard that shows one run."""
    runs, cache = (tmp_path_factory.mktemp(name) for name in ("runs", "cache"))
    make_run(runs, "baseline")
    environment = {"WINDLASS_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
    server = Server([*DASHBOARD, str(runs)], environment=environment)
    try:
        with httpx.Client(base_url=urljoin(server.address, "/"), follow_redirects=True) as client:
            client.get(server.address)
            while not client.get("/api/info").json()["searched"]:
                time.sleep(0.1)
            yield client
    finally:
        server.close(signal.SIGINT)


def test_each_filter_of_the_page_is_understood(client: httpx.Client) -> None:
    examples = [cell.strip("`") for cell in first_cells(section("Filters"))]
    answers = {example: client.get("/api/runs", params={"filter": example}) for example in examples}
    assert len(answers) >= 8
    assert {example: answer.text for example, answer in answers.items() if answer.status_code != 200} == {}


def test_the_page_names_each_flag_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    from launcher.dashboard.command import dashboard

    with pytest.raises(SystemExit):
        dashboard(["--help"])
    flags = set(re.findall(r"--[a-z-]+", capsys.readouterr().out.partition("options:")[2])) - {"--help"}
    assert {cell.strip("`").split(" ")[0] for cell in first_cells(PAGE) if cell.startswith("`--")} == flags


def test_the_page_names_each_key_of_the_pages() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in STATIC.glob("*.js"))
    bound = re.findall(r'(?:bind\(|\[)"([^"]+)", "[A-Z][^"]*", (?:\(|\w+[,.)])', sources)
    named = re.findall(r"`([^`]+)`", " ".join(first_cells(section("Pages"))))
    assert set(named) == {shown(key) for key in bound}


def shown(key: str) -> str:
    """A key as people call it."""
    names = {"ArrowDown": "↓", "ArrowUp": "↑", "Escape": "Esc"}
    return "space" if key == " " else re.sub("|".join(names), lambda found: names[found[0]], key)


@pytest.mark.parametrize("language", ["sh", "text"])
def test_both_languages_hold_the_same_code(language: str) -> None:
    english, chinese = (blocks(page, language) for page in PAGES.values())
    assert english == chinese


def test_both_languages_have_the_same_sections_rows_and_points() -> None:
    english, chinese = (
        [line.split()[0] for line in page.splitlines() if line.startswith(("#", "|", "- "))] for page in PAGES.values()
    )
    assert english == chinese


def test_both_languages_name_the_same_filters_and_flags() -> None:
    english, chinese = ([cell.strip("`") for cell in first_cells(page) if "、" not in cell] for page in PAGES.values())
    assert [cell for cell in english if ", " not in cell] == chinese
