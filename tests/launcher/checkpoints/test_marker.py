"""A checkpoint exists whole or not at all, and what is wrong with one is found."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.checkpoints.marker import (
    MARKER,
    Checkpoint,
    begin,
    checkpoint_path,
    delete,
    publish,
    published,
    set_aside,
    sweep,
)

FILES = {"shard-00000.safetensors": b"the first part", "shard-00001.safetensors": b"the second"}
STATE = {"step": 7, "window_losses": [0.1, 1e-300], "metrics": {}}


def take(directory: Path, step: int = 7) -> Checkpoint:
    path = begin(directory, step)
    files = {}
    for name, content in FILES.items():
        (path / name).write_bytes(content)
        files[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return publish(path, state=STATE, files=files)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return take(tmp_path)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def fill_with_zeros(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)  # as after a power cut


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"?")


def remove(path: Path) -> None:
    path.unlink()


def replace_by_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = [truncate, flip_a_bit, empty, fill_with_zeros, grow, remove, replace_by_a_directory]


def test_a_checkpoint_is_sound_and_says_what_was_written(checkpoint: Checkpoint) -> None:
    assert checkpoint.flaw() is None
    assert checkpoint.read() == STATE
    assert checkpoint.file_names() == sorted(FILES)
    assert checkpoint.num_bytes() == sum(map(len, FILES.values()))
    assert checkpoint.step == 7


@pytest.mark.parametrize("name", [*FILES, MARKER])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_its_file_is_named(
    checkpoint: Checkpoint, damage: Callable[[Path], None], name: str
) -> None:
    damage(checkpoint.path / name)
    flaw = checkpoint.flaw()
    assert flaw is not None
    assert name in flaw


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_marker_is_a_value_error_and_nothing_else(
    checkpoint: Checkpoint, damage: Callable[[Path], None]
) -> None:
    damage(checkpoint.marker_path)
    for ask in (checkpoint.read, checkpoint.num_bytes, checkpoint.file_names):
        with pytest.raises(ValueError, match=MARKER):
            ask()


def test_a_marker_that_somebody_edited_is_found(checkpoint: Checkpoint) -> None:
    marker = json.loads(checkpoint.marker_path.read_text())
    marker["content"]["state"]["step"] = 8
    checkpoint.marker_path.write_text(json.dumps(marker))
    assert "other content" in str(checkpoint.flaw())


@pytest.mark.parametrize("content", ["null", "[]", "3", '{"content": 1}', '{"content": null, "sha256": ""}'])
def test_a_marker_of_another_shape_is_found(checkpoint: Checkpoint, content: str) -> None:
    checkpoint.marker_path.write_text(content)
    assert MARKER in str(checkpoint.flaw())


def test_files_can_be_shared_out(checkpoint: Checkpoint) -> None:
    first, second = sorted(FILES)
    flip_a_bit(checkpoint.path / second)
    assert checkpoint.flaw([first]) is None
    assert second in str(checkpoint.flaw([second]))


def test_checkpoints_are_found_oldest_first_and_one_without_a_marker_is_none(tmp_path: Path) -> None:
    for step in (100_000_000, 20, 3):
        take(tmp_path, step)
    begin(tmp_path, 50)
    assert [checkpoint.step for checkpoint in published(tmp_path)] == [3, 20, 100_000_000]


def test_where_there_is_no_directory_there_are_no_checkpoints(tmp_path: Path) -> None:
    assert published(tmp_path / "nowhere") == []


def test_a_copy_that_somebody_made_beside_it_is_no_checkpoint(checkpoint: Checkpoint, tmp_path: Path) -> None:
    shutil.copytree(checkpoint.path, tmp_path / "step_00000007_backup")
    shutil.copytree(checkpoint.path, tmp_path / "step_00000007_2")
    assert published(tmp_path) == [checkpoint]


def test_beginning_clears_what_an_interrupted_checkpoint_of_the_step_left(tmp_path: Path) -> None:
    (begin(tmp_path, 7) / "shard-00005.safetensors").write_bytes(b"half of")
    assert list(begin(tmp_path, 7).iterdir()) == []


def test_beginning_again_takes_the_old_marker_away(checkpoint: Checkpoint, tmp_path: Path) -> None:
    begin(tmp_path, 7)
    assert published(tmp_path) == []


def test_an_interrupted_deletion_leaves_no_checkpoint(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", interrupt)
    with pytest.raises(KeyboardInterrupt):
        delete(checkpoint)
    assert published(tmp_path) == []
    assert all((checkpoint.path / name).exists() for name in FILES)


def test_a_deleted_checkpoint_leaves_nothing(checkpoint: Checkpoint, tmp_path: Path) -> None:
    delete(checkpoint)
    assert list(tmp_path.iterdir()) == []


def test_what_was_set_aside_is_there_but_no_checkpoint_and_is_not_swept(tmp_path: Path) -> None:
    for _ in range(2):  # of the same step
        set_aside(take(tmp_path))
        sweep(tmp_path)
        assert published(tmp_path) == []
    [aside] = tmp_path.iterdir()
    assert {path.name for path in aside.iterdir()} == {*FILES, MARKER}


def test_sweeping_removes_what_has_no_marker_and_nothing_else(checkpoint: Checkpoint, tmp_path: Path) -> None:
    begin(tmp_path, 9)
    (tmp_path / "notes.txt").write_text("mine")
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", checkpoint_path(tmp_path, 7).name}


def test_a_marker_is_never_seen_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    path = begin(tmp_path, 7)
    with monkeypatch.context() as patched:
        patched.setattr(json, "dump", interrupt)
        with pytest.raises(KeyboardInterrupt):
            publish(path, state=STATE, files={})
    assert published(tmp_path) == []
