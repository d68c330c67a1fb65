from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from launcher.dashboard.index import discover as discover_module
from launcher.dashboard.index.discover import Search, discover
from launcher.dashboard.index.listing import Listings
from launcher.dashboard.index.store import store_path
from launcher.dashboard.places import WANDB, WINDLASS
from tests.launcher.dashboard.made import STARTED, make_run, make_sweep, write_wandb


def ids(*roots: Path) -> list[str]:
    return sorted(place.id for place in discover(roots).places)


def test_a_directory_of_runs_gives_its_runs_and_sweeps(tmp_path: Path) -> None:
    run = make_run(tmp_path, "one")
    make_sweep(tmp_path, "search", trials=2)
    found = discover([tmp_path])
    places = {place.id: place for place in found.places}
    assert sorted(places) == ["one", "search-000", "search-001"]
    assert (places["one"].kind, places["one"].path, places["one"].root) == (WINDLASS, run, tmp_path)
    assert [file.name for file in places["one"].files] == ["run-one.wandb"]
    assert [(sweep.id, sweep.path) for sweep in found.sweeps] == [("search", tmp_path / "sweeps" / "search")]


def test_one_run_directory_is_a_root(tmp_path: Path) -> None:
    assert ids(make_run(tmp_path, "one")) == ["one"]


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_anybodys_wandb_directory_is_found_from_itself_or_above(tmp_path: Path, depth: int) -> None:
    file = write_wandb(tmp_path / "project" / "wandb", run_id="theirs")
    (place,) = discover([file.parents[1 + depth]]).places
    assert (place.id, place.kind, place.path, place.files) == ("theirs", WANDB, file.parents[1], (file,))


def test_one_wandb_file_is_a_root(tmp_path: Path) -> None:
    file = write_wandb(tmp_path, run_id="theirs")
    write_wandb(tmp_path, run_id="another")
    assert ids(file) == ["theirs"]


def test_a_run_has_the_same_key_from_whichever_root(tmp_path: Path) -> None:
    file = write_wandb(tmp_path / "wandb", run_id="theirs")
    keys = {
        place.key for root in (tmp_path, tmp_path / "wandb", file.parent, file) for place in discover([root]).places
    }
    assert len(keys) == 1


def test_attempts_of_a_run_are_one_place_oldest_first(tmp_path: Path) -> None:
    files = [write_wandb(tmp_path, run_id="theirs", started=STARTED + 1000 * n) for n in (2, 0, 1)]
    (place,) = discover([tmp_path]).places
    assert place.files == (files[1], files[2], files[0])


def test_an_attempt_that_was_synchronised_stands_where_its_time_says(tmp_path: Path) -> None:
    first, second = (write_wandb(tmp_path, run_id="theirs", started=STARTED + 1000 * n) for n in range(2))
    online = first.parent.rename(first.parent.with_name(first.parent.name.removeprefix("offline-"))) / first.name
    (place,) = discover([tmp_path]).places
    assert place.files == (online, second)


def test_what_lies_too_deep_is_not_found(tmp_path: Path) -> None:
    make_run(tmp_path / "a" / "b" / "c", "found")
    make_run(tmp_path / "a" / "b" / "c" / "d", "lost")
    assert ids(tmp_path) == ["found"]


@pytest.mark.parametrize("name", ["checkpoints", "model", ".hidden"])
def test_some_directories_are_not_looked_into(tmp_path: Path, name: str) -> None:
    make_run(tmp_path / name, "one")
    assert ids(tmp_path) == []


def test_what_lies_in_a_run_is_no_other_run(tmp_path: Path) -> None:
    run = make_run(tmp_path, "one")
    make_run(run, "inside")
    write_wandb(run / "logs", run_id="inside")
    assert ids(tmp_path) == ["one"]


def test_symbolic_links_are_not_followed(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    make_run(outside, "secret")
    file = write_wandb(outside / "wandb", run_id="secret")
    (root / "offline-run-x").mkdir(parents=True)
    (root / "linked").symlink_to(outside)
    (root / "offline-run-x" / "run-x.wandb").symlink_to(file)
    run = make_run(root, "one", wandb=False)
    (run / "wandb").symlink_to(outside / "wandb")
    (place,) = discover([root]).places
    assert (place.id, place.files) == ("one", ())


def test_a_root_may_be_a_symbolic_link(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs", "one")
    (tmp_path / "link").symlink_to(tmp_path / "runs")
    assert [place.path for place in discover([tmp_path / "link"]).places] == [run]


def test_what_lies_in_several_roots_is_found_once(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs", "one")
    assert ids(tmp_path, tmp_path / "runs", run) == ["one"]


def test_runs_that_come_and_go_are_seen_by_the_next_search(tmp_path: Path) -> None:
    search = Search([tmp_path])
    old = make_run(tmp_path, "old")
    assert [place.id for place in search.run().places] == ["old"]
    shutil.rmtree(old)
    make_run(tmp_path, "new")
    assert [place.id for place in search.run().places] == ["new"]


def test_a_place_that_did_not_change_stays_the_same_object(tmp_path: Path) -> None:
    search = Search([tmp_path])
    make_run(tmp_path, "one")
    assert search.run().places[0] is search.run().places[0]


def test_a_directory_without_runs_says_what_was_looked_for(tmp_path: Path) -> None:
    found = discover([tmp_path])
    assert found.looked_for == f"run directories (job.json) and W&B runs (*.wandb) in {tmp_path}"
    assert (found.places, found.problems) == ((), ())


def test_a_root_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    assert discover([tmp_path / "nowhere"]).problems == (f"{tmp_path / 'nowhere'} does not exist",)


def test_a_file_system_that_does_not_answer_leaves_a_search_incomplete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get(self: Listings, directory: str) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(Listings, "get", get)
    found = discover([tmp_path])
    assert not found.is_whole
    assert found.problems == (f"{tmp_path} can't be read: Stale file handle",)


def test_a_root_with_too_many_directories_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discover_module, "MAX_DIRECTORIES", 3)
    for number in range(5):
        make_run(tmp_path, f"run-{number}", wandb=False)
    found = discover([tmp_path])
    assert len(found.places) == 2
    assert "only 3 directories were searched" in found.problems[0]


def test_a_name_that_is_no_utf_8_is_a_name(tmp_path: Path) -> None:
    path = make_run(tmp_path, "a", wandb=False)
    path.rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    (place,) = discover([tmp_path]).places
    assert (os.fsencode(place.id), len(place.key)) == (b"\xff", 12)
    assert store_path(tmp_path, [place.path]).name.endswith(".sqlite")
