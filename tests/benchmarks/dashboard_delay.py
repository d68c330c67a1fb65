"""How long a point that a script logs through W&B, offline, takes to the screen."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.dashboard_page import keys_of, serve
from tests.chromium import go, new_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

METRIC = "number"
WRITER = f"""
import json, os, sys, time
os.environ["WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL"] = "1"
import wandb
run = wandb.init(project="live", mode="offline", dir=sys.argv[1], settings=wandb.Settings(silent=True))
for number in range(1000, 1_000_000):
    run.log({{"{METRIC}": number}})
    print(json.dumps([number, time.time()]), flush=True)
    time.sleep(0.7)
"""
"""Numbers from 1000 on; what it logged, and when, is told line by line."""
DRAWN = f"""document.querySelector("[data-metric='{METRIC}'][data-drawn]")"""
LAST = f"""document.querySelector("[data-metric='{METRIC}'] .last").textContent"""
LOOK_MS = 30


def delays(browser: Browser, space: Path, *, seconds: int) -> list[float]:
    """Seconds from `log()` to the screen of each point that was logged while a page was open for so long."""
    runs, told = space / "wandb-live", space / "logged"
    runs.mkdir()
    with _writing(runs, told), serve(runs, cache=space / "cache") as server:
        (key,) = keys_of(browser, server, count=1)
        with new_page(browser) as page:
            go(page, server.page(f"/run/{key}"), DRAWN)
            begun = time.time()
            seen = _watch(page, seconds=seconds)
    logged = dict(json.loads(line) for line in told.read_text().splitlines())
    found = []
    for number, at in logged.items():
        shown = [when for last, when in seen.items() if last >= number]
        if at > begun and shown:
            found.append(min(shown) - at)
    return found


def _watch(page: Page, *, seconds: int) -> dict[int, float]:
    """The numbers that the chart says to be the last, and when each came."""
    seen: dict[int, float] = {}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        last = page.evaluate(LAST).replace(",", "")
        seen.setdefault(int(last), time.time())
        page.wait_for_timeout(LOOK_MS)
    return seen


@contextmanager
def _writing(runs: Path, told: Path) -> Iterator[None]:
    with told.open("w") as output:
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(runs)], stdout=output, cwd=runs)
    try:
        yield
    finally:
        writer.terminate()
        writer.wait()
