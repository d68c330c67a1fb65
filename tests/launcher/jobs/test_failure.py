"""Why a run failed, told from run directories made by hand."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
import torch

from launcher.engines.engine import Outcome
from launcher.jobs.failure import LOG_LINES, Failure, explain
from launcher.runs import Run, write_json

CLOSED = "[../gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:60158"
TRACEBACK = 'Traceback (most recent call last):\n  File "model.py", line 7, in forward\nValueError: boom\n'
KILLED = "killed by the system (host memory)"


class Scene:
    """What the ranks of one attempt left behind."""

    def __init__(self, run: Run, *, attempt: int = 0) -> None:
        self.run = run
        self.attempt = attempt

    def log(self, rank: int, text: bytes = b"") -> None:
        """A rank that began."""
        path = self.run.log_path(attempt=self.attempt, rank=rank)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text)

    def raised(self, rank: int, kind: str, message: str, **values: Any) -> None:
        """A rank that recorded its own end."""
        self.log(rank)
        record = {
            "rank": rank,
            "attempt": self.attempt,
            "time": 1.0,
            "type": kind,
            "bases": [kind, "Exception", "BaseException", "object"],
            "message": message,
            "expected": False,
            "phase": "training",
            "step": 7,
            "traceback": TRACEBACK,
        }
        write_json(self.run.rank_failure_path(attempt=self.attempt, rank=rank), {**record, **values})

    def left(self, rank: int) -> None:
        """A rank that was stopped, and left in order."""
        self.log(rank)
        self.run.left_path(attempt=self.attempt, rank=rank).touch()

    def explain(self, exit_code: int = 1, failed_rank: int | None = 0) -> Failure:
        return explain(self.run, Outcome(exit_code=exit_code, attempt=self.attempt, failed_rank=failed_rank))


@pytest.fixture
def scene(make_run: Callable[..., Run]) -> Scene:
    return Scene(make_run(state="running"))


def test_an_error_of_its_own_beats_the_broken_connection_of_a_peer_that_was_earlier(scene: Scene) -> None:
    scene.raised(0, "RuntimeError", CLOSED, time=1.0)
    scene.raised(1, "ValueError", "boom", time=2.0)
    failure = scene.explain()
    assert (failure.cause, failure.rank, failure.message) == ("user code", 1, "ValueError: boom")


def test_of_two_errors_the_earlier_one_is_the_cause(scene: Scene) -> None:
    scene.raised(0, "KeyError", "'late'", time=2.0)
    scene.raised(1, "ValueError", "early", time=1.0)
    assert scene.explain().rank == 1


def test_a_rank_that_said_nothing_beats_the_broken_connection_of_its_peer(scene: Scene) -> None:
    scene.raised(0, "RuntimeError", CLOSED)
    scene.log(1)
    failure = scene.explain()
    assert (failure.cause, failure.rank) == (KILLED, 1)


def test_an_error_beats_a_rank_that_said_nothing(scene: Scene) -> None:
    scene.raised(0, "ValueError", "boom")
    scene.log(1)
    assert (scene.explain().cause, scene.explain().rank) == ("user code", 0)


def test_a_rank_that_left_in_order_is_not_suspected(scene: Scene) -> None:
    scene.raised(0, "RuntimeError", CLOSED)
    scene.left(1)
    failure = scene.explain()
    assert (failure.cause, failure.rank) == ("communication", 0)


def test_where_all_lost_their_connection_the_first_to_lose_it_is_named(scene: Scene) -> None:
    scene.raised(0, "RuntimeError", CLOSED, time=2.0)
    scene.raised(1, "RuntimeError", CLOSED, time=1.0)
    failure = scene.explain()
    assert (failure.cause, failure.rank) == ("communication", 1)


def test_a_worker_killed_by_sigkill_is_put_down_to_the_host_s_memory(scene: Scene) -> None:
    scene.log(0)
    scene.left(1)
    failure = scene.explain(-signal.SIGKILL)
    assert (failure.cause, failure.rank) == (KILLED, 0)
    assert "SIGKILL" in failure.message


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_worker_ended_by_a_stop_signal_was_interrupted(scene: Scene, signum: signal.Signals) -> None:
    scene.log(0)
    failure = scene.explain(-signum)
    assert failure.cause == "interrupted"
    assert signum.name in failure.message


def test_workers_that_the_agent_stopped_for_a_signal_of_its_own_were_interrupted(scene: Scene) -> None:
    scene.left(0)
    scene.left(1)
    assert scene.explain(128 + signal.SIGTERM, None).cause == "interrupted"


def test_a_crash_in_native_code_names_its_signal(scene: Scene) -> None:
    scene.log(0)
    failure = scene.explain(-signal.SIGSEGV)
    assert failure.cause == "user code"
    assert "SIGSEGV" in failure.message


def test_a_worker_that_exits_by_itself_names_its_exit_code(scene: Scene) -> None:
    scene.log(0)
    assert "exit code 3" in scene.explain(3).message


def test_the_log_s_own_traceback_is_not_told_twice(scene: Scene) -> None:
    scene.log(0, b"step 1/3\nTraceback (most recent call last):\n  File x\nValueError: no\n")
    assert scene.explain(-signal.SIGKILL).log_tail == ["step 1/3"]


def test_where_no_worker_started_the_log_of_the_agent_tells(scene: Scene) -> None:
    scene.run.agent_log_path.write_text("ImportError: no such engine\n")
    failure = scene.explain(1, None)
    assert failure.rank is None
    assert str(scene.run.agent_log_path) in failure.message
    assert failure.log_tail == ["ImportError: no such engine"]


CAUSES = [
    ("NonFiniteError", "the loss became non-finite at step 3", "non-finite loss"),
    (
        "OutOfMemoryError",
        "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.11 GiB of which 3.69 GiB is "
        "free. Including non-PyTorch memory, this process has 75.41 GiB memory in use.",
        "out of memory on device",
    ),
    ("RuntimeError", "CUDA error: out of memory", "out of memory on device"),
    (
        "RuntimeError",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "out of memory on device",
    ),
    (
        "RuntimeError",
        "MPS backend out of memory (MPS allocated: 8.10 GB, other allocations: 512.00 MB, max allowed: 9.07 GB).",
        "out of memory on device",
    ),
    ("MemoryError", "", KILLED),
    ("OSError", "[Errno 12] Cannot allocate memory", KILLED),
    ("DataError", "shard-00000.arrow is damaged", "data"),
    ("ArrowInvalid", "Not an Arrow file", "data"),
    (
        "RuntimeError",
        "[../gloo/transport/tcp/unbound_buffer.cc:78] Timed out waiting 600000ms for recv operation to complete",
        "timeout",
    ),
    ("DistStoreError", "Timed out after 601 seconds waiting for clients. 1/2 clients joined.", "timeout"),
    (
        "DistBackendError",
        "[PG ID 0 PG GUID 0 Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=3, OpType=ALLREDUCE)",
        "timeout",
    ),
    ("RuntimeError", CLOSED, "communication"),
    ("DistNetworkError", "The client socket has failed to connect to [localhost]:29500", "communication"),
    ("DistBackendError", "NCCL error in: ../torch/csrc/distributed/c10d/NCCLUtils.hpp:268", "communication"),
    ("ConnectionResetError", "[Errno 104] Connection reset by peer", "communication"),
    ("KeyboardInterrupt", "", "interrupted"),
    ("ZeroDivisionError", "division by zero", "user code"),
    ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (4x3 and 4x3)", "user code"),
    ("ValueError", "timeout_s=-1 must be positive", "user code"),
    ("TypeError", "Net.__init__() got an unexpected keyword argument 'timeout'", "user code"),
    ("KeyError", "'gloo'", "user code"),
]


@pytest.mark.parametrize(("kind", "message", "cause"), CAUSES)
def test_the_cause_is_recognised_by_the_error(scene: Scene, kind: str, message: str, cause: str) -> None:
    scene.raised(0, kind, message)
    assert scene.explain().cause == cause


def test_the_message_of_torch_s_own_allocator_is_recognised(scene: Scene) -> None:
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**60, dtype=torch.uint8)
    scene.raised(0, "RuntimeError", str(error.value))
    assert scene.explain().cause == KILLED


@pytest.mark.parametrize(
    ("kind", "base", "cause"), [("_ArrayMemoryError", "MemoryError", KILLED), ("ColumnError", "DataError", "data")]
)
def test_an_error_is_also_recognised_by_what_it_derives_from(scene: Scene, kind: str, base: str, cause: str) -> None:
    scene.raised(0, kind, "Unable to go on", bases=[kind, base, "Exception", "BaseException", "object"])
    assert scene.explain().cause == cause


@pytest.mark.parametrize(("kind", "message", "cause"), CAUSES)
def test_every_cause_says_what_to_type_next(scene: Scene, kind: str, message: str, cause: str) -> None:
    scene.raised(0, kind, message)
    advice = scene.explain().advice
    assert "windlass " in advice or "=" in advice
    assert "{" not in advice


def test_advice_about_logs_names_the_run(scene: Scene) -> None:
    scene.raised(0, "RuntimeError", CLOSED)
    assert "windlass runs logs the-run" in scene.explain().advice


def test_an_error_of_the_user_s_code_shows_its_traceback(scene: Scene) -> None:
    scene.raised(0, "ValueError", "boom")
    assert scene.explain().traceback == TRACEBACK


def test_an_error_that_we_raise_on_purpose_shows_none(scene: Scene) -> None:
    scene.raised(0, "NonFiniteError", "the loss became non-finite at step 7", expected=True)
    assert scene.explain().traceback == ""


def test_step_and_phase_are_those_of_the_rank_that_failed(scene: Scene) -> None:
    scene.raised(0, "RuntimeError", CLOSED, step=8)
    scene.raised(1, "ValueError", "boom", step=7, phase="finishing")
    failure = scene.explain()
    assert (failure.step, failure.phase) == (7, "finishing")


def test_after_a_sudden_death_the_step_is_the_last_reported_one(scene: Scene) -> None:
    scene.run.report("step", step=40)
    scene.log(0)
    assert scene.explain(-signal.SIGKILL).step == 40


def test_the_tail_is_the_end_of_the_failing_rank_s_log(scene: Scene) -> None:
    scene.log(0, b"another rank's\n")
    scene.raised(1, "ValueError", "boom")
    scene.log(1, b"".join(b"line %d\n" % number for number in range(100)))
    assert scene.explain().log_tail == [f"line {number}" for number in range(100 - LOG_LINES, 100)]


def test_a_log_that_is_not_utf_8_is_shown_all_the_same(scene: Scene) -> None:
    scene.log(0, b"caf\xe9\n")
    assert scene.explain(-signal.SIGKILL).log_tail == ["caf\N{REPLACEMENT CHARACTER}"]


def test_only_the_last_attempt_is_explained(scene: Scene) -> None:
    Scene(scene.run, attempt=0).raised(0, "ValueError", "first", time=1.0)
    second = Scene(scene.run, attempt=1)
    second.raised(0, "KeyError", "second", time=2.0)
    failure = second.explain()
    assert (failure.attempt, failure.message) == (1, "KeyError: second")


def test_what_was_found_is_in_the_run_directory(scene: Scene) -> None:
    scene.raised(0, "ValueError", "boom {braces} and all")
    assert asdict(scene.explain()) == scene.run.failure
