"""What tests of pages about runs share: the way to a run's page, its charts, and waiting for what is no element."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

PATIENCE_S = 15.0
expect.set_options(timeout=1000 * PATIENCE_S)


def until(page: Page, condition: Callable[[], Any]) -> None:
    """Waits for something that is no state of an element; the message of a test that fails says what it was."""
    deadline = time.monotonic() + PATIENCE_S
    while not (last := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"it did not come true, but was {last!r}")
        page.wait_for_timeout(50)


def find_keys(page: Page, address: str, *run_ids: str) -> list[str]:
    """Keys of runs, which the dashboard may still have to find; the page may show it from then on."""
    page.request.get(address)
    found: dict[str, str] = {}

    def all_found() -> bool:
        answer = page.request.get(f"{origin(address)}/api/runs?limit=1000&columns=id").json()
        found.update({row["cells"][0]: row["key"] for row in answer["rows"]})
        return found.keys() >= set(run_ids)

    until(page, all_found)
    return [found[run_id] for run_id in run_ids]


def open_run(page: Page, address: str, run_id: str, query: str = "") -> str:
    """Shows the page of a run; returns its key."""
    [key] = find_keys(page, address, run_id)
    page.goto(f"{origin(address)}/run/{key}{query}")
    return key


def origin(address: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def chart(page: Page, metric: str) -> Locator:
    """The chart of a metric, once Plotly has drawn it."""
    return page.locator(f'.grid-charts [data-metric="{metric}"][data-drawn=plotly]')


def preview(page: Page, metric: str) -> Locator:
    """The chart of a metric, once it is drawn in any way."""
    return page.locator(f'.grid-charts [data-metric="{metric}"][data-drawn]')


def without_plotly(page: Page) -> None:
    """Leaves Plotly's script unanswered, which takes its time: for tests to which previews are enough."""
    page.route("**/plotly.js", lambda route: None)


def axis(page: Page, metric: str, name: str) -> dict[str, Any]:
    """An axis of a chart, as Plotly has it: {"type", "range"}."""
    plot = chart(page, metric).locator(".plot")
    found: dict[str, Any] = plot.evaluate(
        "(plot, name) => ({type: plot._fullLayout[name].type, range: plot._fullLayout[name].range})", name
    )
    return found


def xs(page: Page, metric: str) -> list[float]:
    """The x values of a chart's first line."""
    values: list[float] = chart(page, metric).locator(".plot").evaluate("plot => Array.from(plot.data[0].x)")
    return values


def asked(page: Page, path: str) -> list[str]:
    """Collects the addresses below a path that the page asks for from now on."""
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url) if path in request.url else None)
    return addresses


def append_event(run: Path, **event: Any) -> None:
    """Writes what a worker would report."""
    with (run / "events.jsonl").open("a") as file:
        file.write(json.dumps({"time": time.time(), **event}) + "\n")
