"""Every address, and what is answered there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from launcher.dashboard.reading.opened import OpenRun
from launcher.dashboard.views import compare, export, logs, report, run
from launcher.dashboard.views.encoding import encode
from launcher.dashboard.views.log_search import search
from launcher.dashboard.views.series import Drawing, lines
from launcher.dashboard.views.table import table
from launcher.dashboard.web import assets, control_routes
from launcher.dashboard.web.answers import (
    MAX_RUNS,
    MissingError,
    as_file,
    as_json,
    limit,
    number,
    whole,
    words,
)
from launcher.dashboard.web.live import Thing
from launcher.dashboard.web.site import Site, site_of
from launcher.errors import RequestError

MAX_ROWS, MAX_ROWS_CSV = 5000, 1_000_000


async def info(request: Request) -> Response:
    """What this server shows."""
    site = site_of(request)

    def look() -> dict[str, Any]:
        index = site.index
        index.refresh()
        return {
            "version": version("windlass"),
            "roots": [str(root) for root in index.roots],
            "looked_for": index.looked_for,
            "allow_control": site.control is not None,
            "searched": index.searched_at is not None,
            "num_runs": len(index.rows()),
            "num_sweeps": len(index.sweeps()),
            "problems": index.problems,
            "now": time.time(),
            "language": None,
        }

    return as_json(await site.work.do(look))


async def runs(request: Request) -> Response:
    """The table of runs."""
    site = site_of(request)

    def look() -> dict[str, Any]:
        return _table(site, request, limit=whole(request, "limit", 200, low=0, high=MAX_ROWS))

    return as_json(await site.work.do(look))


async def one_run(request: Request) -> Response:
    """The facts of one run."""
    site, key = site_of(request), request.path_params["key"]

    def look() -> dict[str, Any]:
        site.index.refresh()
        return run.run_view(site.row(key), site.run(key))

    return as_json(await site.work.do(look))


async def series(request: Request) -> Response:
    """Points of metrics, as bytes."""
    site = site_of(request)
    after = dict(_pair(text) for text in request.query_params.getlist("after"))

    def look() -> bytes:
        return encode(lines(_runs(site, request), names=_metrics(request), drawing=_drawing(request), after=after))

    return Response(await site.work.do(look), media_type="application/octet-stream")


async def log(request: Request) -> Response:
    """Lines of a run's log."""
    site, given = site_of(request), request.query_params
    key, wanted = request.path_params["key"], given.get("search", "")

    def look() -> dict[str, Any]:
        found = logs.find_log(site.run(key), given.get("file", ""))
        if wanted:
            return search(found, wanted)
        offset = whole(request, "offset", -logs.PAGE_BYTES, low=-(2**53), high=2**53)
        size = whole(request, "limit", logs.PAGE_BYTES, low=1, high=logs.MOST_BYTES)
        return logs.page(found, offset=offset, limit=size)

    return as_json(await site.work.do(look))


async def compared(request: Request) -> Response:
    """Several runs, side by side."""
    site = site_of(request)
    return as_json(await site.work.do(lambda: compare.compare(_pairs(site, request))))


async def sweeps(request: Request) -> Response:
    """All sweeps in short."""
    site = site_of(request)
    return as_json(await site.work.do(site.sweeps.listing))


async def one_sweep(request: Request) -> Response:
    """One sweep whole."""
    site, key = site_of(request), request.path_params["key"]
    found = await site.work.do(site.sweeps.view, key)
    if found is None:
        raise MissingError(f"there is no sweep {key[:40]!r} here; it may have been deleted")
    return as_json(found)


async def live(request: Request) -> Response:
    """What changes, for as long as the page listens."""
    site = site_of(request)
    things: list[Thing] = [("run", key) for key in words(request, "runs")]
    things += [("sweep", key) for key in request.query_params.getlist("sweep") if key]
    things += [("log", name) for name in request.query_params.getlist("logs") if name]
    things += [("table", "")] if request.query_params.get("table") else []
    if len(things) > MAX_RUNS:
        raise RequestError(f"one page can watch {MAX_RUNS} things, not {len(things)}; choose fewer runs")
    if site.live.is_full:
        raise RequestError("too many pages listen already; close some")
    if request.method == "HEAD":  # has no end otherwise
        return Response(media_type="text/event-stream")
    events = site.live.stream(things, request.headers.get("last-event-id"))
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def series_csv(request: Request) -> Response:
    """Points of metrics, for a spreadsheet."""
    site, x = site_of(request), request.query_params.get("x") or "step"

    def look() -> Iterator[str]:
        return export.series_csv(_runs(site, request), names=_metrics(request), x=x)

    return as_file(await site.work.do(look), name="windlass-metrics.csv", media_type="text/csv")


async def runs_csv(request: Request) -> Response:
    """The table of runs, for a spreadsheet."""
    site = site_of(request)

    def look() -> str:
        return export.table_csv(_table(site, request, limit=MAX_ROWS_CSV))

    return as_file(await site.work.do(look), name="windlass-runs.csv", media_type="text/csv")


async def exported(request: Request) -> Response:
    """Runs as one page that needs no server."""
    site = site_of(request)

    def look() -> tuple[str, str]:
        pairs = _pairs(site, request)
        name = pairs[0][0].id if len(pairs) == 1 else "windlass-comparison"
        return report.report(pairs), f"{name}.html"

    content, name = await site.work.do(look)
    return as_file(content, name=name, media_type="text/html")


PAGES = ("/", "/run/{key}", "/compare", "/sweeps", "/sweep/{key}", "/launch")
ROUTES = [
    *(Route(path, assets.page) for path in PAGES),
    Route("/static/{name}", assets.static),
    Route("/plotly.js", assets.plotly),
    Route("/api/info", info),
    Route("/api/runs", runs),
    Route("/api/run/{key}", one_run),
    Route("/api/series", series),
    Route("/api/logs/{key}", log),
    Route("/api/compare", compared),
    Route("/api/sweeps", sweeps),
    Route("/api/sweep/{key}", one_sweep),
    Route("/api/live", live),
    Route("/api/csv", series_csv),
    Route("/api/table.csv", runs_csv),
    Route("/api/report", exported),
    *control_routes.ROUTES,
]


def _table(site: Site, request: Request, *, limit: int) -> dict[str, Any]:
    site.index.refresh()
    given = request.query_params
    return table(
        site.index,
        filter=given.get("filter", ""),
        sort=given.get("sort") or "-started",
        group=given.get("group", ""),
        columns=words(request, "columns") or None,
        offset=whole(request, "offset", 0, low=0, high=10**9),
        limit=limit,
        expanded=words(request, "expanded") or None,
    )


def _keys(request: Request) -> list[str]:
    keys = list(dict.fromkeys(words(request, "runs")))
    if not 0 < len(keys) <= MAX_RUNS:
        raise RequestError(f"runs= must name from 1 to {MAX_RUNS} runs by their keys, not {len(keys)}")
    return keys


def _pairs(site: Site, request: Request) -> list[compare.Pair]:
    return [(site.row(key), site.run(key)) for key in _keys(request)]


def _runs(site: Site, request: Request) -> list[OpenRun]:
    return [site.run(key) for key in _keys(request)]


def _metrics(request: Request) -> list[str]:
    given = request.query_params
    names = [*given.getlist("metric"), *words(request, "metrics")]
    if not names:
        raise RequestError("metric= must name at least one metric; metrics=* names all")
    return names


def _drawing(request: Request) -> Drawing:
    return Drawing(
        x=request.query_params.get("x") or "step",
        smooth=number(request, "smooth", 0.0),
        points=whole(request, "points", 1000, low=0, high=10**9),
        low=limit(request, "low"),
        high=limit(request, "high"),
    )


def _pair(text: str) -> tuple[str, str]:
    key, colon, cursor = text.partition(":")
    if not colon:
        raise RequestError(f"after={text[:50]} must be KEY:CURSOR")
    return key, cursor
