"""Launching and acting on runs from the page, with real trainings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from launcher.runs import ACTIVE, Run, stop_process
from tests.launcher.dashboard.browser.conftest import Serve
from tests.launcher.dashboard.made import make_run

TINY = ("model=mlp", "dataset=digits", "tracker=none", "trainer.max_steps=20", "engine.num_processes=1")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two finished runs; nothing that is launched beside them trains on after the tests."""
    root = tmp_path_factory.mktemp("runs")
    for run_id in ("made", "doomed"):
        make_run(root, run_id, job={"command": ["windlass", "train", *TINY]})
    yield root
    for run in map(Run, root.iterdir()):
        if run.state in ACTIVE:
            stop_process(run.job, lambda run=run: run.state in ACTIVE, kind="run", name=run.id)


@pytest.fixture(scope="module")
def address(serve: Serve, root: Path) -> str:
    """A dashboard that may launch."""
    return serve(root, allow_control=True)


@pytest.fixture
def runs(page: Page, address: str) -> Page:
    """Its table of runs."""
    page.goto(address)
    return page


def _overrides(page: Page) -> Locator:
    return page.get_by_label("Overrides, one a line")


def _launch(page: Page) -> Locator:
    return page.get_by_role("button", name="Launch", exact=True)


def test_a_dashboard_that_only_shows_says_how_to_launch(page: Page, serve: Serve, root: Path) -> None:
    page.goto(serve(root).replace("/?", "/launch?"))
    expect(page.get_by_text("windlass dashboard --allow-control")).to_be_visible()
    expect(_launch(page)).to_have_count(0)


def test_what_is_typed_is_checked_in_the_words_of_the_command_line(runs: Page) -> None:
    page = runs
    page.get_by_role("link", name="Launch", exact=True).click()
    _overrides(page).fill("modle=mlp")
    expect(page.get_by_role("alert")).to_contain_text("modle")
    expect(_launch(page)).to_be_disabled()
    _overrides(page).fill("dataset=digits\ntrainer.max_steps=7")
    page.get_by_role("button", name="mlp", exact=True).click()
    expect(_overrides(page)).to_have_value("dataset=digits\ntrainer.max_steps=7\nmodel=mlp\n")
    expect(page.get_by_text("ready to launch")).to_be_visible()
    expect(_launch(page)).to_be_enabled()
    expect(page.get_by_label("Resolved config")).to_contain_text("max_steps: 7")
    expect(page.locator(".same-command")).to_have_text("windlass train dataset=digits trainer.max_steps=7 model=mlp")


def test_runs_are_launched_from_another_with_changes_and_stopped(runs: Page, root: Path) -> None:
    page = runs
    page.get_by_role("link", name="made", exact=True).click()
    page.get_by_role("link", name="Launch with changes").click()
    expect(page.get_by_text("windlass train model=mlp dataset=digits").first).to_be_visible()
    _overrides(page).fill("run_id=short")
    _launch(page).click()
    expect(page.get_by_role("heading", name="short finished")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Launch with changes").click()
    _overrides(page).fill("trainer.max_steps=1000000\ntrainer.max_epochs=null\nrun_id=long")
    expect(page.get_by_label("Resolved config")).to_contain_text("max_steps: 1000000")
    _launch(page).click()
    expect(page.get_by_text("train/loss").first).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_visible(timeout=60_000)
    short, long = Run(root / "short"), Run(root / "long")
    assert (short.state, short.last_step()) == ("finished", 20)
    assert (long.state, "trainer.max_steps=1000000" in long.job["command"]) == ("stopped", True)


def test_a_run_is_deleted_once_its_name_is_typed(runs: Page, root: Path) -> None:
    page = runs
    page.get_by_role("link", name="doomed", exact=True).click()
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog")
    delete = dialog.get_by_role("button", name="Delete", exact=True)
    expect(delete).to_be_disabled()
    dialog.get_by_label("Type doomed to confirm").fill("doomed")
    delete.click()
    expect(page.get_by_text("doomed is deleted")).to_be_visible()
    assert not (root / "doomed").exists()
