"""`python -m tests.screenshots`: the pictures of the dashboard in docs/, of runs that are trained for them."""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from PIL import Image

from launcher.dashboard.places import make_key
from launcher.runs import Run, read_events
from tests.chromium import charts_drawn, chromium, find_chromium, go, new_page
from tests.serving import DASHBOARD, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DOCS = Path(__file__).parents[1] / "docs"
WINDLASS = (sys.executable, "-c", "from launcher.cli import main; main()")
SWEEP_ID, RUN_ID = "layers", "gpt"
SWEEP = [
    *("train", "-m", f"run_id={SWEEP_ID}", "sweep=asha", "sweep.num_trials=24", "model=mlp", "dataset=digits"),
    *("trainer.max_epochs=10", "trainer.eval_every_steps=20", "trainer.log_every_steps=5", "tracker.tags=[digits]"),
    *("optimizer.lr=tag(log,interval(1e-4,1e-1))", "model.width=16,32,64,128", "model.depth=1,2,3"),
]
SHORT = [
    ["train", "run_id=flowers", "model=linear", "dataset=iris", "tracker.tags=[baseline]"],
    ["train", "run_id=too-fast", "model=mlp", "dataset=digits", "optimizer.lr=1e38", "tracker.tags=[digits]"],
    ["train", "run_id=convolutions", "model=cnn", "dataset=digits", "trainer.max_epochs=3", "tracker.tags=[digits]"],
]
"""One of them fails, for its failure is to be seen, too."""
LONG = [
    *("train", f"run_id={RUN_ID}", "model=gpt_tiny", "dataset=python_stdlib", "engine.num_processes=2"),
    *("trainer.max_steps=1500", "trainer.eval_every_steps=100", "trainer.log_every_steps=5", "tracker.tags=[text]"),
]
LONG_STEPS = 600
"""The long run is shown once it has come so far, while it goes on."""
PATIENCE_S, SETTLED_MS = 600.0, 1000
NUM_COLOURS = 256
"""With a palette a picture of flat colours has a fifth of its size."""
TABLE = 'document.querySelector("tbody tr[data-key]")'
PLOTS = 'document.querySelector("[data-plot=slots] svg")'
"""The last that is drawn."""


def main() -> None:
    """Trains, starts the dashboard, takes the pictures."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    parser.add_argument("directory", type=Path, nargs="?", default=DOCS, help="where they go (default: docs)")
    directory: Path = parser.parse_args().directory
    path = find_chromium()
    if path is None:
        parser.error("a real Chromium takes the pictures, which is not here: apt-get install chromium")
    with TemporaryDirectory(prefix="windlass-screenshots-", ignore_cleanup_errors=True) as place:
        os.environ |= {"WINDLASS_RUNS_DIR": f"{place}/runs", "WINDLASS_CACHE_DIR": f"{place}/cache"}
        for words in (SWEEP, *SHORT):
            subprocess.run([*WINDLASS, *words], check=False)
        runs = Path(place) / "runs"
        with training(Run(runs / RUN_ID)), Server(DASHBOARD) as server, chromium(path) as browser:
            take_all(browser, server, runs, directory)


@contextmanager
def training(run: Run) -> Iterator[None]:
    """The long run, well on its way."""
    process = subprocess.Popen([*WINDLASS, *LONG])
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not any(event.get("step", 0) >= LONG_STEPS for event, _ in read_events(run.events_path)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{run.id} does not get to step {LONG_STEPS}")
            time.sleep(1.0)
        yield
    finally:
        process.terminate()
        process.wait()


def take_all(browser: Browser, server: Server, runs: Path, to: Path) -> None:
    """The table of runs, a run, a sweep."""
    run, sweep = (make_key(path.resolve(), path.name) for path in (runs / RUN_ID, runs / "sweeps" / SWEEP_ID))
    take(browser, server.page("/"), TABLE, to / "dashboard-runs.png")
    take(browser, server.page(f"/run/{run}", smooth=0.6), charts_drawn("plotly"), to / "dashboard-run.png")
    take(browser, server.page(f"/sweep/{sweep}"), PLOTS, to / "dashboard-sweep.png")


def take(browser: Browser, address: str, condition: str, to: Path) -> None:
    """One picture, once a condition holds."""
    with new_page(browser) as page:
        go(page, address, condition)
        page.wait_for_timeout(SETTLED_MS)
        picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").quantize(NUM_COLOURS, dither=Image.Dither.NONE).save(to, optimize=True)
    print(f"{to}: {to.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
