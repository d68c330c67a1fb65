"""A run, or several side by side, as one HTML file that opens without a server: no script, nothing from elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from launcher import words
from launcher.dashboard.reading.opened import SYSTEM
from launcher.dashboard.views.compare import compare
from launcher.dashboard.views.markup import Markup, tag
from launcher.dashboard.views.report_style import COLOURS, STYLE
from launcher.dashboard.views.run import run_view
from launcher.dashboard.views.series import Drawing, Line, lines
from launcher.dashboard.views.svg import Curve, chart

if TYPE_CHECKING:
    from launcher.dashboard.index.index import Row
    from launcher.dashboard.reading.opened import OpenRun

POINTS = 400
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def report(pairs: Sequence[tuple[Row, OpenRun]]) -> str:
    """The file's content."""
    rows, runs = [row for row, _ in pairs], [run for _, run in pairs]
    views = [run_view(row, run) for row, run in pairs]
    title = " · ".join(str(row.glance.name) for row in rows)
    body = tag(
        "body",
        tag("h1", title),
        tag("p", f"written {_date(time.time())}", class_="muted"),
        _overview(rows, views),
        [_failure(view) for view in views if view["failure"]],
        _charts(runs),
        _comparison(compare(pairs)),
        [_plan(view) for view in views if view["plan"]],
        [_history(view) for view in views],
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width"),
        tag("title", title),
        tag("style", Markup(STYLE)),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _overview(rows: Sequence[Row], views: Sequence[dict[str, Any]]) -> Markup:
    names = ("", "run", "state", "started", "duration", "device-hours", "model", "dataset", "tags", "command")
    lines = []
    for place, (row, view) in enumerate(zip(rows, views, strict=True)):
        seen = row.glance
        cells = (
            tag("i", class_=f"swatch fill-{place % COLOURS}"),
            seen.name,
            tag("span", seen.state, class_=f"state {seen.state}"),
            None if seen.started is None else _date(seen.started),
            None if row.duration is None else words.duration(row.duration),
            None if seen.device_hours is None else f"{seen.device_hours:.4f}",
            seen.model,
            seen.dataset,
            ", ".join(seen.tags),
            None if view["command"] is None else tag("code", view["command"]),
        )
        lines.append(cells)
    used = [place for place in range(len(names)) if any(cells[place] for cells in lines)]
    return tag("section", _table([names[n] for n in used], [[cells[n] for n in used] for cells in lines]))


def _charts(runs: Sequence[OpenRun]) -> Markup:
    found = lines(runs, names=["*"], drawing=Drawing(points=POINTS))
    system = [name for name in dict.fromkeys(name for run in runs for name in run.names()) if name.startswith(SYSTEM)]
    machines = lines(runs, names=system, drawing=Drawing(points=POINTS, x="relative"))
    restarts = [each["x"] for key in found.restarts for each in found.restarts[key]] if len(runs) == 1 else []
    return tag(
        "section",
        tag("h2", "Charts"),
        _figures(runs, found.lines, "step", restarts),
        tag("details", tag("summary", "System"), _figures(runs, machines.lines, "seconds", [])) if system else None,
    )


def _figures(runs: Sequence[OpenRun], drawn: Sequence[Line], below: str, restarts: Sequence[float]) -> Markup:
    colours = {run.place.key: place % COLOURS for place, run in enumerate(runs)}
    ids = {run.place.key: run.place.id for run in runs}
    figures = []
    drawn = [line for line in drawn if line.total > 1]  # the table of metrics says all of the others
    for name in dict.fromkeys(line.metric for line in drawn):
        curves = [
            Curve(x=line.x, y=line.y, colour=colours[line.run], name=ids[line.run])
            for line in drawn
            if line.metric == name
        ]
        caption = tag("figcaption", name, " ", tag("span", f"by {below}", class_="muted"))
        figures.append(tag("figure", caption, chart(curves, restarts=restarts)))
    return tag("div", figures or tag("p", "Nothing was logged more than once.", class_="muted"), class_="charts")


def _comparison(compared: dict[str, Any]) -> list[Markup]:
    names = [run["name"] for run in compared["runs"]]
    several = len(names) > 1
    metrics = [
        (metric["name"], *(_ends(metric, place) for place in range(len(names)))) for metric in compared["metrics"]
    ]
    config = [
        (tag("b", row["key"]) if several and row["differs"] else row["key"], *map(_value, row["values"]))
        for row in compared["config"]
    ]
    return [
        tag("section", tag("h2", "Metrics"), _table(("last (least to most)", *names), metrics)),
        tag("section", tag("h2", "Config"), _table(("key", *names), config)),
    ]


def _ends(metric: dict[str, Any], place: int) -> str | None:
    last, least, most = (metric[end][place] for end in ("last", "min", "max"))
    if last is None:
        return None
    return _value(last) if least in (None, most) else f"{_value(last)} ({_value(least)} to {_value(most)})"


def _failure(view: dict[str, Any]) -> Markup:
    failure = view["failure"]
    place = ((name, failure.get(name)) for name in ("rank", "attempt", "phase", "step", "exit_code"))
    tail = failure.get("log_tail")
    return tag(
        "section",
        tag("h2", f"Why {view['name']} failed: {failure.get('cause', 'unknown')}"),
        tag("p", failure.get("message")),
        tag("p", ", ".join(f"{name} {value}" for name, value in place if value is not None), class_="muted"),
        tag("p", tag("b", "Next: "), failure["advice"]) if failure.get("advice") else None,
        tag("pre", failure["traceback"]) if failure.get("traceback") else None,
        tag("pre", "\n".join(map(str, tail))) if isinstance(tail, list) and tail else None,
        class_="failure",
    )


def _plan(view: dict[str, Any]) -> Markup:
    rows = [("plan", name, _value(value)) for name, value in view["plan"].items()]
    rows += [("measured", name, _measure(name, value)) for name, value in view["measured"].items()]
    return tag("section", tag("h2", f"Plan and measurements of {view['name']}"), _table(("", "what", "value"), rows))


def _history(view: dict[str, Any]) -> Markup | None:
    restarts = [
        ("restart", _value(each["step"]), _date(each["time"]), f"attempt {each['attempt']}")
        for each in view["restarts"]
    ]
    warnings = [("warning", None, _date(each.get("time")), each.get("message")) for each in view["warnings"]]
    problems = [("problem", None, None, each) for each in view["problems"]]
    rows = [*restarts, *warnings, *problems]
    if not rows:
        return None
    return tag("section", tag("h2", f"What happened in {view['name']}"), _table(("", "step", "time", "what"), rows))


def _table(names: Sequence[Any], rows: Sequence[Sequence[Any]]) -> Markup:
    head = tag("thead", tag("tr", [tag("th", name) for name in names]))
    body = tag("tbody", [tag("tr", [tag("td", cell) for cell in row]) for row in rows])
    return tag("div", tag("table", head, body), class_="wide")


def _value(value: Any) -> str | None:
    """A number in short, anything else as it is in JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"
    return json.dumps(value, ensure_ascii=False)


def _measure(name: str, value: Any) -> str | None:
    is_number = isinstance(value, int | float)
    return words.size(value) if is_number and name.endswith("_bytes") else _value(value)


def _date(unix: Any) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(unix))
    except (TypeError, ValueError, OverflowError, OSError):  # a clock that jumped, or a damaged file
        return str(unix)
