"""A `.wandb` file is read on as it grows, shrinks, is replaced and goes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launcher.dashboard.reading import framing, records
from launcher.dashboard.reading.tail import Tail
from launcher.dashboard.reading.wandb_file import WandbFile
from tests.launcher.dashboard.made import curves, frame, history_payload, write_wandb


def columns(file: WandbFile) -> dict[str, list[tuple[float, float, float]]]:
    """Step, time and value of each metric, as text so that NaN equals itself."""
    table, found = file.log.history, {}
    for name in table.known():
        column = table.column(name)
        rows = column.rows.view
        triples = zip(table.steps.view[rows], table.times.view[rows], column.values.view, strict=True)
        found[name] = [tuple(map(repr, map(float, triple))) for triple in triples]
    return found


def read(path: Path) -> WandbFile:
    file = WandbFile(path)
    file.read()
    return file


@settings(deadline=None, max_examples=25)
@given(cuts=st.lists(st.integers(0, 100_000), max_size=10), data=st.data())
def test_a_file_that_grows_in_arbitrary_cuts_gives_what_reading_it_at_once_gives(
    cuts: list[int], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("grow")
    path = write_wandb(directory, rows=60, stats=3, console=["one\n", "two\n"], config={"lr": 0.1})
    content, whole = path.read_bytes(), read(path)
    path.unlink()
    growing = WandbFile(path)
    for end in sorted([*(cut % (len(content) + 1) for cut in cuts), len(content)]):
        path.write_bytes(content[:end])
        growing.read()
    assert columns(growing) == columns(whole)
    assert growing.log.summary == whole.log.summary
    assert growing.log.config == whole.log.config == {"lr": 0.1}
    assert list(growing.log.console) == list(whole.log.console)
    assert (growing.log.exit_code, growing.problems, growing.remakes) == (0, [], 0)


def test_rows_become_columns_of_numbers(tmp_path: Path) -> None:
    rows = [
        {"loss": math.nan, "nest": {"a": 1, "b": {"c": 2.5}}, "text": "x", "flag": True, "none": None},
        {"loss": math.inf, "picture": {"_type": "image-file", "width": 3}, "list": [1]},
    ]
    file = read(write_wandb(tmp_path, rows=rows, started=100.0))
    assert columns(file) == {
        "loss": [("0.0", "100.0", "nan"), ("1.0", "101.0", "inf")],
        "nest.a": [("0.0", "100.0", "1.0")],
        "nest.b.c": [("0.0", "100.0", "2.5")],
    }


def test_rows_without_any_number_are_no_error(tmp_path: Path) -> None:
    assert columns(read(write_wandb(tmp_path, rows=[{"text": "x"}, {"text": "y"}]))) == {}


def test_nothing_new_is_no_change(tmp_path: Path) -> None:
    file = WandbFile(write_wandb(tmp_path))
    assert file.read()
    assert not file.read()


def test_a_torn_tail_is_no_problem_and_waits(tmp_path: Path) -> None:
    path = write_wandb(tmp_path, rows=30, torn=5)
    file = read(path)
    assert (file.problems, file.log.exit_code, len(file.log.history)) == ([], None, 30)


def test_a_file_that_shrinks_is_read_anew(tmp_path: Path) -> None:
    file = read(write_wandb(tmp_path, rows=50))
    write_wandb(tmp_path, rows=5)
    assert file.read()
    assert (len(file.log.history), file.remakes) == (5, 1)


def test_a_file_that_is_replaced_by_a_longer_one_is_read_anew(tmp_path: Path) -> None:
    file = read(write_wandb(tmp_path, rows=5, exit_code=None))
    write_wandb(tmp_path, rows=50, metrics=("other",))
    file.read()
    assert (file.log.history.known(), file.remakes) == (["other"], 1)


def test_a_file_that_is_deleted_keeps_what_was_read_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    path = write_wandb(tmp_path, rows=5)
    content, file = path.read_bytes(), WandbFile(path)
    path.write_bytes(content[:-5])
    file.read()
    path.unlink()
    assert not file.read()
    assert len(file.log.history) == 5
    path.write_bytes(content)
    assert file.read()
    assert (file.log.exit_code, file.remakes) == (0, 0)


def test_a_directory_in_the_place_of_a_file_is_none(tmp_path: Path) -> None:
    file = read(tmp_path)
    assert (len(file.log.history), file.problems) == (0, [])


def test_an_unknown_version_is_told_until_another_file_takes_its_place(tmp_path: Path) -> None:
    path = write_wandb(tmp_path, version=7)
    file = read(path)
    assert file.problems == ["run-made.wandb: version 7 is unknown, only 0 can be read"]
    assert len(file.log.history) == 0
    write_wandb(tmp_path, rows=3)
    file.read()
    assert (file.problems, len(file.log.history)) == ([], 3)


def test_damage_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    path = write_wandb(tmp_path, rows=500)
    content = bytearray(path.read_bytes())
    content[40_000] ^= 1
    path.write_bytes(content)
    file = read(path)
    assert file.problems == ["run-made.wandb: 2 damaged parts were skipped"]
    values = {step: row["loss"] for step, row in enumerate(curves(500))}
    column = file.log.history.column("loss")
    steps = file.log.history.steps.view[column.rows.view]
    assert 0 < len(steps) < 500
    assert [values[int(step)] for step in steps] == column.values.view.tolist()


def test_a_record_that_is_no_message_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "run-x.wandb"
    path.write_bytes(frame([b"\xff" * 30, history_payload({"_step": 4, "loss": 1.0})]))
    file = read(path)
    assert file.problems == ["run-x.wandb: 1 damaged part was skipped"]
    assert columns(file)["loss"] == [("4.0", "nan", "1.0")]


def test_a_huge_record_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_RECORD_BYTES", 1 << 20)
    path = write_wandb(tmp_path, rows=[{"loss": 1.0}, {"text": "x" * (3 << 20)}, {"loss": 2.0}])
    file = read(path)
    assert file.problems == ["run-made.wandb: 2 damaged parts were skipped"]  # the history's and the summary's
    assert [value for _, _, value in columns(file)["loss"]] == ["1.0", "2.0"]


def test_rows_that_say_no_step_are_counted_on(tmp_path: Path) -> None:
    path = tmp_path / "run-x.wandb"
    path.write_bytes(frame([history_payload({"_step": 7, "loss": 1.0}), history_payload({"loss": 2.0})]))
    assert [step for step, _, _ in columns(read(path))["loss"]] == ["7.0", "8.0"]


def test_system_metrics_stand_at_their_times(tmp_path: Path) -> None:
    table = read(write_wandb(tmp_path, stats=40, started=1000.0)).log.system
    assert table.times.view.tolist() == [1000.0 + 5 * index for index in range(40)]
    assert table.column("cpu").values.view.tolist() == [40.0 + index % 7 for index in range(40)]


def test_of_what_was_printed_the_newest_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "CONSOLE_BYTES", 100)
    log = read(write_wandb(tmp_path, console=[f"{index:10}" for index in range(50)])).log
    assert [text.strip() for _, text in log.console] == [str(index) for index in range(40, 50)]


def test_facts_are_read_without_protobuf(tmp_path: Path) -> None:
    about = {"name": "n<b>", "project": "p", "group": "g", "tags": ["t"], "notes": "why", "host": "h", "args": ["--x"]}
    info = read(write_wandb(tmp_path, started=5.5, program="-m train", **about)).log.info
    assert (info.name, info.project, info.group, info.tags, info.notes) == ("n<b>", "p", "g", ["t"], "why")
    assert (info.host, info.program, info.started) == ("h", "-m train", 5.5)
    assert info.command == ["python", "-m", "train", "--x"]


def test_an_exit_code_may_be_negative(tmp_path: Path) -> None:
    assert read(write_wandb(tmp_path, exit_code=-9)).log.exit_code == -9


def test_a_tail_remembers_where_it_stopped_only_if_its_reader_moved(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    tail = Tail(path)
    assert [piece for piece, _, _ in tail.pieces(size_of_piece=4)] == [b"xxxx", b"x" * 8, b"x" * 10]
    path.write_bytes(b"x" * 11)
    for piece, _, _ in tail.pieces():
        tail.position += len(piece)
    assert np.array_equal(list(tail.pieces()), [])
