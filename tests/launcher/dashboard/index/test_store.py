from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.dashboard.index.store import Kept, Store, make_store, store_path
from launcher.dashboard.places import SweepPlace


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "odd #?%20 name.sqlite"
    make_store(path)
    return path


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(path)
    yield store
    store.close()


@pytest.fixture
def reader(path: Path) -> Iterator[Store]:
    reader = Store(path)
    yield reader
    reader.close()


def kept(key: str, body: bytes = b"body") -> Kept:
    return Kept(key=key, state="finished", signature="s", body=body)


def test_only_what_changed_since_a_version_is_read(store: Store, reader: Store) -> None:
    store.put([kept("a"), kept("b")])
    version = reader.facts().version
    store.put([kept("b", b"other")])
    changed = reader.changed_since(version)
    assert [(key, body, extremes) for key, _, body, extremes in changed] == [("b", b"other", None)]
    assert changed[0][1] == reader.facts().version > version


def test_extremes_stay_when_a_run_changes(store: Store) -> None:
    store.put([kept("a")])
    store.put_extremes("a", read_signature="r", extremes=b"extremes")
    store.put([kept("a", b"other")])
    assert [row[2:] for row in store.changed_since(0)] == [(b"other", b"extremes")]
    assert store.signatures() == [("a", "finished", "s", "r")]


def test_a_reader_learns_of_removed_runs(store: Store, reader: Store) -> None:
    store.put([kept("a"), kept("b")])
    version = reader.facts().version
    store.remove(["a"])
    assert reader.facts().removed > version
    assert reader.keys() == {"b"}


def test_sweeps_are_kept(store: Store, reader: Store) -> None:
    before = reader.facts().sweeps
    places = [SweepPlace(key="k", id="search", root=Path("/r"), path=Path("/r/sweeps/search"))]
    store.put_sweeps(places)
    assert reader.sweeps() == places
    assert reader.facts().sweeps > before


def test_searches_are_counted_and_what_they_complain_of_is_kept(store: Store, reader: Store) -> None:
    assert reader.facts().searches == 0
    store.end_search(problems=["trouble"])
    assert (reader.facts().searches, reader.facts().problems) == (1, ("trouble",))


def test_a_reader_sees_by_one_number_whether_anything_changed(store: Store, reader: Store) -> None:
    before = reader.data_version()
    assert reader.data_version() == before
    store.put([kept("a")])
    assert reader.data_version() != before


def test_versions_grow_over_files_that_were_made_anew(path: Path, store: Store) -> None:
    store.put([kept("a")])
    before = store.facts().version
    make_store(path)
    assert not store.is_current
    anew = Store(path)
    assert anew.is_current
    assert anew.facts().version > before
    anew.close()


def test_a_file_that_is_not_there_or_not_ready_is_refused(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        Store(tmp_path / "none.sqlite")
    (tmp_path / "empty.sqlite").touch()
    with pytest.raises(sqlite3.OperationalError, match="format 0"):
        Store(tmp_path / "empty.sqlite")


def test_a_file_of_another_format_is_refused(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 5")
    connection.close()
    with pytest.raises(sqlite3.OperationalError, match="format 5"):
        Store(path)


def test_damage_is_found(path: Path, store: Store) -> None:
    store.put([kept(str(number), bytes(3000)) for number in range(20)])
    store.close()
    content = bytearray(path.read_bytes())
    content[8192 : len(content) - 4096] = b"\xff" * (len(content) - 12288)
    path.write_bytes(content)
    damaged = Store(path)
    with pytest.raises(sqlite3.DatabaseError):
        damaged.check()
    damaged.close()


def test_roots_have_an_index_each() -> None:
    paths = {store_path(Path("/c"), roots) for roots in ([Path("/a")], [Path("/b")], [Path("/a"), Path("/b")])}
    assert len(paths) == 3
