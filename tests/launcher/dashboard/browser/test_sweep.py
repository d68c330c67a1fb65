"""The pages of sweeps in a real Chromium: every chart, brushes, the front, and what arrives while one looks."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from launcher.sweeps.ledger import Ledger
from tests.launcher.dashboard.browser.conftest import Serve
from tests.launcher.dashboard.made import STARTED, make_sweep

Open = Callable[[str], Page]
MODELS = ("cnn", "mlp", "vit")
NUM_TRIALS = 12


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four sweeps: a finished one, one with two objectives, one that runs, and one whose record is spoilt."""
    root = tmp_path_factory.mktemp("runs")
    space = {
        "optimizer.lr": {"low": 1e-4, "high": 1e-1, "log": True, "whole": False},
        "model": {"values": list(MODELS)},
    }
    make_sweep(root, "grid", trials=[_trial(number) for number in range(NUM_TRIALS)], space=space)
    two = {"metric": ["validation/loss", "validation/latency"], "direction": ["min", "min"]}
    make_sweep(root, "two", trials=[_two(number) for number in range(6)], settings=two)
    make_sweep(root, "live", trials=3, state="running")
    (make_sweep(root, "spoilt", trials=2) / "sweep.json").write_text("{")
    return root


def _trial(number: int) -> dict[str, Any]:
    state = {3: "failed", 7: "pruned"}.get(number, "finished")
    rate = 10 ** (-4 + 3 * number / (NUM_TRIALS - 1))
    begun = STARTED + 1 + 60 * (number // 2)
    loss = 0.2 + (math.log10(rate) + 2.4) ** 2
    return {
        "overrides": {"optimizer.lr": f"{rate:.6g}", "model": MODELS[number % 3]},
        "state": state,
        "values": {} if state == "failed" else {"validation/loss": loss, "validation/accuracy": 1 / (1 + loss)},
        "reason": {"failed": "out of memory on rank 0", "pruned": "among the worst third"}.get(state),
        "slot": [str(number % 2)],
        "begun": begun,
        "ended": begun + (20 if state == "pruned" else 55),
    }


def _two(number: int) -> dict[str, Any]:
    """Trials 0 to 3 are the front; 4 and 5 are worse than trial 0 in both."""
    values = {"validation/loss": 1.0 + number, "validation/latency": 5.0 - number if number < 4 else 9.0}
    return {"overrides": {"optimizer.lr": f"{10 ** -(number + 1)}"}, "values": values}


@pytest.fixture(scope="module")
def address(serve: Serve, root: Path) -> str:
    return serve(root)


@pytest.fixture
def sweep(page: Page, address: str) -> Open:
    """Opens the page of a sweep by its id, from the list of sweeps."""

    def open_it(sweep_id: str) -> Page:
        page.goto(address.replace("/?", "/sweeps?"))
        page.get_by_role("link", name=sweep_id, exact=True).click()
        expect(page.get_by_role("heading", name=sweep_id, level=1)).to_be_visible()
        return page

    return open_it


def _rows(page: Page) -> Locator:
    return page.locator("table.trials tbody tr")


def _numbers(page: Page) -> list[int]:
    return [int(row.get_attribute("data-trial") or "") for row in _rows(page).all()]


def _drag(page: Page, axis: str, start: float, end: float) -> None:
    """Drag along an axis between two shares of its height, from the top."""
    reach = page.locator(f'.axis-brush[data-axis="{axis}"] .reach')
    expect(reach).to_be_visible()
    box = reach.bounding_box()
    assert box is not None
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + start * box["height"])
    page.mouse.down()
    page.mouse.move(x, box["y"] + (start + end) / 2 * box["height"])
    page.mouse.move(x, box["y"] + end * box["height"])
    page.mouse.up()


def _brushes(page: Page) -> list[str]:
    return parse_qs(urlsplit(page.evaluate("location.href")).query).get("brush", [])


def test_a_sweep_is_shown_with_all_its_parts(sweep: Open) -> None:
    page = sweep("grid")
    expect(_rows(page)).to_have_count(NUM_TRIALS)
    expect(page.locator(".axis-brush")).to_have_count(3)
    expect(page.locator('[data-tile="trials"]')).to_contain_text("10 finished")
    expect(page.locator('[data-tile="best"]')).to_contain_text("trial 6")
    for tile in ("spent", "saved", "lost"):
        expect(page.locator(f'[data-tile="{tile}"] b')).not_to_have_text("0 h")
    expect(page.locator('[data-plot="best"] .joined')).to_have_count(1)
    expect(page.locator('[data-plot="scatter"] .point')).to_have_count(NUM_TRIALS - 1)
    expect(page.locator('[data-plot="slots"] .bar')).to_have_count(NUM_TRIALS)
    expect(page.locator('[data-plot="importance"] .share')).to_have_count(2, timeout=60_000)  # Optuna takes its time
    expect(page.locator('[data-plot="front"]')).to_be_hidden()


def test_the_table_has_the_best_first_and_sorts_by_any_column(sweep: Open) -> None:
    page = sweep("grid")
    expect(_rows(page).first).to_have_attribute("data-trial", "6")
    expect(_rows(page).first).to_have_class("is-best")
    expect(_rows(page).last).to_have_attribute("data-trial", "3")  # it failed: no value, so the last
    expect(_rows(page).last).to_contain_text("out of memory on rank 0")
    page.get_by_role("button", name="optimizer.lr").click()
    assert _numbers(page) == list(range(NUM_TRIALS))
    page.get_by_role("button", name="optimizer.lr").click()
    assert _numbers(page) == list(reversed(range(NUM_TRIALS)))
    expect(page).to_have_url(re.compile("sort=-optimizer.lr"))


def test_a_brush_filters_the_table_moves_and_is_in_the_address(sweep: Open) -> None:
    page = sweep("grid")
    _drag(page, "optimizer.lr", 0.02, 0.5)
    upper = _numbers(page)
    assert sorted(upper) == list(range(NUM_TRIALS - len(upper), NUM_TRIALS))
    assert 0 < len(upper) < NUM_TRIALS
    assert _brushes(page)[0].startswith("optimizer.lr:")
    _drag(page, "optimizer.lr", 0.25, 0.7)  # takes hold of it and moves it down
    assert min(_numbers(page)) < min(upper)
    assert max(_numbers(page)) < NUM_TRIALS - 1
    kept, there = _numbers(page), _brushes(page)
    page.reload()
    expect(_rows(page)).to_have_count(len(kept))
    assert _numbers(page) == kept
    assert _brushes(page) == there
    page.locator('.axis-brush[data-axis="optimizer.lr"] .brush').dblclick()
    expect(_rows(page)).to_have_count(NUM_TRIALS)
    assert _brushes(page) == []


def test_brushes_combine_and_are_set_and_cleared_by_keyboard(sweep: Open) -> None:
    page = sweep("grid")
    page.get_by_text("Ranges by keyboard").click()
    page.get_by_label("optimizer.lr at least").fill("0.001")
    page.keyboard.press("Tab")
    page.get_by_label("model at least").select_option("vit")
    expect(_rows(page)).to_have_count(3)
    assert sorted(_numbers(page)) == [5, 8, 11]
    assert _brushes(page) == ["optimizer.lr:0.001..", "model:2.."]
    page.locator('.axis-brush[data-axis="model"]').focus()
    page.keyboard.press("Escape")
    assert _brushes(page) == ["optimizer.lr:0.001.."]
    page.keyboard.press("Escape")
    expect(_rows(page)).to_have_count(NUM_TRIALS)


def test_any_parameter_is_drawn_against_any_metric(sweep: Open) -> None:
    page = sweep("grid")
    scatter = page.locator('[data-plot="scatter"]')
    scatter.get_by_label("horizontal").select_option("model")
    scatter.get_by_label("vertical").select_option("validation/accuracy")
    for choice in MODELS:
        expect(scatter.get_by_text(choice, exact=True).last).to_be_visible()
    page.reload()
    expect(scatter.get_by_label("vertical")).to_have_value("validation/accuracy")
    expect(scatter.get_by_label("horizontal")).to_have_value("model")


def test_two_objectives_have_a_front(sweep: Open) -> None:
    page = sweep("two")
    front = page.locator('[data-plot="front"]')
    expect(front.locator(".point")).to_have_count(6)
    expect(front.locator(".on-front")).to_have_count(4)
    assert (front.locator(".joined").get_attribute("d") or "").count("L") == 3
    expect(page.locator("table.trials .is-best")).to_have_count(4)


def test_a_trial_that_begins_and_ends_appears_and_brushes_stay(sweep: Open, root: Path) -> None:
    page = sweep("live")
    expect(_rows(page)).to_have_count(3)
    _drag(page, "optimizer.lr", 0.6, 0.99)
    before, there = _numbers(page), _brushes(page)
    ledger = Ledger(root / "sweeps" / "live" / "ledger.jsonl")
    trial = ledger.propose({"optimizer.lr": "0.0001"})
    ledger.start(trial, slot=("0",))
    row = page.locator('table.trials tr[data-trial="3"]')
    expect(row).to_contain_text("running")
    ledger.end(trial, "finished", values={"validation/loss": 0.1, "validation/accuracy": 0.9}, device_seconds=9.0)
    expect(row).to_contain_text("finished")
    expect(page.locator('[data-tile="best"]')).to_contain_text("trial 3")
    assert sorted(_numbers(page)) == sorted([*before, 3])
    assert _brushes(page) == there


def test_chosen_trials_are_compared(sweep: Open) -> None:
    page = sweep("grid")
    for number in (6, 5):
        page.get_by_label(f"choose trial {number}", exact=True).check()
    page.get_by_role("button", name="Compare 2").click()
    expect(page).to_have_url(re.compile(r"/compare\?runs=[0-9a-f]{12},[0-9a-f]{12}$"))


def test_a_sweep_whose_record_is_spoilt_says_so(sweep: Open) -> None:
    page = sweep("spoilt")
    expect(page.locator(".sweep-head .problem")).to_contain_text("is gone or spoilt")
    expect(_rows(page)).to_have_count(2)
