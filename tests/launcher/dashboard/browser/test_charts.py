"""Charts: what is drawn, how it is changed, and how it stays up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.launcher.dashboard.browser.conftest import Serve
from tests.launcher.dashboard.browser.pages import (
    append_event,
    asked,
    axis,
    chart,
    open_run,
    preview,
    until,
    without_plotly,
    xs,
)
from tests.launcher.dashboard.made import STARTED, make_run, write_wandb

MARKUP = "<img src=x onerror=alert(1)>"
STEPS = 200


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that restarted and counts tokens, one that goes on, and one of W&B with odd names and values."""
    root = tmp_path_factory.mktemp("charts")
    make_run(root, "restarted", steps=STEPS, every=2, resumed=[(100, 80)], sequence_length=4)
    make_run(root, "going", state="running", steps=40, num_steps=80)
    rows = [
        {"loss": float("nan") if 5 <= step < 10 or step == 19 else 1.0 / (step + 1), f"{MARKUP}/a,b": 1.0}
        for step in range(20)
    ]
    write_wandb(root / "wandb", run_id="odd", name=MARKUP, rows=rows, started=STARTED)
    return root


@pytest.fixture(scope="module")
def address(serve: Serve, runs: Path) -> str:
    """The dashboard of `runs`."""
    return serve(runs)


@pytest.fixture
def shown(page: Page, address: str) -> Page:
    """The page of the run that restarted, with its first chart drawn."""
    open_run(page, address, "restarted")
    expect(chart(page, "train/loss")).to_be_visible()
    return page


def test_previews_are_drawn_before_plotly_comes_from_one_request(page: Page, address: str) -> None:
    held: list[Route] = []
    page.route("**/plotly.js", lambda route: held.append(route))
    series = asked(page, "/api/series")
    open_run(page, address, "restarted")
    first = page.locator("[data-metric='train/loss']")
    expect(first).to_have_attribute("data-drawn", "preview")
    expect(first.locator("path.line")).to_have_count(1)
    until(page, lambda: held)
    held[0].continue_()
    expect(first).to_have_attribute("data-drawn", "plotly")
    assert len([url for url in series if "metrics=*" in url]) == 1


def test_smoothing_leaves_the_raw_line_faint_behind(shown: Page) -> None:
    shown.locator("input[name=smooth]").fill("0.6")
    expect(chart(shown, "train/loss").locator(".scatterlayer .trace")).to_have_count(2)
    expect(shown).to_have_url(re.compile("smooth=0.6"))


def test_axes_become_logarithmic(shown: Page) -> None:
    shown.get_by_role("button", name="Log y").click()
    until(shown, lambda: axis(shown, "train/loss", "yaxis")["type"] == "log")
    shown.get_by_role("button", name="Log x").click()
    until(shown, lambda: axis(shown, "train/loss", "xaxis")["type"] == "log")
    expect(shown).to_have_url(re.compile("(?=.*logx=1)(?=.*logy=1)"))


def test_x_is_step_time_relative_time_or_tokens(shown: Page) -> None:
    assert xs(shown, "train/loss")[-1] == STEPS
    shown.select_option("select[name=x]", "tokens")
    until(shown, lambda: xs(shown, "train/loss")[-1] == STEPS * 32 * 4)
    shown.select_option("select[name=x]", "relative")
    until(shown, lambda: xs(shown, "train/loss")[0] < 1)
    shown.select_option("select[name=x]", "time")
    until(shown, lambda: axis(shown, "train/loss", "xaxis")["type"] == "date")
    assert xs(shown, "train/loss")[0] == pytest.approx(1000 * (STARTED + 1))


def test_a_zoom_is_that_of_all_charts_and_of_the_address(shown: Page) -> None:
    series = asked(shown, "/api/series")
    box = chart(shown, "train/loss").locator(".nsewdrag").bounding_box()
    assert box is not None
    shown.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 40)
    shown.mouse.down()
    shown.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 44, steps=4)
    shown.mouse.up()
    until(shown, lambda: axis(shown, "train/learning_rate", "xaxis")["range"][0] == pytest.approx(STEPS / 4, abs=5))
    until(shown, lambda: any("low=" in url and "high=" in url for url in series))
    expect(shown).to_have_url(re.compile("low=.*high="))
    shown.reload()
    until(shown, lambda: axis(shown, "train/loss", "xaxis")["range"][1] == pytest.approx(STEPS / 2, abs=5))
    chart(shown, "train/loss").locator(".nsewdrag").dblclick()
    until(shown, lambda: axis(shown, "train/learning_rate", "xaxis")["range"][1] > STEPS - 5)
    expect(shown).not_to_have_url(re.compile("low="))


def test_a_point_that_is_logged_arrives_and_nothing_is_fetched_again(page: Page, address: str, runs: Path) -> None:
    open_run(page, address, "going")
    expect(chart(page, "train/loss")).to_be_visible()
    series = asked(page, "/api/series")
    append_event(runs / "going", event="step", step=41, num_steps=80, epoch=0, loss=0.125)
    expect(chart(page, "train/loss").locator(".last")).to_have_text("0.125")
    until(page, lambda: xs(page, "train/loss")[-1] == 41)
    assert series
    assert all("after=" in url for url in series)


def test_a_metric_that_is_logged_for_the_first_time_gets_a_chart(page: Page, address: str, runs: Path) -> None:
    without_plotly(page)
    open_run(page, address, "going")
    expect(preview(page, "train/loss")).to_be_visible()
    append_event(runs / "going", event="evaluation", step=41, split="validation", metrics={"loss": 0.5})
    expect(page.locator("[data-group=validation] [data-metric='validation/loss'] .last")).to_have_text("0.5")


def test_restarts_are_dashed_lines(shown: Page) -> None:
    lines = chart(shown, "train/loss").locator(".shapelayer path")
    expect(lines).to_have_count(1)
    assert "px" in lines.evaluate("line => getComputedStyle(line).strokeDasharray")


def test_what_is_no_number_leaves_a_gap_and_is_said(page: Page, address: str) -> None:
    open_run(page, address, "odd")
    expect(chart(page, "loss").locator(".last")).to_have_text("NaN")
    expect(chart(page, "loss").locator(".js-line")).to_have_count(2)


def test_markup_in_names_is_text(page: Page, address: str) -> None:
    open_run(page, address, "odd")
    expect(page.get_by_role("heading", level=1)).to_contain_text(MARKUP)
    expect(page.locator(".name", has_text=MARKUP)).to_have_text(f"{MARKUP}/a,b")
    page.locator(".chart", has_text=MARKUP).get_by_role("button", name="Enlarge", include_hidden=True).dispatch_event(
        "click"
    )
    expect(page.get_by_role("dialog").locator("[data-drawn=plotly]")).to_be_visible()
    expect(page.locator("img")).to_have_count(0)


def test_a_search_finds_metrics_by_text_or_pattern(page: Page, address: str) -> None:
    without_plotly(page)
    open_run(page, address, "restarted")
    page.get_by_role("searchbox", name="Find metrics").fill("loss$")
    expect(page.locator(".chart:visible .name")).to_have_text(["train/loss", "validation/loss"])
    page.get_by_role("searchbox", name="Find metrics").fill("nothing")
    expect(page.get_by_text("No metric is called “nothing”.")).to_be_visible()


def test_groups_fold_and_stay_folded(page: Page, address: str) -> None:
    without_plotly(page)
    open_run(page, address, "restarted")
    page.get_by_role("button", name="train").click()
    expect(page.locator("[data-metric='train/loss']")).to_be_hidden()
    expect(page).to_have_url(re.compile("closed=train"))
    page.reload()
    expect(preview(page, "validation/loss")).to_be_visible()
    expect(page.locator("[data-metric='train/loss']")).to_be_hidden()


def test_metrics_of_the_system_have_groups_of_their_own(shown: Page) -> None:
    for group, metric in (("gpu", "gpu.0.gpu"), ("cpu", "cpu"), ("memory", "memory_percent")):
        shown.locator(f"[data-group='system/{group}']").scroll_into_view_if_needed()
        expect(chart(shown, f"system/{metric}")).to_be_visible()


def test_a_chart_is_enlarged_and_the_address_says_so(shown: Page) -> None:
    chart(shown, "train/loss").hover()
    chart(shown, "train/loss").get_by_role("button", name="Enlarge").click()
    expect(shown).to_have_url(re.compile("chart=train/loss"))
    shown.reload()
    expect(shown.get_by_role("dialog").locator("[data-drawn=plotly]")).to_be_visible()
    shown.keyboard.press("Escape")
    expect(shown.get_by_role("dialog")).to_have_count(0)
    expect(shown).not_to_have_url(re.compile("chart="))


def test_a_chart_is_saved_as_png_and_csv(shown: Page) -> None:
    chart(shown, "train/loss").hover()
    with shown.expect_download() as png:
        chart(shown, "train/loss").get_by_role("button", name="Save as PNG").click()
    assert png.value.suggested_filename == "train_loss.png"
    assert png.value.path().read_bytes().startswith(b"\x89PNG")
    with shown.expect_download() as csv:
        chart(shown, "train/loss").get_by_role("link", name="CSV").click()
    assert "train/loss" in csv.value.path().read_text()


def test_charts_follow_the_theme(shown: Page) -> None:
    paper = chart(shown, "train/loss").locator(".main-svg").first
    before = paper.get_attribute("style")
    shown.select_option("#theme", "dark")
    until(shown, lambda: paper.get_attribute("style") != before)
