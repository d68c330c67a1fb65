"""A prepared directory is there as a whole, or not at all."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
from pathlib import Path

import pytest

from launcher.data.cache import building, cache_dir, cache_key, is_prepared
from launcher.errors import DataError, RequestError


def build(target: Path, content: str = "{}") -> None:
    with building(target) as (directory, _):
        (directory / "manifest.json").write_text(content)


def test_the_directory_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WINDLASS_CACHE_DIR", str(tmp_path))
    assert cache_dir() == tmp_path


def test_the_default_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WINDLASS_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "windlass"


def test_the_default_without_xdg_is_in_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WINDLASS_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "windlass"


def test_the_key_changes_with_config_labels_and_source() -> None:
    keys = {
        cache_key({"kind": "text"}, labels="classes", fingerprint="a"),
        cache_key({"kind": "table"}, labels="classes", fingerprint="a"),
        cache_key({"kind": "text"}, labels="values", fingerprint="a"),
        cache_key({"kind": "text"}, labels="classes", fingerprint="b"),
    }
    assert len(keys) == 4


def test_what_was_built_is_all_that_stays(tmp_path: Path) -> None:
    build(tmp_path / "key")
    assert is_prepared(tmp_path / "key")
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt(), SystemExit(1), DataError("bad")])
def test_nothing_stays_of_what_was_broken_off(error: BaseException, tmp_path: Path) -> None:
    def break_off() -> None:
        with building(tmp_path / "key") as (directory, scratch):
            (directory / "manifest.json").write_text("{}")
            scratch.mkdir()
            raise error

    with pytest.raises(type(error)):
        break_off()
    assert list(tmp_path.iterdir()) == []


def test_the_first_of_two_wins(tmp_path: Path) -> None:
    with building(tmp_path / "key") as (directory, _):
        (directory / "manifest.json").write_text("loser")
        build(tmp_path / "key", "winner")
    assert (tmp_path / "key" / "manifest.json").read_text() == "winner"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_directory_that_lost_its_manifest_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "key" / "train").mkdir(parents=True)
    build(tmp_path / "key")
    assert [path.name for path in (tmp_path / "key").iterdir()] == ["manifest.json"]


def test_what_a_killed_process_left_is_swept_away(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = tmp_path / f".building-{socket.gethostname()}-{dead.pid}-00000000"
    alive = tmp_path / f".building-{socket.gethostname()}-{os.getpid()}-00000000"
    elsewhere = tmp_path / f".building-elsewhere-{dead.pid}-00000000"
    for directory in (left, alive, elsewhere):
        directory.mkdir()
    build(tmp_path / "key")
    assert not left.exists()
    assert alive.exists()
    assert elsewhere.exists()


def test_a_place_that_can_not_be_written_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match=r"file/cache: Not a directory; .* WINDLASS_CACHE_DIR"):
        build(tmp_path / "file" / "cache" / "key")


def test_a_full_disk_is_recognised_behind_the_error_of_a_library(tmp_path: Path) -> None:
    def fill_up() -> None:
        with building(tmp_path / "key"):
            try:
                raise OSError(errno.ENOSPC, "full")
            except OSError as error:
                raise RuntimeError("could not generate") from error

    with pytest.raises(RequestError, match=r"No space left on device; .* WINDLASS_CACHE_DIR"):
        fill_up()
    assert list(tmp_path.iterdir()) == []
