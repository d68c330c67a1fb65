"""Where a stack stands, and what the watchdog's file says."""

from __future__ import annotations

import json
import linecache
import os
import sys
import threading
from pathlib import Path

import numpy
import pytest
import torch

import launcher
import models
from launcher.training.stacks import end_stuck, is_library, locate, place, read_warnings, words

TORCH = str(Path(torch.__file__).parent)
COLLECTIVE = (f"{TORCH}/distributed/distributed_c10d.py", 3, "all_reduce")
BACKWARD = (f"{TORCH}/autograd/graph.py", 9, "_engine_run_backward")
ELASTIC = (f"{TORCH}/distributed/elastic/multiprocessing/api.py", 5, "_wrap")
OURS = (str(Path(launcher.__file__).parent / "training" / "loop.py"), 1, "take_step")

FILE = """rank 1, pid {pid}, main thread 0x00007f0000000001
Timeout (0:00:15)!
Thread 0x00007f0000000002 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 9 in run

Thread 0x00007f0000000001 (most recent call first):
  File "{file}", line 2 in forward
  File "/user/train.py", line 7 in <module>
"""


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A user's file, whose second line hangs."""
    path = tmp_path / "user_model.py"
    path.write_text("def forward(x):\n    library.hold(x)\n")
    linecache.checkcache(str(path))
    return str(path)


def test_packages_python_and_code_without_a_file_are_libraries() -> None:
    for file in (torch.__file__, numpy.__file__, json.__file__, "<frozen runpy>", "<string>"):
        assert is_library(file)


def test_what_the_user_wrote_and_what_we_wrote_is_no_library(model: str) -> None:
    for file in (model, launcher.__file__, str(Path(next(iter(models.__path__))) / "gpt.py")):
        assert not is_library(file)


def test_a_thread_stands_in_the_innermost_frame_that_is_no_library_s(model: str) -> None:
    found = place([(json.__file__, 1, "loads"), (model, 2, "forward"), OURS])
    where = {"file": model, "line": 2, "function": "forward", "source": "library.hold(x)", "ours": False}
    assert found == {"where": where, "waiting": None}


def test_a_collective_below_our_frame_means_waiting_for_others() -> None:
    found = place([COLLECTIVE, OURS, ELASTIC])
    assert found["waiting"] == "collective"
    assert found["where"]["ours"]


def test_a_backward_pass_may_wait_too() -> None:
    assert place([BACKWARD, OURS])["waiting"] == "backward"


def test_user_code_called_from_a_backward_pass_waits_for_nobody(model: str) -> None:
    assert place([(model, 2, "forward"), BACKWARD, OURS])["waiting"] is None


def test_the_agent_s_own_frames_outside_are_no_collective() -> None:
    assert place([OURS, ELASTIC])["waiting"] is None


def test_a_stack_of_libraries_alone_stands_nowhere() -> None:
    assert place([ELASTIC])["where"] is None


def test_this_thread_stands_here() -> None:
    found = locate(sys._getframe())
    assert found["where"]["file"] == __file__
    assert found["where"]["source"] == "found = locate(sys._getframe())"
    assert found["stack"].endswith("found = locate(sys._getframe())\n")


def test_the_stack_in_words_ends_with_the_innermost_frame(model: str) -> None:
    text = words([(model, 2, "forward"), OURS])
    assert text.index("loop.py") < text.index("library.hold(x)")


def test_the_stack_in_words_leaves_out_what_started_the_process(model: str) -> None:
    assert words([(model, 2, "forward"), OURS, ELASTIC, ("agent.py", 3, "launch")]) == words(
        [(model, 2, "forward"), OURS]
    )


def test_a_warning_tells_the_rank_the_seconds_and_the_stack_of_the_main_thread(tmp_path: Path, model: str) -> None:
    (tmp_path / "stacks_1.txt").write_text(FILE.format(pid=1, file=model))
    warned = read_warnings(tmp_path / "stacks_1.txt")
    assert warned is not None
    assert (warned.rank, warned.num_warnings, warned.seconds) == (1, 1, 15)
    assert warned.stack == [(model, 2, "forward"), ("/user/train.py", 7, "<module>")]


def test_a_file_without_a_warning_tells_nothing(tmp_path: Path, model: str) -> None:
    (tmp_path / "stacks_1.txt").write_text(FILE.format(pid=1, file=model).splitlines(keepends=True)[0])
    assert read_warnings(tmp_path / "stacks_1.txt") is None


def test_a_file_that_was_cut_anywhere_is_read_as_far_as_it_goes(tmp_path: Path, model: str) -> None:
    text = FILE.format(pid=1, file=model)
    for length in range(len(text)):
        (tmp_path / "stacks_1.txt").write_text(text[:length])
        read_warnings(tmp_path / "stacks_1.txt")


def test_a_process_that_is_no_child_of_ours_is_left_alone(tmp_path: Path, model: str) -> None:
    text = FILE.format(pid=os.getppid(), file=model)
    (tmp_path / "stacks_1.txt").write_text(text + text.partition("\n")[2])
    assert end_stuck(tmp_path) == []
    assert threading.main_thread().is_alive()
