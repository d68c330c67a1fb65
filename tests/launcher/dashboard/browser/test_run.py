"""The page of one run: what is known of it, and what happens when it changes or goes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.launcher.dashboard.browser.conftest import Serve
from tests.launcher.dashboard.browser.pages import append_event, open_run, origin, preview, until, without_plotly
from tests.launcher.dashboard.made import make_run, write_wandb

MARKUP = "<img src=x onerror=alert(1)>"
NUM_KEYS = 10_000


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that finished, failed, go on, and that a test deletes; one of W&B with a huge config."""
    root = tmp_path_factory.mktemp("runs")
    make_run(
        root,
        "finished",
        resumed=[(20, 10)],
        checkpoints=[10, 30],
        warnings=[f"look at {MARKUP}"],
        plan={"axes": {"pp": 1, "dp_shard": 4}},
    )
    make_run(
        root,
        "broken",
        state="failed",
        failure={
            "cause": "user code",
            "message": f"ValueError: {MARKUP}",
            "rank": 3,
            "advice": "use optimizer.lr=1e-4",
        },
    )
    make_run(root, "going", state="running", steps=20, num_steps=80)
    make_run(root, "doomed")
    write_wandb(root / "wandb", run_id="huge", rows=3, config={f"key{i}": i for i in range(NUM_KEYS)})
    return root


@pytest.fixture(scope="module")
def address(serve: Serve, runs: Path) -> str:
    """The dashboard of `runs`."""
    return serve(runs)


@pytest.fixture(autouse=True)
def only_previews(page: Page) -> None:
    """What charts look like is not looked at here."""
    without_plotly(page)


def test_the_head_says_what_the_run_is_and_how_far_it_came(page: Page, address: str) -> None:
    open_run(page, address, "going")
    expect(page.get_by_role("heading", level=1)).to_contain_text("going")
    expect(page.locator(".run-title .state-running")).to_be_visible()
    expect(page.locator(".run-facts")).to_contain_text("20 / 80 (25%)")
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page).to_have_title(re.compile("going"))


def test_a_run_that_failed_shows_its_report_first(page: Page, address: str) -> None:
    open_run(page, address, "broken")
    report = page.locator(".failure")
    expect(report).to_contain_text("Failed: user code")
    expect(report).to_contain_text(f"ValueError: {MARKUP}")
    expect(report).to_contain_text("use optimizer.lr=1e-4")
    expect(report.locator(".facts")).to_contain_text("Rank3")
    expect(report.locator("pre")).to_be_hidden()
    report.locator("summary", has_text="Traceback").click()
    expect(report.locator("pre")).to_be_visible()
    expect(page.locator("img")).to_have_count(0)


def test_details_hold_plan_checkpoints_restarts_warnings_and_the_command(page: Page, address: str) -> None:
    open_run(page, address, "finished", "?tab=details")
    details = page.locator(".details")
    expect(details).to_contain_text("dp_shard=4")
    expect(details).to_contain_text("Samples per second")
    expect(details).to_contain_text("Checkpoints (2)")
    expect(details).to_contain_text("deleted since")
    expect(details).to_contain_text("Restarts (1)")
    expect(details).to_contain_text(f"look at {MARKUP}")
    expect(details.locator("code")).to_have_text("windlass train model=mlp dataset=digits")


def test_the_command_is_copied(page: Page, address: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_run(page, address, "finished", "?tab=details")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "windlass train model=mlp dataset=digits"


def test_a_report_is_saved_that_needs_no_server(page: Page, address: str) -> None:
    open_run(page, address, "finished", "?tab=details")
    with page.expect_download() as download:
        page.get_by_role("link", name="Report (HTML)").click()
    text = download.value.path().read_text()
    assert "<svg" in text
    assert "<script" not in text


def test_ten_thousand_config_keys_are_drawn_as_one_scrolls_and_searched(page: Page, address: str) -> None:
    open_run(page, address, "huge", "?tab=config")
    rows = page.locator(".config tbody tr")
    expect(page.get_by_text(f"{NUM_KEYS} of {NUM_KEYS}")).to_be_visible()
    assert 0 < rows.count() < 1000
    before = rows.count()
    page.mouse.move(640, 600)
    page.mouse.wheel(0, 100_000)
    until(page, lambda: rows.count() > before)
    page.get_by_role("searchbox", name="Search keys and values").fill("key9999")
    expect(rows).to_have_count(1)


def test_a_state_that_changes_is_shown(page: Page, address: str, runs: Path) -> None:
    open_run(page, address, "going")
    expect(preview(page, "train/loss")).to_be_visible()
    append_event(runs / "going", event="step", step=80, num_steps=80, epoch=1, loss=0.1)
    job = runs / "going" / "job.json"
    job.write_text(json.dumps({**json.loads(job.read_text()), "state": "finished", "exit_code": 0}))
    expect(page.locator(".run-title .state-finished")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_hidden()


def test_a_run_that_is_deleted_while_shown_says_so(page: Page, address: str, runs: Path) -> None:
    open_run(page, address, "doomed")
    expect(preview(page, "train/loss")).to_be_visible()
    shutil.rmtree(runs / "doomed")
    expect(page.get_by_text("This run was deleted.")).to_be_visible()
    expect(preview(page, "train/loss")).to_be_visible()


def test_a_run_that_is_not_there_says_so(page: Page, address: str) -> None:
    open_run(page, address, "finished")
    expect(preview(page, "train/loss")).to_be_visible()
    page.goto(f"{origin(address)}/run/0123456789ab")
    expect(page.get_by_role("alert")).to_contain_text("0123456789ab")
    page.errors.clear()  # type: ignore[attr-defined] # Chromium reports each answer that is an error


def test_nothing_can_be_done_to_a_run_unless_it_was_allowed(page: Page, address: str) -> None:
    open_run(page, address, "finished")
    expect(preview(page, "train/loss")).to_be_visible()
    expect(page.locator(".run-actions button")).to_have_count(0)


def test_the_page_is_chinese_for_those_who_read_it(page: Page, address: str) -> None:
    open_run(page, address, "broken", "?lang=zh")
    expect(page.get_by_role("tab", name="图表")).to_be_visible()
    expect(page.locator(".failure")).to_contain_text("处理办法")
