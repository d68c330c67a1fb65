"""What a worker prints reaches its log, or nothing, and is never an error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# Prints as a worker does, from Python and from a program it starts, with a disk that is full after so many bytes.
PROGRAM = """
import os, pathlib, resource, shutil, sys
from launcher.training.output import redirect_output

path, room, fate = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
redirect_output(path)
if fate == "vanishes":
    shutil.rmtree(path.parent)
resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
for number in range(1000):
    print("line", number, "größer \\udc80")
print("to stderr", file=sys.stderr, flush=True)
os.system("echo from a program")
assert sys.stdin.read() == ""
sys.stdout.flush()
sys.exit(7)
"""


def printed(path: Path, *, room: int = 10**9, fate: str = "") -> int:
    """The exit code of a worker that prints into the log at `path`."""
    environment = {"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": "/usr/bin:/bin"}
    arguments = [sys.executable, "-c", PROGRAM, str(path), str(room), fate]
    return subprocess.run(arguments, env=environment, capture_output=True, check=False).returncode


def test_all_that_is_printed_is_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "attempt_0" / "rank_0.log"
    assert printed(log) == 7
    lines = log.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "line 0 größer \\udc80"
    assert (len(lines), lines[-2:]) == (1002, ["to stderr", "from a program"])


@pytest.mark.parametrize("room", [0, 10, 5000])
def test_a_full_disk_ends_nothing_that_prints(room: int, tmp_path: Path) -> None:
    assert printed(tmp_path / "rank_0.log", room=room) == 7
    assert (tmp_path / "rank_0.log").stat().st_size == room


def test_a_log_directory_that_vanishes_ends_nothing_that_prints(tmp_path: Path) -> None:
    assert printed(tmp_path / "logs" / "rank_0.log", fate="vanishes") == 7


def test_a_log_that_cannot_be_opened_ends_nothing_that_prints(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    assert printed(tmp_path / "logs" / "rank_0.log") == 7
