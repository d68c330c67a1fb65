from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.dashboard.index.picture import Picture
from launcher.dashboard.index.rows import encode
from launcher.dashboard.index.store import Kept, Store, make_store
from launcher.dashboard.places import WINDLASS, Place, SweepPlace, make_key
from launcher.dashboard.reading.glance import Glance

RUNS = Path("/runs")
SWEEP = SweepPlace(key="s" * 12, id="search", root=RUNS, path=RUNS / "sweeps" / "search")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    make_store(tmp_path / "index.sqlite")
    store = Store(tmp_path / "index.sqlite")
    yield store
    store.close()


def kept(run_id: str, *, started: float | None = 1.0, sweep: str | None = None) -> Kept:
    path = RUNS / run_id
    place = Place(key=make_key(path, run_id), id=run_id, kind=WINDLASS, root=RUNS, path=path)
    body = encode(place, Glance(state="finished", name=run_id, started=started, sweep=sweep))
    return Kept(key=place.key, state="finished", signature="s", body=body)


def ids(picture: Picture) -> list[str]:
    return [row.id for row in picture.rows]


def test_rows_are_newest_first_and_those_without_a_start_last(store: Store) -> None:
    store.put([kept("none", started=None), kept("old", started=1.0), kept("new", started=2.0)])
    picture = Picture()
    assert picture.take(store)
    assert ids(picture) == ["new", "old", "none"]


def test_a_picture_follows_its_store(store: Store) -> None:
    picture = Picture()
    store.put([kept("a"), kept("b")])
    picture.take(store)
    before = picture.row(kept("a").key)
    store.put([kept("b", started=5.0), kept("c", started=9.0)])
    store.remove([kept("d").key])
    assert picture.take(store)
    assert ids(picture) == ["c", "b", "a"]
    assert picture.row(kept("a").key) is before


def test_removed_runs_are_gone(store: Store) -> None:
    picture = Picture()
    store.put([kept("a"), kept("b")])
    picture.take(store)
    store.remove([kept("a").key])
    picture.take(store)
    assert ids(picture) == ["b"]
    assert picture.place(kept("a").key) is None


def test_a_search_that_found_nothing_new_changes_nothing(store: Store) -> None:
    picture = Picture()
    picture.take(store)
    store.end_search(problems=[])
    assert not picture.take(store)
    store.end_search(problems=["trouble"])
    assert picture.take(store)


def test_trials_know_the_key_of_their_sweep_once_it_is_found(store: Store) -> None:
    picture = Picture()
    store.put([kept("search-000", sweep="search"), kept("alone-000", sweep="gone")])
    picture.take(store)
    assert [row.sweep_key for row in picture.rows] == [None, None]
    store.put_sweeps([SWEEP])
    picture.take(store)
    assert {row.id: row.sweep_key for row in picture.rows} == {"search-000": SWEEP.key, "alone-000": None}
    store.put_sweeps([])
    picture.take(store)
    assert [row.sweep_key for row in picture.rows] == [None, None]


def test_a_file_that_was_made_anew_replaces_all(store: Store) -> None:
    picture = Picture()
    store.put([kept("a")])
    picture.take(store)
    make_store(store.path)
    anew = Store(store.path)
    anew.put([kept("b")])
    picture.take(anew)
    assert ids(picture) == ["b"]
    anew.close()
