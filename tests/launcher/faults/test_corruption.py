"""Each file of the newest checkpoint, damaged: it is passed over with a warning, and the one before is used."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launcher.checkpoints.marker import MARKER, published
from tests.launcher.faults.harness import Place, assert_nothing_lost


def truncate(path: Path) -> None:
    with path.open("ab") as file:
        file.truncate(path.stat().st_size - 1)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: list[Callable[[Path], None]] = [truncate, empty, flip_a_bit, Path.unlink]
FILES = ["shard-00000.safetensors", "shard-00001.safetensors", MARKER]


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Place]:
    """A run whose parent was killed, with checkpoints at 45 and 50."""
    made = Place(tmp_path_factory.mktemp("interrupted"), cache)
    made.fault("step", step=53, what="kill parent")
    made.train("checkpoint.async=false").wait(-9)
    yield made
    made.close()


@pytest.fixture
def copy(interrupted: Place, place: Place) -> Place:
    """A copy of that run, for a test to damage."""
    shutil.copytree(interrupted.path / "runs", place.path / "runs", dirs_exist_ok=True)
    shutil.copytree(interrupted.faults, place.faults, dirs_exist_ok=True)
    assert place.published() == [45, 50]
    return place


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "damage"),
    [pytest.param(name, damage, id=f"{name}-{damage.__name__}") for name in FILES for damage in DAMAGES],
)
def test_a_damaged_file_is_found_and_the_checkpoint_before_is_used(
    copy: Place, reference: Place, name: str, damage: Callable[[Path], None]
) -> None:
    newest = published(copy.run.checkpoints_dir)[-1]
    assert sorted(path.name for path in newest.path.iterdir()) == sorted(FILES)
    damage(newest.path / name)
    copy.resume().wait()
    assert copy.resumed() == [45]
    warnings = [event["message"] for event in copy.run.history("warning")]
    is_gone = damage is Path.unlink and name == MARKER
    words = "step_00000050 has no marker" if is_gone else "the checkpoint at step 50 is damaged"
    assert any(words in message for message in warnings), warnings
    assert_nothing_lost(copy, reference)


@pytest.mark.slow
def test_with_every_checkpoint_damaged_the_run_begins_anew_and_says_so(copy: Place, reference: Place) -> None:
    for checkpoint in published(copy.run.checkpoints_dir):
        truncate(checkpoint.path / FILES[0])
    copy.resume().wait()
    assert copy.resumed() == [0]
    assert len([event for event in copy.run.history("warning") if "passed over" in event["message"]]) == 2
    assert_nothing_lost(copy, reference)
