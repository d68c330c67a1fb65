"""Workers that hang or lose their parent: real processes, real stops, real locks."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import launcher
from launcher.training.stacks import end_stuck, place, read_warnings
from launcher.training.vigil import HANG_EXIT_CODE

ROOT = str(Path(launcher.__file__).parents[1])
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the death of a parent is a signal on Linux alone")

WATCHED = """
import ctypes, sys, time
from pathlib import Path
from types import SimpleNamespace
from launcher.training.vigil import Vigil

def ready():
    print("ready", flush=True)

def watch(directory, rank=0, **timeouts):
    vigil = Vigil(Path(directory), rank=rank, progress=SimpleNamespace(phase="training"))
    vigil.start()
    vigil.limit(**{"step_timeout_s": None, "phase_timeout_s": None, **timeouts})
    return vigil
"""
AGENT = """
import multiprocessing, sys
import worker
if __name__ == "__main__":
    process = multiprocessing.get_context(sys.argv[1]).Process(target=worker.main)
    process.start()
    print(process.pid, flush=True)
    process.join()
"""
WAYS = {
    "busy": "ready()\n    while True: pass",
    "holding the lock": "ready(); ctypes.PyDLL(None).sleep(120)",
    "without the kernel's help": "ctypes.CDLL(None).prctl(1, 0); ready(); time.sleep(120)",
}

ENOUGH_S = 300
"""Ends a test that would wait for ever."""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a worker whose main thread does what `body` says, with `vigil` at hand; it ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def run(body: str, *, rank: int = 0, **timeouts: Any) -> subprocess.Popen[str]:
        script = tmp_path / f"user_code_{rank}.py"
        logs = str(tmp_path / "logs")
        script.write_text(f"{WATCHED}\nvigil = watch({logs!r}, rank={rank}, **{timeouts!r})\n{body}\nvigil.close()\n")
        process = subprocess.Popen(
            [sys.executable, str(script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": ROOT},
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def record(logs: Path, rank: int = 0) -> dict[str, Any]:
    return json.loads((logs / f"hang_{rank}.json").read_text())


def loop(*lines: str) -> str:
    """A step loop in which step 1 is done and then comes what the lines say."""
    body = "\n".join(f"    {line}" for line in ("vigil.step_done(1)", "ready()", *lines))
    return f"with vigil.steps():\n{body}"


def wait_for_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


@contextlib.contextmanager
def agent_with_worker(tmp_path: Path, body: str, method: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """An agent whose worker does what `body` says; yields the agent and the worker's pid."""
    (tmp_path / "agent.py").write_text(AGENT)
    main = f"def main():\n    watch({str(tmp_path)!r})\n    {body}\n"
    (tmp_path / "worker.py").write_text(WATCHED + main)
    agent = subprocess.Popen(
        [sys.executable, "agent.py", method],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ROOT},
    )
    assert agent.stdout is not None
    said = {agent.stdout.readline().strip(), agent.stdout.readline().strip()} - {"ready"}
    worker = int(said.pop())
    try:
        yield agent, worker
    finally:
        agent.kill()
        agent.communicate()
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def is_gone(pid: int, *, within_s: float = 10.0) -> bool:
    """Whether a process ends in time; the promise is 10 seconds."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.1)
                continue
        return True
    return False


@on_linux
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("way", WAYS)
def test_a_worker_ends_with_its_agent(tmp_path: Path, way: str, method: str) -> None:
    with agent_with_worker(tmp_path, WAYS[way], method) as (agent, worker):
        agent.kill()
        agent.wait()
        assert is_gone(worker)


@on_linux
def test_a_stopped_worker_ends_with_its_agent(tmp_path: Path) -> None:
    with agent_with_worker(tmp_path, "ready(); time.sleep(120)", "fork") as (agent, worker):
        os.kill(worker, signal.SIGSTOP)
        agent.kill()
        agent.wait()
        assert is_gone(worker)


def test_a_step_that_sleeps_for_ever_is_found_and_the_line_is_named(start: Start, logs: Path) -> None:
    process = start(loop("time.sleep(1000)"), step_timeout_s=1)
    assert process.wait(ENOUGH_S) == HANG_EXIT_CODE
    found = record(logs)
    assert (found["rank"], found["step"], found["stepping"], found["phase"]) == (0, 1, True, "training")
    assert (found["where"]["source"], found["where"]["function"]) == ("time.sleep(1000)", "<module>")
    assert Path(found["where"]["file"]).name == "user_code_0.py"
    assert found["waiting"] is None
    assert found["seconds"] > 1
    assert "user_code_0.py" in (logs / "stacks_0.txt").read_text()


def test_native_code_that_holds_the_lock_is_found_by_the_watchdog_and_ended_by_the_parent(
    start: Start, logs: Path
) -> None:
    process = start(loop("time.sleep(1.5)", "ctypes.PyDLL(None).sleep(1000)"), step_timeout_s=4)
    ended: list[int] = []
    while process.poll() is None:
        ended += end_stuck(logs)
        time.sleep(0.2)
    assert (process.returncode, ended) == (-signal.SIGKILL, [0])
    warned = read_warnings(logs / "stacks_0.txt")
    assert warned is not None
    assert warned.pid == process.pid
    assert place(warned.stack)["where"]["source"] == "ctypes.PyDLL(None).sleep(1000)"


@pytest.mark.slow
def test_steps_that_go_on_are_no_hang(start: Start, logs: Path) -> None:
    process = start(
        loop("for step in range(10):", "    time.sleep(0.5)", "    vigil.step_done(step)"), step_timeout_s=3
    )
    assert process.wait(ENOUGH_S) == 0
    assert not list(logs.iterdir())


def test_the_first_step_may_take_longer_than_a_step(start: Start) -> None:
    body = "with vigil.steps():\n    time.sleep(2.5)\n    vigil.step_done(1)"
    assert start(body, step_timeout_s=1).wait(ENOUGH_S) == 0


@pytest.mark.slow
def test_the_first_step_has_the_limit_of_a_phase(start: Start, logs: Path) -> None:
    assert start("with vigil.steps():\n    time.sleep(60)", phase_timeout_s=1).wait(ENOUGH_S) == HANG_EXIT_CODE
    assert (record(logs)["step"], record(logs)["stepping"]) == (None, False)


def test_a_phase_inside_the_loop_may_take_longer_than_a_step(start: Start) -> None:
    assert start(loop("with vigil.phase('evaluation'):", "    time.sleep(2.5)"), step_timeout_s=1).wait(ENOUGH_S) == 0


def test_what_follows_the_loop_may_take_longer_than_a_step(start: Start) -> None:
    assert start(loop() + "\ntime.sleep(2.5)", step_timeout_s=1).wait(ENOUGH_S) == 0


@pytest.mark.slow
def test_a_phase_that_hangs_is_named(start: Start, logs: Path) -> None:
    process = start(loop("with vigil.phase('evaluation'):", "    time.sleep(60)"), phase_timeout_s=1)
    assert process.wait(ENOUGH_S) == HANG_EXIT_CODE
    assert (record(logs)["phase"], record(logs)["step"], record(logs)["stepping"]) == ("evaluation", 1, False)


@pytest.mark.slow
def test_an_endless_loop_is_found_too(start: Start, logs: Path) -> None:
    assert start(loop("while True:", "    pass"), step_timeout_s=1).wait(ENOUGH_S) == HANG_EXIT_CODE
    assert record(logs)["where"]["source"] in ("while True:", "pass")


def test_without_a_timeout_nothing_is_written(start: Start, logs: Path) -> None:
    assert start(loop("time.sleep(1)")).wait(ENOUGH_S) == 0
    assert not logs.exists()


@pytest.mark.slow
def test_a_worker_that_was_stopped_for_longer_than_the_timeout_goes_on(start: Start, logs: Path) -> None:
    work = ("for _ in range(20):", "    time.sleep(0.1)")
    process = start(loop(*work, "vigil.step_done(2)", *work), step_timeout_s=5)
    wait_for_ready(process)
    process.send_signal(signal.SIGSTOP)
    time.sleep(8)
    assert end_stuck(logs) == []
    process.send_signal(signal.SIGCONT)
    assert process.wait(ENOUGH_S) == 0
    assert not list(logs.iterdir())


@pytest.mark.slow
def test_a_worker_that_hangs_after_it_was_stopped_is_found(start: Start, logs: Path) -> None:
    process = start(loop("time.sleep(1000)"), step_timeout_s=3)
    wait_for_ready(process)
    process.send_signal(signal.SIGSTOP)
    time.sleep(4)
    process.send_signal(signal.SIGCONT)
    assert process.wait(ENOUGH_S) == HANG_EXIT_CODE
    assert record(logs)["where"]["source"] == "time.sleep(1000)"


@pytest.mark.slow
def test_where_one_gives_up_the_others_write_where_they_stand(start: Start, logs: Path) -> None:
    patient = start(loop("time.sleep(1000)"), rank=1)
    wait_for_ready(patient)
    hasty = start(loop("time.sleep(1001)"), rank=0, step_timeout_s=8)
    assert (hasty.wait(ENOUGH_S), patient.wait(ENOUGH_S)) == (HANG_EXIT_CODE, HANG_EXIT_CODE)
    assert record(logs, 1)["where"]["source"] == "time.sleep(1000)"


def test_a_log_directory_that_vanished_ends_no_training(start: Start, logs: Path) -> None:
    work = ("for step in range(8):", "    time.sleep(0.5)", "    vigil.step_done(step)")
    process = start(loop(*work), step_timeout_s=3)
    wait_for_ready(process)
    shutil.rmtree(logs, ignore_errors=True)
    assert process.wait(ENOUGH_S) == 0


@pytest.mark.slow
def test_a_hang_without_a_log_directory_ends_all_the_same(start: Start, logs: Path) -> None:
    logs.write_text("a file where the directory should be")
    assert start(loop("time.sleep(1000)"), step_timeout_s=1).wait(ENOUGH_S) == HANG_EXIT_CODE
