"""A Chromium without a window that tells when something is on the screen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATIENCE_MS = 180_000
WATCH = """
window.seen = [CONDITIONS].map((holds) => new Promise((resolve) => {
  const note = () => resolve({since_ms: performance.now(), at_ms: performance.timeOrigin + performance.now()});
  const look = () => requestAnimationFrame(document.body && holds() ? () => requestAnimationFrame(note) : look);
  look();
}));
"""
"""In each frame from the first on a page looks whether a condition holds, and then notes when that frame was drawn."""
WAIT = """(patience) => Promise.race([
  Promise.all(window.seen),
  new Promise((_, give_up) => setTimeout(() => give_up(new Error("not seen")), patience)),
])"""


CHARTS = """(() => {
  const isSeen = ({height, top, bottom}) => height > 0 && top < innerHeight && bottom > 0;
  const charts = [...document.querySelectorAll("[data-metric]")];
  const seen = charts.filter((chart) => isSeen(chart.getBoundingClientRect()));
  return seen.length > 0 && seen.every((chart) => STAGES.includes(chart.dataset.drawn));
})()"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """When something was drawn."""

    since_ms: float  # since the navigation began, redirects included
    at_ms: float  # of the unix clock


def find_chromium() -> str | None:
    """Where the system's Chromium is."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def charts_drawn(*stages: str) -> str:
    """The condition that each chart of the dashboard that is to be seen is drawn, as one of `preview` and `plotly`."""
    return CHARTS.replace("STAGES", repr(list(stages)))


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """The browser, started."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def new_page(browser: Browser) -> Iterator[Page]:
    """A page of a profile that knows nothing yet."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    yield context.new_page()
    context.close()


def go(page: Page, address: str, *conditions: str) -> list[Seen]:
    """Opens an address and waits until conditions, expressions of JavaScript, have each come to hold on the screen.

    Raises:
        playwright.sync_api.Error: one did not in `PATIENCE_MS`.
    """
    page.add_init_script(WATCH.replace("CONDITIONS", ", ".join(f"() => {condition}" for condition in conditions)))
    page.goto(address, wait_until="commit", timeout=PATIENCE_MS)
    return [Seen(**seen) for seen in page.evaluate(WAIT, PATIENCE_MS)]
