"""Files that readers never see half-written, and lines that survive what happens to their neighbours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.runs import (
    Run,
    create_run,
    open_regular,
    read_events,
    read_json,
    write_json,
)

MakeRun = Callable[..., Run]


def test_a_line_still_being_written_is_no_event_yet() -> None:
    run = create_run("a")
    run.report("step", step=1)
    with run.events_path.open("a") as file:
        file.write('{"event": "step", "step": 2, "metrics": {"loss": 0.5}')
    assert [event["step"] for event in run.history()] == [1]


def test_reading_on_from_an_offset_gets_the_line_that_was_half_written() -> None:
    run = create_run("a")
    run.report("step", step=1)
    with run.events_path.open("a") as file:
        file.write('{"event": "step", "st')
    ((_, offset),) = read_events(run.events_path)
    with run.events_path.open("a") as file:
        file.write('ep": 2}\n')
    assert [event["step"] for event, _ in read_events(run.events_path, offset=offset)] == [2]


def test_text_beyond_ascii_does_not_shift_the_offset() -> None:
    run = create_run("a")
    run.report("warning", message="größer als 1 µs 你好")
    ((_, offset),) = read_events(run.events_path)
    assert offset == run.events_path.stat().st_size


def test_a_file_that_is_not_there_reads_as_an_empty_object(tmp_path: Path) -> None:
    assert read_json(tmp_path / "none.json") == {}


READER = """
import json, pathlib, sys
path, seen = pathlib.Path(sys.argv[1]), set()
print("ready", flush=True)
while True:
    value = json.loads(path.read_text())
    assert len(value["filling"]) == value["length"], value["length"]
    seen.add(value["length"])
    if value["done"]:
        sys.exit(0)
"""


def test_a_reader_in_another_process_never_sees_a_part_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    write_json(path, {"done": False, "length": 0, "filling": ""})
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    for number in range(200):
        length = 20_000 * (number % 5)
        write_json(path, {"done": number == 199, "length": length, "filling": "x" * length})
    _, errors = reader.communicate()
    assert reader.returncode == 0, errors


def test_a_value_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    write_json(path, {"state": "running"})
    with pytest.raises(TypeError):
        write_json(path, {"state": object()})
    assert read_json(path) == {"state": "running"}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", ["", '{"state": "runn', "[1]"])
def test_a_file_that_a_power_failure_left_unreadable_reads_as_an_empty_object(content: str, tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(content)
    assert read_json(tmp_path / "job.json") == {}


def test_a_file_is_written_into_a_directory_that_is_gone(tmp_path: Path) -> None:
    write_json(tmp_path / "logs" / "attempt_0" / "failure_0.json", {"rank": 0})
    assert read_json(tmp_path / "logs" / "attempt_0" / "failure_0.json") == {"rank": 0}


@pytest.mark.parametrize("left", ['{"event": "step", "st', '{"event": "step", "step": 2}', "\x00\x00"])
def test_what_a_killed_writer_left_spoils_no_other_line(left: str) -> None:
    run = create_run("a")
    run.report("step", step=1)
    with run.events_path.open("a") as file:
        file.write(left)
    run.report("resumed", step=1)
    run.report("step", step=2)
    assert [event["step"] for event in run.history()] == [1, 2]


def test_an_offset_beyond_the_end_reads_a_file_that_was_made_anew_from_its_beginning() -> None:
    run = create_run("a")
    run.report("step", step=1)
    assert [event["step"] for event, _ in read_events(run.events_path, offset=10_000)] == [1]


def test_what_is_no_regular_file_is_none_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text('{"state": "running"}')
    (tmp_path / "link.json").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    for name in ("link.json", "pipe.json", "folder.json"):
        assert read_json(tmp_path / name) == {}
        with pytest.raises(FileNotFoundError):
            open_regular(tmp_path / name)


def test_json_that_is_too_large_or_too_deep_reads_as_an_empty_object(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}")
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(1 << 40)
    assert read_json(tmp_path / "deep.json") == read_json(tmp_path / "large.json") == {}
