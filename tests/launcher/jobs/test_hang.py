"""Which rank hangs: told from records made by hand, and from those of real ranks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import launcher
from launcher.engines.engine import Outcome
from launcher.jobs.failure import Failure, explain
from launcher.jobs.hang import find_hang
from launcher.runs import Run, write_json
from launcher.runs.hang import flight_path, hang_path, stacks_path
from launcher.training.vigil import HANG_EXIT_CODE

CLOSED = "[../gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:60158"
STACKS = """rank {rank}, pid 1, main thread 0x00007f0000000001
Timeout (0:00:15)!
Thread 0x00007f0000000001 (most recent call first):
  File "/user/native.py", line 2 in solve
Timeout (0:00:15)!
Thread 0x00007f0000000001 (most recent call first):
  File "/user/native.py", line 3 in solve
"""


class Scene:
    """What the ranks of one attempt left behind."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.directory = run.log_path(attempt=0, rank=0).parent

    def log(self, rank: int) -> None:
        """A rank that began."""
        self.directory.mkdir(exist_ok=True)
        self.run.log_path(attempt=0, rank=rank).touch()

    def hangs(self, rank: int, *, file: str = "/user/user_model.py", line: int = 31, **values: Any) -> None:
        """A rank that gave up."""
        self.log(rank)
        where = {"file": file, "line": line, "function": "forward", "source": "time.sleep(1000)", "ours": False}
        record = {
            "rank": rank,
            "time": 100.0,
            "seconds": 60.2,
            "phase": "training",
            "step": 12,
            "changes": 1,
            "stepping": True,
            "where": where,
            "waiting": None,
            "stack": f'  File "{file}", line {line}, in forward\n',
        }
        write_json(hang_path(self.directory, rank), {**record, **values})

    def stuck(self, rank: int, *, num_warnings: int = 2) -> None:
        """A rank whose watchdog wrote for it."""
        self.log(rank)
        lines = STACKS.format(rank=rank).splitlines(keepends=True)
        stacks_path(self.directory, rank).write_text("".join(lines[: 1 + 3 * num_warnings]))

    def raised(self, rank: int, kind: str, message: str, *, time: float = 101.0) -> None:
        """A rank that recorded its own end."""
        self.log(rank)
        record = {
            "rank": rank,
            "time": time,
            "type": kind,
            "bases": [kind, "Exception"],
            "message": message,
            "expected": False,
            "phase": "training",
            "step": 13,
            "traceback": "",
        }
        write_json(self.run.rank_failure_path(attempt=0, rank=rank), record)

    def left(self, rank: int) -> None:
        """A rank that a signal ended in order."""
        self.log(rank)
        self.run.left_path(attempt=0, rank=rank).touch()

    def explain(self, exit_code: int = HANG_EXIT_CODE, failed_rank: int | None = 0) -> Failure:
        return explain(self.run, Outcome(exit_code=exit_code, attempt=0, failed_rank=failed_rank))


@pytest.fixture
def scene(make_run: Callable[..., Run]) -> Scene:
    return Scene(make_run(state="running"))


def test_a_rank_that_hangs_is_named_with_step_and_line(scene: Scene) -> None:
    scene.hangs(1)
    failure = scene.explain()
    assert (failure.cause, failure.rank, failure.step, failure.phase) == ("hang", 1, 12, "training")
    assert failure.message == (
        "rank 1 has made no step for 60 s after step 12: "
        "it stands at /user/user_model.py:31 in forward: time.sleep(1000)"
    )


def test_a_file_below_the_working_directory_is_shown_from_there(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scene.hangs(1, file=str(tmp_path / "user_model.py"))
    assert "it stands at user_model.py:31 in forward" in scene.explain().message


def test_the_advice_names_the_stacks_and_the_timeout(scene: Scene) -> None:
    scene.hangs(1)
    advice = scene.explain().advice
    assert str(stacks_path(scene.directory, 1)) in advice
    assert "engine.step_timeout_s=120" in advice


def test_the_rank_with_the_lowest_step_is_blamed(scene: Scene) -> None:
    scene.hangs(0, step=13, waiting=None)
    scene.hangs(1, step=12, waiting="collective")
    assert scene.explain().rank == 1


def test_a_rank_before_its_first_step_lags_behind_all(scene: Scene) -> None:
    scene.hangs(0, step=1)
    scene.hangs(1, step=None, stepping=False, phase="building the model")
    failure = scene.explain()
    assert failure.rank == 1
    assert "no progress for 60 s (phase: building the model)" in failure.message
    assert "engine.phase_timeout_s" in failure.advice


@pytest.mark.parametrize("waiting", ["collective", "backward"])
def test_among_equals_the_one_that_waits_for_no_other_is_blamed(scene: Scene, waiting: str) -> None:
    scene.hangs(0, waiting=waiting)
    scene.hangs(1, waiting=None, seconds=59.0)
    scene.hangs(2, waiting=waiting)
    assert scene.explain().rank == 1


def test_a_rank_that_wrote_nothing_is_blamed_where_others_waited(scene: Scene) -> None:
    scene.hangs(0, waiting="collective")
    scene.log(1)
    failure = scene.explain(failed_rank=0)
    assert (failure.cause, failure.rank, failure.step) == ("hang", 1, 12)
    assert "SIGSTOP" in failure.message
    assert str(stacks_path(scene.directory, 0)) in failure.advice


def test_a_rank_that_a_signal_ended_in_order_is_not_blamed(scene: Scene) -> None:
    scene.hangs(0)
    scene.left(1)
    assert scene.explain().rank == 0


def test_native_code_that_keeps_python_from_running_is_blamed(scene: Scene) -> None:
    scene.hangs(0, step=12, waiting="collective")
    scene.stuck(1)
    scene.log(2)
    failure = scene.explain()
    assert (failure.cause, failure.rank, failure.step) == ("hang", 1, 12)
    assert "after step 12, in native code" in failure.message
    assert "it stands at /user/native.py:3 in solve" in failure.message
    assert "native.py" in failure.traceback


def test_native_code_alone_is_found_with_the_last_reported_step(scene: Scene) -> None:
    scene.run.report("step", step=40)
    scene.stuck(0)
    failure = scene.explain(-signal.SIGKILL)
    assert (failure.cause, failure.rank, failure.step) == ("hang", 0, 40)
    assert "no step for 30 s after step 40" in failure.message


def test_a_peer_that_lost_its_connection_tells_the_step_of_native_code(scene: Scene) -> None:
    scene.run.report("step", step=10)
    scene.stuck(0)
    scene.raised(1, "RuntimeError", CLOSED)
    assert scene.explain(-signal.SIGKILL).step == 12


def test_where_nobody_knows_the_step_none_is_named(scene: Scene) -> None:
    scene.stuck(0)
    failure = scene.explain(-signal.SIGKILL)
    assert failure.step is None
    assert "after step" not in failure.message


def test_one_warning_counts_where_others_waited_and_not_else(scene: Scene) -> None:
    scene.stuck(1, num_warnings=1)
    assert find_hang(scene.run, 0) is None
    scene.hangs(0, waiting="collective")
    found = find_hang(scene.run, 0)
    assert found is not None
    assert found.rank == 1


def test_ranks_that_all_wait_for_each_other_are_told_so(scene: Scene) -> None:
    scene.hangs(0, waiting="collective")
    scene.hangs(1, waiting="collective")
    assert "wait for each other" in scene.explain().message


def test_a_hang_beats_the_connection_that_its_end_broke(scene: Scene) -> None:
    scene.hangs(1)
    scene.raised(0, "RuntimeError", CLOSED, time=99.0)
    assert (scene.explain().cause, scene.explain().rank) == ("hang", 1)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_a_hang_beats_the_signal_that_ended_another_rank(scene: Scene, signum: signal.Signals) -> None:
    scene.hangs(1)
    scene.left(0)
    assert scene.explain(-signum).cause == "hang"


def test_an_error_that_came_before_is_what_the_others_waited_for(scene: Scene) -> None:
    scene.hangs(0, waiting="collective")
    scene.raised(1, "ValueError", "boom", time=40.0)
    assert (scene.explain().cause, scene.explain().rank) == ("user code", 1)


def test_an_error_that_came_after_is_not(scene: Scene) -> None:
    scene.hangs(0)
    scene.raised(1, "ValueError", "the other side is gone", time=103.0)
    assert scene.explain().cause == "hang"


def test_an_attempt_in_which_nobody_gave_up_has_no_hang(scene: Scene) -> None:
    scene.raised(0, "ValueError", "boom")
    scene.log(1)
    assert find_hang(scene.run, 0) is None


def test_what_was_found_is_in_the_run_directory(scene: Scene) -> None:
    scene.hangs(1)
    assert asdict(scene.explain()) == scene.run.failure


ENOUGH_S = 300
"""Ends a test that would wait for ever."""

RANK = """
import os, sys, time
from pathlib import Path
from types import SimpleNamespace
import torch
import torch.distributed as dist
from launcher.training.vigil import Vigil

rank, logs, store = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
vigil = Vigil(logs, rank=rank, progress=SimpleNamespace(phase="training"))
vigil.start()
(logs / f"rank_{rank}.log").touch()
dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
vigil.limit(step_timeout_s=5, phase_timeout_s=None)
with vigil.steps():
    for step in range(1, 100):
        if rank == 1 and step == 3:
            print("hangs", flush=True)
            time.sleep(1000)
        dist.all_reduce(torch.ones(1))
        vigil.step_done(step)
"""


@pytest.fixture
def ranks(scene: Scene, tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Two real ranks, of which the second hangs after step 2."""
    (tmp_path / "user_train.py").write_text(RANK)
    scene.directory.mkdir()
    started = [
        subprocess.Popen(
            [sys.executable, str(tmp_path / "user_train.py"), str(rank), str(scene.directory), str(tmp_path / "store")],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(launcher.__file__).parents[1]),
                "GLOO_SOCKET_IFNAME": "lo0" if sys.platform == "darwin" else "lo",
                "TORCH_FR_BUFFER_SIZE": "100",
            },
        )
        for rank in range(2)
    ]
    yield started
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_of_two_real_ranks_the_one_that_sleeps_is_named(scene: Scene, ranks: list[subprocess.Popen[str]]) -> None:
    codes = [process.wait(ENOUGH_S) for process in ranks]
    assert HANG_EXIT_CODE in codes
    failure = scene.explain()
    assert (failure.cause, failure.rank, failure.step) == ("hang", 1, 2)
    assert "user_train.py:19 in <module>: time.sleep(1000)" in failure.message
    assert "after step 2" in failure.message
    assert "time.sleep(1000)" in failure.traceback
    assert b"all_reduce" in flight_path(scene.directory, 0).read_bytes()


@pytest.mark.slow
def test_of_two_real_ranks_the_one_that_is_stopped_is_named(scene: Scene, ranks: list[subprocess.Popen[str]]) -> None:
    stdout = ranks[1].stdout
    assert stdout is not None
    assert stdout.readline() == "hangs\n"
    ranks[1].send_signal(signal.SIGSTOP)
    assert ranks[0].wait(ENOUGH_S) == HANG_EXIT_CODE
    failure = scene.explain()
    assert (failure.cause, failure.rank, failure.step) == ("hang", 1, 2)
    assert "has not answered" in failure.message
