"""Logs: colours, what comes live, and what a search finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.launcher.dashboard.browser.conftest import Serve
from tests.launcher.dashboard.browser.pages import open_run, until
from tests.launcher.dashboard.made import make_run, write_wandb

MARKUP = "<img src=x onerror=alert(1)>"
NUM_LINES = 12_000
MOST_SHOWN = 7000


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a short log in colours, one that goes on, and a long one; one of W&B with a console."""
    root = tmp_path_factory.mktemp("logs")
    coloured = f"\x1b[31mred\x1b[0m plain \x1b[1;32mgreen\x1b[0m {MARKUP}\nEpoch 1\n10%\r20%\r30%\n"
    make_run(root, "coloured", logs={(0, 0): coloured, (0, 1): "rank one\n", (1, 0): "second attempt\n"})
    make_run(root, "going", state="running", logs={(0, 0): "begin\n"})
    make_run(root, "long", logs={(0, 0): "".join(f"line {i:06} of a long log\n" for i in range(NUM_LINES))})
    write_wandb(root / "wandb", run_id="foreign", rows=3, console=["hello \x1b[34mblue\x1b[0m\n", "world\n"])
    return root


@pytest.fixture(scope="module")
def address(serve: Serve, runs: Path) -> str:
    """The dashboard of `runs`."""
    return serve(runs)


def test_a_log_has_its_colours_and_its_markup_is_text(page: Page, address: str) -> None:
    open_run(page, address, "coloured", "?tab=logs&file=attempt_0/rank_0.log")
    expect(page.locator(".log .fg-1")).to_have_text("red")
    expect(page.locator(".log .fg-2.bold")).to_have_text("green")
    expect(page.locator(".log-line").first).to_contain_text(MARKUP)
    expect(page.locator(".log-line").nth(2)).to_have_text("30%")
    expect(page.locator("img")).to_have_count(0)


def test_each_rank_of_each_attempt_has_a_log(page: Page, address: str) -> None:
    open_run(page, address, "coloured", "?tab=logs")
    expect(page.locator(".log-line")).to_have_text(["second attempt"])
    page.select_option("select[name=file]", "attempt_0/rank_1.log")
    expect(page.locator(".log-line")).to_have_text(["rank one"])
    expect(page.locator("select[name=file] option:checked")).to_contain_text("attempt 0 · rank 1")


def test_what_is_printed_comes_live(page: Page, address: str, runs: Path) -> None:
    open_run(page, address, "going", "?tab=logs")
    expect(page.locator(".log-line")).to_have_text(["begin"])
    with (runs / "going" / "logs" / "attempt_0" / "rank_0.log").open("a") as log:
        log.write("more\nand a half")
        log.flush()
        expect(page.locator(".log-line")).to_have_text(["begin", "more", "and a half"])
        log.write(" is whole now\n")
    expect(page.locator(".log-line")).to_have_text(["begin", "more", "and a half is whole now"])


def test_scrolling_up_stops_following_and_loads_what_came_before(page: Page, address: str) -> None:
    open_run(page, address, "long", "?tab=logs")
    lines = page.locator("[role=log] .log-line")
    follow = page.get_by_role("button", name="Follow")
    expect(lines.last).to_have_text(f"line {NUM_LINES - 1:06} of a long log")
    expect(follow).to_have_attribute("aria-pressed", "true")
    page.locator("[role=log]").hover()

    def up_to_the_first() -> bool:
        page.mouse.wheel(0, -1_000_000)
        return lines.first.inner_text() == "line 000000 of a long log"

    until(page, up_to_the_first)
    expect(follow).to_have_attribute("aria-pressed", "false")
    numbers = [int(text.split()[1]) for text in lines.all_inner_texts()]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) < MOST_SHOWN
    follow.click()
    expect(lines.last).to_have_text(f"line {NUM_LINES - 1:06} of a long log")


def test_a_search_marks_what_it_finds_and_leads_there(page: Page, address: str) -> None:
    open_run(page, address, "long", "?tab=logs")
    page.get_by_role("searchbox", name="Search this log").fill("LINE 00600")
    found = page.locator(".found .log-line")
    expect(found).to_have_count(10)
    expect(page.get_by_text("10 lines")).to_be_visible()
    expect(found.first.locator("mark")).to_have_text("line 00600")
    found.nth(3).click()
    expect(page.locator("[role=log] .log-line").first).to_have_text("line 006003 of a long log")


def test_a_foreign_run_shows_its_console(page: Page, address: str) -> None:
    open_run(page, address, "foreign", "?tab=logs")
    expect(page.locator(".log-line")).to_have_text(["hello blue", "world"])
    expect(page.locator(".log .fg-4")).to_have_text("blue")
