from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from launcher.dashboard.index import listing
from launcher.dashboard.index.listing import Listings


def look(listings: Listings, directory: Path) -> tuple[str, ...]:
    listings.begin()
    return listings.get(str(directory)).directories


def add(directory: Path, name: str, *, seconds_ago: float) -> None:
    """Make a directory in another that is said to have changed so long ago."""
    (directory / name).mkdir()
    moment = time.time() // 1 - seconds_ago
    os.utime(directory, (moment, moment))


def test_a_directory_that_did_not_change_is_not_listed_again(tmp_path: Path) -> None:
    listings = Listings()
    add(tmp_path, "a", seconds_ago=100)
    assert look(listings, tmp_path) == ("a",)
    moment = tmp_path.stat().st_mtime
    (tmp_path / "b").mkdir()
    os.utime(tmp_path, (moment, moment))  # as if nothing had changed
    assert look(listings, tmp_path) == ("a",)


def test_a_directory_that_changed_is_listed_again(tmp_path: Path) -> None:
    listings = Listings()
    add(tmp_path, "a", seconds_ago=100)
    look(listings, tmp_path)
    add(tmp_path, "b", seconds_ago=50)
    assert look(listings, tmp_path) == ("a", "b")


def test_a_directory_that_just_changed_is_listed_again_though_its_time_stays(tmp_path: Path) -> None:
    listings = Listings()
    add(tmp_path, "a", seconds_ago=0)
    look(listings, tmp_path)
    moment = tmp_path.stat().st_mtime
    (tmp_path / "b").mkdir()
    os.utime(tmp_path, (moment, moment))
    assert look(listings, tmp_path) == ("a", "b")


def test_times_of_directories_are_trusted_for_a_while_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listings = Listings()
    add(tmp_path, "a", seconds_ago=100)
    look(listings, tmp_path)
    moment = tmp_path.stat().st_mtime
    (tmp_path / "b").mkdir()
    os.utime(tmp_path, (moment, moment))
    monkeypatch.setattr(listing, "TRUST_S", 0.0)
    assert look(listings, tmp_path) == ("a", "b")


def test_a_directory_that_is_gone_or_a_file_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert look(Listings(), tmp_path / "gone") == ()
    assert look(Listings(), tmp_path / "file") == ()
    assert look(Listings(), tmp_path / "file" / "below") == ()


def test_links_are_no_part_of_a_listing(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "job.json").symlink_to("/etc/passwd")
    found = Listings().get(str(tmp_path))
    assert found.directories == ("real",)
    assert not found.has_job
