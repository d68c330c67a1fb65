"""Comparing runs: their charts overlaid, what differs first, numbers side by side."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.launcher.dashboard.browser.conftest import Serve
from tests.launcher.dashboard.browser.pages import asked, chart, find_keys, origin, preview, without_plotly
from tests.launcher.dashboard.made import make_run

IDS = ("low", "middle", "high")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs that differ in their learning rate."""
    root = tmp_path_factory.mktemp("compared")
    for place, run_id in enumerate(IDS):
        make_run(
            root,
            run_id,
            metrics={"validation/loss": 0.5 - place / 10},
            config={"optimizer": {"_target_": "torch.optim.AdamW", "lr": 10.0 ** (place - 4)}},
        )
    return root


@pytest.fixture(scope="module")
def address(serve: Serve, runs: Path) -> str:
    """The dashboard of `runs`."""
    return serve(runs)


def compare(page: Page, address: str, query: str = "") -> list[str]:
    """Shows the three runs; returns their keys."""
    keys = find_keys(page, address, *IDS)
    page.goto(f"{origin(address)}/compare?runs={','.join(keys)}{query}")
    expect(page.locator(".run-chip")).to_have_count(3)
    return keys


def test_runs_are_overlaid_from_one_request_for_all(page: Page, address: str) -> None:
    series = asked(page, "metrics=*")
    compare(page, address)
    expect(chart(page, "train/loss").locator(".scatterlayer .trace")).to_have_count(3)
    assert len(series) == 1


def test_config_keys_that_differ_come_first(page: Page, address: str) -> None:
    compare(page, address, "&tab=config")
    expect(page.get_by_role("tab", name="Config (2 differ)")).to_be_visible()
    names = page.locator(".config tbody td.key")
    expect(names).to_have_text(["run_id", "optimizer.lr"])
    expect(page.locator(".config tbody tr").last).to_contain_text("1e-4")
    page.get_by_label("Only differences").uncheck()
    expect(names.first).to_have_text("run_id")
    expect(names.nth(1)).to_have_text("optimizer.lr")
    expect(names.filter(has_text="model.width")).to_be_visible()


def test_metrics_stand_side_by_side(page: Page, address: str) -> None:
    compare(page, address, "&tab=metrics")
    row = page.locator(".metric-tables tr", has_text="validation/loss")
    expect(row.locator("td.last")).to_have_text(["0.5", "0.4", "0.3"])
    expect(row.locator("td.max")).to_have_count(3)


def test_a_run_is_removed_and_the_others_keep_their_colours(page: Page, address: str) -> None:
    without_plotly(page)
    keys = compare(page, address)
    dots = page.locator(".swatch .dot")
    colours = [dot.get_attribute("style") for dot in dots.all()]
    expect(preview(page, "train/loss")).to_be_visible()
    page.get_by_role("button", name="Remove low").click()
    expect(page.locator(".run-chip")).to_have_count(2)
    expect(preview(page, "train/loss").locator("path.line")).to_have_count(2)
    expect(page).to_have_url(re.compile(f"runs={keys[1]},{keys[2]}"))
    assert [dot.get_attribute("style") for dot in dots.all()] == colours[1:]


def test_a_run_is_hidden_and_shown(page: Page, address: str) -> None:
    without_plotly(page)
    compare(page, address)
    expect(preview(page, "train/loss")).to_be_visible()
    page.get_by_role("button", name="Show or hide middle").click()
    expect(preview(page, "train/loss").locator("path.line")).to_have_count(2)
    page.get_by_role("button", name="Show or hide middle").click()
    expect(preview(page, "train/loss").locator("path.line")).to_have_count(3)


def test_a_comparison_is_saved_as_a_report(page: Page, address: str) -> None:
    without_plotly(page)
    compare(page, address)
    with page.expect_download() as download:
        page.get_by_role("link", name="Report (HTML)").click()
    text = download.value.path().read_text()
    assert all(run_id in text for run_id in IDS)


def test_without_runs_it_says_how_to_choose_some(page: Page, address: str) -> None:
    find_keys(page, address, *IDS)
    page.goto(f"{origin(address)}/compare")
    expect(page.get_by_text("No runs are chosen.")).to_be_visible()
