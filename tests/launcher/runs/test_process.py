"""Whether the process of a run still lives, whatever happens to clock and pids."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from launcher.runs import (
    Run,
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
