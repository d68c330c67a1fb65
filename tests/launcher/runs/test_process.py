"""Whether the process of a run still lives, whatever happens to clock and pids."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from launcher.errors import RequestError
from launcher.runs import (
    Run,
    interrupt_process,
    is_alive,
    stop_process,
    this_process,
    write_json,
)
from launcher.runs.process import _started

MakeRun = Callable[..., Run]


def test_a_run_whose_process_is_alive_is_what_it_says_it_is(make_run: MakeRun) -> None:
    assert make_run("a", state="running").state == "running"


@pytest.mark.parametrize("state", ["starting", "running"])
def test_an_active_run_whose_process_is_gone_is_lost(
    make_run: MakeRun, state: str, dead_process: dict[str, Any]
) -> None:
    assert make_run("a", state=state, **dead_process).state == "lost"


def test_a_run_whose_pid_belongs_to_another_process_now_is_lost(make_run: MakeRun) -> None:
    other = subprocess.Popen(["sleep", "60"])
    try:
        assert make_run("a", state="running", **{**this_process(), "pid": other.pid}).state == "lost"
    finally:
        other.kill()
        other.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the time of creation does not move with the clock")
@pytest.mark.parametrize("moved_s", [-86400.0, 3600.0])
def test_setting_the_clock_loses_no_run(moved_s: float, make_run: MakeRun) -> None:
    process = this_process()
    run = make_run("a", state="running", **{**process, "pid_created": process["pid_created"] + moved_s})
    assert run.state == "running"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere boots are not told apart")
def test_a_run_from_before_a_reboot_is_lost(make_run: MakeRun) -> None:
    process = this_process()
    ticks = process["pid_started"].split()[1]
    assert make_run("a", state="running", **{**process, "pid_started": f"another-boot {ticks}"}).state == "lost"


@pytest.mark.parametrize(("moved_s", "state"), [(0.0, "running"), (-60.0, "lost")])
def test_a_job_that_does_not_say_when_its_process_started_is_judged_by_the_time_of_its_creation(
    moved_s: float, state: str, make_run: MakeRun
) -> None:
    process = this_process()
    run = make_run("a", state="running", **{**process, "pid_created": process["pid_created"] + moved_s})
    job = run.job
    del job["pid_started"]
    write_json(run.path / "job.json", job)
    assert Run(run.path).state == state


def test_a_process_whose_name_holds_spaces_and_brackets_is_known_again(tmp_path: Path) -> None:
    program = tmp_path / "a ) b"
    program.symlink_to(Path(sys.executable).resolve())
    code = "import json; from launcher.runs import is_alive, this_process; print(is_alive(this_process()))"
    told = subprocess.run([program, "-c", code], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert told.stdout == "True\n"


def test_a_run_whose_process_is_a_zombie_is_lost(make_run: MakeRun) -> None:
    process = subprocess.Popen(["sleep", "0.1"])
    started = _started(process.pid)
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:  # ended, and not reaped
        time.sleep(0.01)
    run = make_run("a", state="running", pid=process.pid, pid_started=started)
    try:
        assert run.state == "lost"
    finally:
        process.wait()


@pytest.mark.parametrize("pid", [None, "1", "x", -1, 0, 1.5, 10**30, [], {}])
def test_what_is_no_pid_is_no_process(pid: object) -> None:
    assert not is_alive({**this_process(), "pid": pid})


def test_a_process_that_is_described_is_interrupted_and_waited_for() -> None:
    process = sleeping()
    try:
        assert stop_process(described(process), lambda: process.poll() is None, kind="run", name="a")
        assert process.returncode == -signal.SIGINT
    finally:
        ended(process)


def test_another_process_of_the_same_pid_gets_no_signal() -> None:
    process = sleeping()
    try:
        earlier = {**described(process), "pid_started": "another-boot 1"}
        stop_process(earlier, lambda: False, kind="run", name="a")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
    finally:
        ended(process)


def test_a_process_that_has_ended_gets_no_signal(dead_process: dict[str, Any]) -> None:
    assert stop_process(dead_process, lambda: False, kind="run", name="a")


@pytest.mark.parametrize("host", ["another-machine", None])
def test_a_process_of_another_machine_is_refused(host: str | None) -> None:
    with pytest.raises(RequestError, match="type there: windlass runs stop a"):
        interrupt_process({**this_process(), "host": host}, kind="run", name="a")


def sleeping() -> subprocess.Popen[bytes]:
    """A process that a signal ends."""
    return subprocess.Popen(["sleep", "60"])


def described(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    return {**this_process(), "pid": process.pid, "pid_started": _started(process.pid)}


def ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
