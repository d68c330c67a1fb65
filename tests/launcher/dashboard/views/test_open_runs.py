"""Runs that somebody looks at stay open."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np

from launcher.dashboard.reading.opened import OpenRun
from launcher.dashboard.views.open_runs import OpenRuns
from launcher.dashboard.views.series import lines
from tests.launcher.dashboard.made import make_run, write_wandb
from tests.launcher.dashboard.views.looked_at import Listed, place_of

LOSS = "train/loss"


def open_runs(root: Path, *, max_bytes: int = 1 << 30) -> OpenRuns:
    return OpenRuns(Listed(root), max_bytes=max_bytes)  # type: ignore[arg-type]


def get(runs: OpenRuns, root: Path, run_id: str) -> OpenRun:
    run = runs.get(place_of(root, run_id).key)
    assert run is not None
    return run


def test_a_run_is_opened_once_and_read_on(tmp_path: Path) -> None:
    path = make_run(tmp_path, "a", steps=20, every=1, wandb=False)
    runs = open_runs(tmp_path)
    run = get(runs, tmp_path, "a")
    with (path / "events.jsonl").open("a") as file:
        file.write('{"event": "step", "time": 1.0, "step": 21, "loss": 0.25}\n')
    assert get(runs, tmp_path, "a") is run
    assert run.series(LOSS).values[-1] == 0.25


def test_another_attempt_of_a_run_is_read_too(tmp_path: Path) -> None:
    write_wandb(tmp_path / "wandb", run_id="b", rows=5, started=1_700_000_000.0)
    runs = open_runs(tmp_path)
    run = get(runs, tmp_path, "b")
    write_wandb(tmp_path / "wandb", run_id="b", rows=5, first_step=5, started=1_700_000_100.0)
    assert get(runs, tmp_path, "b") is run
    assert run.series("loss").steps.tolist() == list(range(10))


def test_a_run_that_was_deleted_is_closed(tmp_path: Path) -> None:
    path = make_run(tmp_path, "a")
    runs = open_runs(tmp_path)
    key = get(runs, tmp_path, "a").place.key
    shutil.rmtree(path)
    assert runs.get(key) is None
    assert runs.nbytes == 0


def test_runs_that_were_not_used_for_longest_are_closed_first(tmp_path: Path) -> None:
    for run_id in "abc":
        make_run(tmp_path, run_id, wandb=False)
    size = get(open_runs(tmp_path), tmp_path, "a").nbytes
    runs = open_runs(tmp_path, max_bytes=int(2.5 * size))
    first, second = get(runs, tmp_path, "a"), get(runs, tmp_path, "b")
    get(runs, tmp_path, "a")
    get(runs, tmp_path, "c")
    assert runs.nbytes <= 2.5 * size
    assert get(runs, tmp_path, "a") is first
    assert get(runs, tmp_path, "b") is not second


def test_a_run_that_is_larger_than_allowed_is_shown_all_the_same(tmp_path: Path) -> None:
    make_run(tmp_path, "a", wandb=False)
    runs = open_runs(tmp_path, max_bytes=1)
    assert get(runs, tmp_path, "a") is get(runs, tmp_path, "a")


def test_threads_that_read_while_a_run_grows_see_whole_lines(tmp_path: Path) -> None:
    path = make_run(tmp_path, "a", steps=10, every=1, wandb=False)
    runs, wrong = open_runs(tmp_path), []
    key = get(runs, tmp_path, "a").place.key

    def look() -> None:
        for _ in range(30):
            run = runs.get(key)
            assert run is not None
            for line in lines([run], names=[LOSS]).lines:
                steps = line.x[9:]
                if len(line.x) != len(line.y) or not np.array_equal(steps, 10.0 + np.arange(len(steps))):
                    wrong.append(line)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    with (path / "events.jsonl").open("a") as file:
        for number in range(11, 400):
            file.write(f'{{"event": "step", "time": 1.0, "step": {number}, "loss": 1.0}}\n')
            file.flush()
    for thread in threads:
        thread.join()
    assert wrong == []
