"""Lines of charts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from launcher.dashboard.reading.opened import OpenRun
from launcher.dashboard.views.series import Drawing, Line, Lines, lines
from launcher.dashboard.views.smooth import smoothed
from launcher.errors import RequestError
from tests.launcher.dashboard.made import STARTED, make_run, write_wandb
from tests.launcher.dashboard.views.looked_at import opened

LOSS = "train/loss"


def append(run: Path, *events: dict[str, Any]) -> None:
    with (run / "events.jsonl").open("a") as file:
        file.writelines(json.dumps({"time": STARTED + event["step"], **event}) + "\n" for event in events)


def step(number: int, **values: float) -> dict[str, Any]:
    return {"event": "step", "step": number, "num_steps": 1000, **values}


def only(found: Lines) -> Line:
    (line,) = found.lines
    return line


def after(run: OpenRun, cursor: str, *names: str, **drawing: Any) -> Lines:
    run.read()
    return lines([run], names=names or ["*"], drawing=Drawing(**drawing), after={run.place.key: cursor})


def cursor_of(run: OpenRun) -> str:
    return lines([run], names=[]).cursors[run.place.key]


def test_a_line_has_the_points_of_its_metric(tmp_path: Path) -> None:
    make_run(tmp_path, "a", steps=40, every=10)
    run = opened(tmp_path, "a")
    line = only(lines([run], names=[LOSS]))
    assert (line.run, line.metric, line.total, line.smoothed) == (run.place.key, LOSS, 5, None)
    assert line.x.tolist() == [1.0, 10.0, 20.0, 30.0, 40.0]
    assert line.y.tolist() == run.series(LOSS).values.tolist()


def test_a_star_means_all_metrics_but_those_of_the_system(tmp_path: Path) -> None:
    make_run(tmp_path, "a")
    run = opened(tmp_path, "a")
    names = [line.metric for line in lines([run], names=["*"]).lines]
    assert {LOSS, "validation/loss"} <= set(names)
    assert not any(name.startswith("system/") for name in names)
    assert any(name.startswith("system/") for name in run.names())
    assert len(names) == len(set(names))


def test_runs_that_lack_a_metric_have_no_line(tmp_path: Path) -> None:
    make_run(tmp_path, "a")
    write_wandb(tmp_path / "wandb", run_id="b", metrics=["score"])
    found = lines([opened(tmp_path, "a"), opened(tmp_path, "b")], names=["score", "unknown"])
    assert [line.metric for line in found.lines] == ["score"]
    assert len(found.cursors) == 2


def test_the_x_axis_is_steps_time_seconds_or_tokens(tmp_path: Path) -> None:
    make_run(tmp_path, "a", steps=20, every=10, sequence_length=8)
    run = opened(tmp_path, "a")
    x = {axis: only(lines([run], names=[LOSS], drawing=Drawing(x=axis))).x for axis in ("step", "time", "tokens")}
    assert x["time"].tolist() == (STARTED + x["step"]).tolist()
    assert x["tokens"].tolist() == (x["step"] * 32 * 8).tolist()
    relative = only(lines([run], names=[LOSS], drawing=Drawing(x="relative"))).x
    assert np.diff(relative).tolist() == np.diff(x["time"]).tolist()
    assert 0 <= relative[0] < 60


def test_an_evaluation_lies_at_the_tokens_of_its_step(tmp_path: Path) -> None:
    make_run(tmp_path, "a", steps=20, every=10, sequence_length=8)
    line = only(lines([opened(tmp_path, "a")], names=["validation/loss"], drawing=Drawing(x="tokens")))
    assert line.x.tolist() == [20 * 32 * 8]


def test_a_run_without_tokens_has_no_place_on_their_axis(tmp_path: Path) -> None:
    make_run(tmp_path, "a")
    assert np.isnan(only(lines([opened(tmp_path, "a")], names=[LOSS], drawing=Drawing(x="tokens"))).x).all()


def test_a_long_line_is_thinned_and_zooming_brings_all_points_back(tmp_path: Path) -> None:
    make_run(tmp_path, "a", steps=5_000, every=1, wandb=False)
    run = opened(tmp_path, "a")
    whole = only(lines([run], names=[LOSS], drawing=Drawing(points=100)))
    assert whole.total == 5_000
    assert len(whole.x) <= 100
    part = only(lines([run], names=[LOSS], drawing=Drawing(points=100, low=1_000.0, high=1_050.0)))
    assert part.x.tolist() == list(range(999, 1_052))


def test_smoothing_knows_the_points_that_are_not_drawn(tmp_path: Path) -> None:
    make_run(tmp_path, "a", steps=2_000, every=1, wandb=False)
    run = opened(tmp_path, "a")
    whole = smoothed(run.series(LOSS).values, 0.9)
    line = only(lines([run], names=[LOSS], drawing=Drawing(points=50, smooth=0.9, low=500.0)))
    assert line.smoothed is not None
    assert line.smoothed.tolist() == whole[line.x.astype(int) - 1].tolist()


def test_nan_and_infinity_are_points(tmp_path: Path) -> None:
    values = [1.0, float("nan"), float("inf"), float("-inf"), 2.0]
    write_wandb(tmp_path / "wandb", run_id="b", rows=[{"loss": value} for value in values])
    line = only(lines([opened(tmp_path, "b")], names=["loss"], drawing=Drawing(smooth=0.5)))
    assert str(line.y.tolist()) == str(values)
    assert line.smoothed is not None
    assert str(line.smoothed.tolist()[1:4]) == str(values[1:4])


def test_after_a_cursor_come_exactly_the_points_that_are_new(tmp_path: Path) -> None:
    path = make_run(tmp_path, "a", steps=20, every=1, wandb=False, metrics={})
    run = opened(tmp_path, "a")
    first = lines([run], names=["*"])
    append(path, step(21, loss=0.5), {"event": "evaluation", "step": 20, "split": "test", "metrics": {"loss": 9.0}})
    second = after(run, first.cursors[run.place.key])
    assert {line.metric: (line.x.tolist(), line.y.tolist()) for line in second.lines} == {
        LOSS: ([21.0], [0.5]),
        "test/loss": ([20.0], [9.0]),
    }
    append(path, {"event": "evaluation", "step": 20, "split": "test", "metrics": {"loss": 8.0}})
    third = after(run, second.cursors[run.place.key])
    assert [(line.metric, line.y.tolist(), line.total) for line in third.lines] == [("test/loss", [8.0], 2)]
    assert after(run, third.cursors[run.place.key]).lines == []


def test_an_older_cursor_is_as_good(tmp_path: Path) -> None:
    path = make_run(tmp_path, "a", steps=2, every=1, wandb=False, metrics={})
    run = opened(tmp_path, "a")
    cursors = [cursor_of(run)]
    for number in range(3, 8):
        append(path, step(number, loss=1.0 * number))
        run.read()
        cursors.append(cursor_of(run))
    seen = [[line.x.tolist() for line in after(run, cursor, LOSS).lines] for cursor in cursors]
    assert seen == [[list(range(3 + place, 8))] for place in range(5)] + [[]]


def test_smoothed_values_go_on_where_the_line_ended(tmp_path: Path) -> None:
    path = make_run(tmp_path, "a", steps=300, every=1, wandb=False, metrics={})
    run = opened(tmp_path, "a")
    cursor = cursor_of(run)
    append(path, *(step(number, loss=1.0 * number) for number in range(301, 310)))
    line = only(after(run, cursor, LOSS, smooth=0.95))
    assert line.smoothed is not None
    assert line.smoothed.tolist() == smoothed(run.series(LOSS).values, 0.95)[300:].tolist()


def test_new_points_are_not_thinned(tmp_path: Path) -> None:
    path = make_run(tmp_path, "a", steps=2, every=1, wandb=False, metrics={})
    run = opened(tmp_path, "a")
    cursor = cursor_of(run)
    append(path, *(step(number, loss=1.0) for number in range(3, 500)))
    assert len(only(after(run, cursor, LOSS, points=10)).x) == 497


def test_a_run_whose_points_were_taken_back_is_read_anew(tmp_path: Path) -> None:
    path = make_run(tmp_path, "a", steps=20, every=1, wandb=False, metrics={})
    run = opened(tmp_path, "a")
    cursor = cursor_of(run)
    append(path, {"event": "resumed", "step": 10}, step(11, loss=7.0))
    found = after(run, cursor, LOSS)
    assert (found.lines, found.reset) == ([], [run.place.key])
    assert only(lines([run], names=[LOSS])).y.tolist()[-1] == 7.0
    append(path, step(12, loss=6.0))
    assert only(after(run, found.cursors[run.place.key], LOSS)).y.tolist() == [6.0]


@pytest.mark.parametrize("cursor", ["", "0-0", "g-5", "x" * 100])
def test_a_cursor_that_nobody_gave_means_to_read_anew(tmp_path: Path, cursor: str) -> None:
    make_run(tmp_path, "a")
    run = opened(tmp_path, "a")
    assert after(run, cursor).reset == [run.place.key]


def test_a_cursor_of_another_opening_is_not_taken_for_one_of_this(tmp_path: Path) -> None:
    make_run(tmp_path, "a")
    cursor = cursor_of(opened(tmp_path, "a"))
    run = opened(tmp_path, "a")
    assert after(run, cursor).reset == [run.place.key]


def test_only_the_oldest_cursors_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("launcher.dashboard.views.held.REMEMBERED", 3)
    path = make_run(tmp_path, "a", steps=2, every=1, wandb=False, metrics={})
    run = opened(tmp_path, "a")
    cursors = [cursor_of(run)]
    for number in range(3, 6):
        append(path, step(number, loss=1.0))
        run.read()
        cursors.append(cursor_of(run))
    assert [bool(after(run, cursor).reset) for cursor in cursors] == [True, False, False, False]


def test_restarts_lie_on_the_axis(tmp_path: Path) -> None:
    make_run(tmp_path, "a", steps=40, every=1, resumed=[(25, 20)], sequence_length=8, wandb=False)
    run = opened(tmp_path, "a")
    key = run.place.key
    (by_step,) = lines([run], names=[]).restarts[key]
    (by_tokens,) = lines([run], names=[], drawing=Drawing(x="tokens")).restarts[key]
    (by_time,) = lines([run], names=[], drawing=Drawing(x="time")).restarts[key]
    assert by_step == {"attempt": 1, "x": 20.0}
    assert by_tokens["x"] == 20 * 32 * 8
    assert by_time["x"] == run.restarts[0].time


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"x": "epochs"}, "use step, time, relative or tokens"),
        ({"smooth": 1.0}, "between 0 and 0.999"),
        ({"smooth": float("nan")}, "between 0 and 0.999"),
        ({"points": 0}, "between 10 and"),
    ],
)
def test_a_drawing_that_can_not_be_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Drawing(**wrong)
