"""Run directories: made, found and deleted."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from launcher.errors import RequestError
from launcher.runs import (
    Run,
    create_run,
    delete_run,
    find_run,
    list_runs,
    new_run_id,
    refuse_existing,
    runs_root,
    write_json,
)

MakeRun = Callable[..., Run]


def test_a_new_run_has_its_directory_and_one_for_logs(runs_dir: Path) -> None:
    run = create_run("first")
    assert run.path == runs_dir / "first"
    assert run.logs_dir.is_dir()


def test_runs_lie_in_the_working_directory_where_no_other_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WINDLASS_RUNS_DIR")
    monkeypatch.chdir(tmp_path)
    assert runs_root() == tmp_path / "runs"


def test_a_relative_runs_directory_stays_where_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDLASS_RUNS_DIR", "mine")
    monkeypatch.chdir(tmp_path)
    run = create_run("first")
    assert run.path == tmp_path / "mine" / "first"


def test_ids_that_nobody_chose_differ() -> None:
    assert len({create_run(None).id for _ in range(5)}) == 5


def test_ids_that_nobody_chose_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = new_run_id()
    in_two_seconds = time.localtime(time.time() + 2)
    monkeypatch.setattr(time, "strftime", lambda form, _now=time.strftime: _now(form, in_two_seconds))
    assert earlier < new_run_id()


def test_an_id_that_exists_is_refused_with_what_to_type() -> None:
    create_run("taken")
    with pytest.raises(RequestError, match=r"run_id=taken exists already .* windlass runs delete taken"):
        create_run("taken")


def test_refusing_an_id_leaves_the_run_that_has_it_alone() -> None:
    write_json(create_run("taken").summary_path, {"steps": 3})
    with pytest.raises(RequestError):
        create_run("taken")
    assert Run(runs_root() / "taken").summary == {"steps": 3}


def test_no_id_at_all_is_never_refused() -> None:
    create_run("taken")
    refuse_existing(None)
    refuse_existing("free")


@pytest.mark.parametrize("place", ["file", "file/runs"])
def test_a_runs_directory_that_cannot_be_made_is_refused_with_what_to_set(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("WINDLASS_RUNS_DIR", str(tmp_path / place))
    with pytest.raises(RequestError, match=r"can't be written to .*WINDLASS_RUNS_DIR"):
        create_run("first")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_runs_directory_is_refused_with_what_to_set(runs_dir: Path) -> None:
    runs_dir.mkdir()
    runs_dir.chmod(0o500)
    with pytest.raises(RequestError, match="WINDLASS_RUNS_DIR"):
        create_run("first")


def test_runs_are_listed_oldest_first_whatever_their_names(make_run: MakeRun) -> None:
    for run_id in ("b", "c", "a"):
        make_run(run_id)
    assert [run.id for run in list_runs()] == ["b", "c", "a"]


def test_a_directory_that_is_no_run_is_not_listed(make_run: MakeRun, runs_dir: Path) -> None:
    make_run("a")
    (runs_dir / "notes").mkdir()
    assert [run.id for run in list_runs()] == ["a"]


def test_there_are_no_runs_before_there_is_a_directory() -> None:
    assert list_runs() == []


def test_a_run_is_found_by_the_unique_beginning_of_its_id(make_run: MakeRun) -> None:
    make_run("20260101-a")
    make_run("20260202-b")
    assert find_run("202602").id == "20260202-b"


def test_a_whole_id_wins_over_a_longer_one_that_begins_with_it(make_run: MakeRun) -> None:
    make_run("base")
    make_run("base-2")
    assert find_run("base").id == "base"


def test_latest_is_the_run_that_was_created_last(make_run: MakeRun) -> None:
    make_run("z")
    make_run("a")
    assert find_run("latest").id == "a"


def test_an_ambiguous_beginning_is_refused_and_names_the_runs_that_match(make_run: MakeRun) -> None:
    for run_id in ("base-1", "base-2", "other"):
        make_run(run_id)
    with pytest.raises(RequestError, match=r"'base' is the beginning of 2 runs: base-1, base-2; type more"):
        find_run("base")


def test_an_unknown_name_is_refused_and_names_the_runs_there_are(make_run: MakeRun) -> None:
    make_run("mine")
    with pytest.raises(RequestError, match=r"no run is called 'yours'; the latest are mine"):
        find_run("yours")


def test_looking_for_a_run_where_there_is_none_says_where_was_looked(runs_dir: Path) -> None:
    with pytest.raises(RequestError, match="there are no runs in") as refusal:
        find_run("latest")
    assert str(runs_dir) in str(refusal.value)


def test_a_deleted_run_is_gone(make_run: MakeRun) -> None:
    run = make_run("old")
    delete_run(run)
    assert not run.path.exists()


def test_an_active_run_is_not_deleted_and_the_refusal_says_how_to_stop_it(make_run: MakeRun) -> None:
    run = make_run("busy", state="running")
    with pytest.raises(RequestError, match=r"run busy is running; stop it first: windlass runs stop busy"):
        delete_run(run)
    assert run.path.exists()


def test_a_lost_run_can_be_deleted(make_run: MakeRun, dead_process: dict[str, Any]) -> None:
    run = make_run("lost", state="running", **dead_process)
    delete_run(run)
    assert not run.path.exists()
