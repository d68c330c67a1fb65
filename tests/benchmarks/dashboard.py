"""The dashboard: how fast it reads, how soon it shows, what its server costs, and trackio's page beside its own."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING

from tests.benchmarks import dashboard_reader, trackio_page
from tests.benchmarks.dashboard_delay import delays
from tests.benchmarks.dashboard_page import cpu_s, keys_of, memory_of, serve
from tests.benchmarks.dashboard_runs import growing, write_few, write_many
from tests.benchmarks.report import UNITS, Cost, Row, say
from tests.chromium import Seen, charts_drawn, chromium, find_chromium, go, new_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.serving import Server

REPEATS = 3
COMPARED = 5
COLD_S, WARM_S, CHARTS_S, DELAY_S = 6.0, 1.0, 2.0, 2.0
MEMORY_BYTES = 300e6
LIVE_CPU_S = 0.02
"""Of each second, while one page is open that gets a point a second."""
PAGE_LIMIT = 0.25

ROWS = 'document.querySelector("tbody tr[data-key]")'
FIRST_CHART = 'document.querySelector("[data-metric][data-drawn]")'
FIRST_PLOT = """document.querySelector("[data-metric][data-drawn='plotly']")"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much there is to read and to show."""

    steps: int = 10_000  # of ten metrics, in the runs that are read and those that fill a directory
    runs: int = 1_000  # in the directory
    contents: int = 20  # different files among them
    few_runs: int = 60  # that both pages show
    few_steps: int = 500
    live_s: int = 20  # how long a page stays open that gets a point a second


@dataclass(slots=True)
class Taken:
    """What was measured of a directory of many runs, once a repeat."""

    cold: list[Cost] = field(default_factory=list)
    warm: list[Cost] = field(default_factory=list)
    charts: list[Cost] = field(default_factory=list)
    memory: list[Cost] = field(default_factory=list)


def measure(space: Path, *, repeats: int | None, steps: int | None, size: Size | None = None) -> list[Row]:
    """One thing after the other, beside others in turns; pages where there is a browser, others where installed."""
    repeats, size = repeats or REPEATS, size or Size(**({} if steps is None else {"steps": steps}))
    rows = dashboard_reader.measure(space, repeats=repeats, steps=size.steps)
    path = find_chromium()
    if path is None:
        say("dashboard: no Chromium, so no page is measured; apt-get install chromium")
        return rows
    with chromium(path) as browser:
        rows += rows_of_many(browser, space, repeats=repeats, size=size)
        rows += rows_of_live(browser, space, repeats=repeats, size=size)
        rows += rows_beside_trackio(browser, space, repeats=repeats, size=size)
    return rows


def rows_of_many(browser: Browser, space: Path, *, repeats: int, size: Size) -> list[Row]:
    """A directory of many runs: until the table and charts are there, and the memory of the server."""
    say(f"dashboard: {size.runs} runs of {size.steps} steps, {size.contents} files that differ, {repeats} times")
    shown = write_many(
        Path(mkdtemp(prefix="many-", dir=space)), runs=size.runs, contents=size.contents, steps=size.steps
    )
    taken = Taken()
    for _ in range(repeats):
        look_at_many(browser, shown, cache=Path(mkdtemp(prefix="cache-", dir=space)), size=size, taken=taken)
    return [
        promised(f"{size.runs} runs, no index: the whole table", "s", taken.cold, COLD_S),
        promised(f"{size.runs} runs, second start: the table", "s", taken.warm, WARM_S),
        promised(f"charts of {COMPARED} runs of {size.steps} steps", "s", taken.charts, CHARTS_S),
        promised("most memory of the server", "MB", taken.memory, MEMORY_BYTES),
    ]


def look_at_many(browser: Browser, shown: Path, *, cache: Path, size: Size, taken: Taken) -> None:
    """Starts the server twice: without an index, and with the one that the first has left.

    The first is ended as soon as its table is full, so the second still reads runs in the background.
    """
    all_rows = f"document.querySelector('table[aria-rowcount=\"{size.runs + 1}\"]') && {ROWS}"
    with serve(shown, cache=cache) as server, memory_of(server) as held, new_page(browser) as page:
        (seen,) = go(page, server.address, all_rows)
        taken.cold.append(Cost(seen.at_ms / 1000 - server.began))
    with serve(shown, cache=cache) as server, memory_of(server) as held_again:
        with new_page(browser) as page:
            taken.warm.append(cost_of(*go(page, server.address, ROWS)))
        keys = keys_of(browser, server, count=COMPARED)
        with new_page(browser) as page:
            taken.charts.append(
                cost_of(*go(page, server.page("/compare", runs=",".join(keys)), charts_drawn("preview", "plotly")))
            )
    taken.memory.append(Cost(max(*held, *held_again)))
    cold, warm, charts, memory = (each[-1].value for each in (taken.cold, taken.warm, taken.charts, taken.memory))
    say(f"  the whole table {cold:.2f} s; again {warm:.2f} s, charts {charts:.2f} s; {memory / 1e6:.0f} MB")


def rows_of_live(browser: Browser, space: Path, *, repeats: int, size: Size) -> list[Row]:
    """While the page of a run is open: CPU of the server at a point a second; how long a point takes to the screen."""
    say(f"dashboard: a page open for {size.live_s} s, {repeats} times")
    costs, slowest = [], []
    for _ in range(repeats):
        runs, cache = (Path(mkdtemp(prefix=prefix, dir=space)) for prefix in ("live-", "cache-"))
        with growing(runs), serve(runs, cache=cache) as server:
            costs.append(Cost(cpu_of_live(browser, server, seconds=size.live_s)))
        slowest.append(Cost(max(delays(browser, Path(mkdtemp(prefix="delay-", dir=space)), seconds=size.live_s))))
    return [
        promised("CPU of the server a second, a live page open", "ms", costs, LIVE_CPU_S),
        promised("log() to the screen, the slowest point", "s", slowest, DELAY_S),
    ]


def cpu_of_live(browser: Browser, server: Server, *, seconds: int) -> float:
    """CPU seconds of each second in which a page is open.

    Raises:
        RuntimeError: the page did not get the points.
    """
    (key,) = keys_of(browser, server, count=1)
    asked: list[str] = []
    with new_page(browser) as page:
        go(page, server.page(f"/run/{key}"), FIRST_PLOT)
        page.on("request", lambda request: asked.append(request.url) if "after=" in request.url else None)
        before, begun = cpu_s(server), time.perf_counter()
        page.wait_for_timeout(1000 * seconds)
        spent = (cpu_s(server) - before) / (time.perf_counter() - begun)
    if len(asked) < seconds // 2:
        raise RuntimeError(f"in {seconds} s the page asked for new points {len(asked)} times")
    return spent


def rows_beside_trackio(browser: Browser, space: Path, *, repeats: int, size: Size) -> list[Row]:
    """The same small runs, all on one page; each time a server that was just started, and a browser without a cache."""
    if not trackio_page.is_installed():
        say("dashboard: trackio is not installed, so its page is not measured; pip install -e '.[benchmarks]'")
        return []
    say(f"dashboard: {size.few_runs} runs of {size.few_steps} points in both pages, {repeats} times")
    ours, theirs = (Path(mkdtemp(prefix=f"{side}-", dir=space)) for side in ("windlass", "trackio"))
    shown = write_few(ours, runs=size.few_runs, steps=size.few_steps)
    trackio_page.write_runs(theirs, runs=size.few_runs, steps=size.few_steps)
    looks = (lambda: look_at_ours(browser, shown, size), lambda: look_at_theirs(browser, theirs))
    seen: tuple[list[list[Cost]], list[list[Cost]]] = ([], [])
    for repeat in range(repeats):
        for side in (0, 1) if repeat % 2 == 0 else (1, 0):
            seen[side].append(looks[side]())
    first, zoomable = (list(costs) for costs in zip(*seen[0], strict=True))
    charts = [cost for (cost,) in seen[1]]
    return [
        Row(name=name, unit="s", other=trackio_page.NAME, ours=costs, theirs=charts, limit=limit)
        for name, costs, limit in (
            (f"first chart of {size.few_runs} runs of {size.few_steps} points", first, PAGE_LIMIT),
            ("the same, until it can be zoomed", zoomable, None),
        )
    ]


def look_at_ours(browser: Browser, shown: Path, size: Size) -> list[Cost]:
    """Until the first chart, and until it can be zoomed."""
    with TemporaryDirectory(prefix="windlass-index-") as cache, serve(shown, cache=Path(cache)) as server:
        keys = keys_of(browser, server, count=size.few_runs)
        with new_page(browser) as page:
            compared = server.page("/compare", runs=",".join(keys))
            return [*map(cost_of, go(page, compared, FIRST_CHART, FIRST_PLOT))]


def look_at_theirs(browser: Browser, directory: Path) -> list[Cost]:
    """Until the first chart, which can be zoomed."""
    with trackio_page.serve(directory) as server, new_page(browser) as page:
        return [*map(cost_of, go(page, server.address, trackio_page.FIRST_CHART))]


def cost_of(seen: Seen) -> Cost:
    """Of what was seen so long after the page was opened."""
    return Cost(seen.since_ms / 1000)


def promised(name: str, unit: str, costs: list[Cost], limit: float) -> Row:
    """What was measured beside what is promised, in seconds or bytes."""
    other = f"{limit * UNITS[unit]:g} {unit} promised"
    return Row(name=name, unit=unit, other=other, ours=costs, theirs=[Cost(limit)] * len(costs), limit=1.0)
