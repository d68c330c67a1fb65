"""W&B for real: what is in its file, where its files lie, and that it never ends the training."""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from wandb.proto.wandb_internal_pb2 import Record

from tests.launcher.wandb_file import read_records

# Workers in short, forked from a process that has imported all they need, as the local engine does it. Each starts a
# tracker, logs, and ends; its fate is to lose W&B's service, to have it hang, or to be one of several attempts.
WORKERS = """
import json, os, pathlib, signal, sys, time
import psutil
from launcher.config.schema import TrackerConfig
from launcher.runs import Run
from launcher.training import tracking
from launcher.training.tracking import WandbTracker

def signal_service(number):
    for child in psutil.Process().children(recursive=True):
        child.send_signal(number)
        if number == signal.SIGKILL:
            child.wait()

def work(directory, fate, steps):
    directory.mkdir(parents=True, exist_ok=True)
    warnings = []
    mode = fate.get("mode", "offline")
    config = TrackerConfig(name="wandb", mode=mode, project="the-project", group="the-group", tags=["one", "two"])
    tracker = WandbTracker(Run(directory), config, warn=warnings.append)
    tracker.start()
    tracker.store_init_configuration({"model": {"width": 7}, "optimizer": {"lr": 0.25}})
    for step in steps:
        tracker.log({"train/loss": 1.0 / step}, step=step)
        if fate.get("kill"):
            signal_service(signal.SIGKILL)
    if fate.get("hang"):
        signal_service(signal.SIGSTOP)
        for step in range(steps[-1], 20_000):  # more than any buffer on the way takes
            tracker.log({f"train/{number}": float(step) for number in range(8)}, step=step)
            if step % 10 == 0:
                print("said to the console", step)
        if fate["hang"] == "noticed":
            tracking.STALL_TIMEOUT_S = 0.1
            time.sleep(0.2)
            tracker.log({"train/loss": 1.0}, step=20_000)
        tracking.LEAVE_TIMEOUT_S = 0.5
    print("said to the console")
    tracker.summarize({"test/accuracy": 0.75})
    tracker.exit_code = 3
    tracker.finish()
    left = [child.pid for child in psutil.Process().children() if child.status() == psutil.STATUS_STOPPED]
    (directory / "ended.json").write_text(json.dumps({"warnings": warnings, "left": left}))

for name, fate in json.loads(sys.argv[2]).items():
    if os.fork() == 0:
        os.environ.update(fate.get("env", {}))
        for steps in fate.get("attempts", [[10, 20, 30]]):
            if os.fork() == 0:
                work(pathlib.Path(sys.argv[1], name, "the-run"), fate, steps)
                os._exit(0)
            os.wait()
        os._exit(0)
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
"""
KEY = "0123456789012345678901234567890123456789"


@dataclass(frozen=True, slots=True)
class Tracked:
    """What a worker left in its run directory."""

    path: Path

    @property
    def warnings(self) -> list[str]:
        return self.ended["warnings"]

    @property
    def ended(self) -> dict[str, Any]:
        """What the worker said last."""
        return json.loads((self.path / "ended.json").read_text())

    def files(self) -> list[Path]:
        """The offline file of each attempt, in their order."""
        return sorted(self.path.glob("wandb/offline-run-*/*.wandb"))

    def records(self) -> list[Record]:
        """Everything in the offline files."""
        return [record for path in self.files() for record in read_records(path.read_bytes())]

    def of_type(self, name: str) -> list[Any]:
        return [getattr(record, name) for record in self.records() if record.WhichOneof("record_type") == name]


class Refusing(http.server.BaseHTTPRequestHandler):
    """A server that knows no key."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(401)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST  # noqa: N815

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def refusing_server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home directory of all workers."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory, home: Path, refusing_server: str) -> dict[str, Tracked]:
    """One worker for each fate, all at the same time."""
    base = tmp_path_factory.mktemp("tracking")
    fates: dict[str, Any] = {
        "offline": {},
        "unreachable": {"mode": "online", "env": {"WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": KEY}},
        "refused": {"mode": "online", "env": {"WANDB_BASE_URL": refusing_server, "WANDB_API_KEY": KEY}},
        "killed": {"kill": True},
        "hung": {"hang": "noticed"},
        "hung at the end": {"hang": "overlooked"},
        "restarted": {"attempts": [[10, 20, 30], [25, 30, 40]]},
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    subprocess.run(
        [sys.executable, "-c", WORKERS, str(base), json.dumps(fates)],
        env={**kept, "HOME": str(home), "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
    )
    return {fate: Tracked(base / fate / "the-run") for fate in fates}


def values(items: Any) -> dict[str, Any]:
    """Keys and values of a config, history or summary record."""
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def test_the_run_has_our_id_and_the_project_group_and_tags_of_the_config(workers: dict[str, Tracked]) -> None:
    (run,) = workers["offline"].of_type("run")
    assert (run.run_id, run.project, run.run_group, list(run.tags)) == (
        "the-run",
        "the-project",
        "the-group",
        ["one", "two"],
    )


def test_the_resolved_config_is_in_the_file(workers: dict[str, Tracked]) -> None:
    stored = {
        key: value for record in workers["offline"].of_type("config") for key, value in values(record.update).items()
    }
    assert stored == {"model": {"width": 7}, "optimizer": {"lr": 0.25}}


def test_metrics_are_in_the_file_at_their_global_step(workers: dict[str, Tracked]) -> None:
    history = [values(record.item) for record in workers["offline"].of_type("history")]
    assert [(row["_step"], row["train/loss"]) for row in history] == [(10, 0.1), (20, 0.05), (30, 1 / 30)]


def test_final_values_are_in_the_file(workers: dict[str, Tracked]) -> None:
    summary: dict[str, Any] = {}
    for record in workers["offline"].of_type("summary"):
        summary |= values(record.update)
    assert summary["test/accuracy"] == 0.75


def test_what_was_printed_is_in_the_file(workers: dict[str, Tracked]) -> None:
    assert "said to the console" in "".join(record.line for record in workers["offline"].of_type("output_raw"))


def test_system_metrics_are_in_the_file(workers: dict[str, Tracked]) -> None:
    measured = {item.key for record in workers["offline"].of_type("stats") for item in record.item}
    assert any(name.startswith("proc.memory") for name in measured)


def test_the_file_ends_with_the_exit_code(workers: dict[str, Tracked]) -> None:
    last = workers["offline"].records()[-1]
    assert (last.WhichOneof("record_type"), last.exit.exit_code) == ("exit", 3)


def test_a_run_that_goes_well_warns_of_nothing(workers: dict[str, Tracked]) -> None:
    assert workers["offline"].warnings == []


def test_every_file_lies_inside_the_run_directory(workers: dict[str, Tracked], home: Path) -> None:
    assert workers["offline"].path.is_dir()
    assert list(home.rglob("*")) == []


def test_a_server_that_cannot_be_reached_is_told_in_one_line(workers: dict[str, Tracked]) -> None:
    (line,) = workers["unreachable"].warnings
    assert "\n" not in line
    assert "http://127.0.0.1:9 can't be reached" in line
    assert "offline" in line


def test_without_a_server_metrics_are_written_offline(workers: dict[str, Tracked]) -> None:
    assert len(workers["unreachable"].of_type("history")) == 3


def test_a_server_that_refuses_the_key_is_told_in_one_line(workers: dict[str, Tracked]) -> None:
    (line,) = workers["refused"].warnings
    assert "401" in line
    assert "offline" in line


def test_with_a_server_that_refuses_metrics_are_written_offline(workers: dict[str, Tracked]) -> None:
    assert len(workers["refused"].of_type("history")) == 3


def test_a_tracker_that_dies_is_told_once(workers: dict[str, Tracked]) -> None:
    (line,) = workers["killed"].warnings
    assert re.match(r"W&B failed to (log|store the config): ", line)  # whatever is sent first
    assert line.endswith("training goes on without it")


def test_a_tracker_that_hangs_is_told_once_and_its_service_is_ended(workers: dict[str, Tracked]) -> None:
    (line,) = workers["hung"].warnings
    assert line.startswith("W&B failed to log: TimeoutError: no answer for")
    assert workers["hung"].ended["left"] == []


def test_a_tracker_that_hangs_holds_up_no_end(workers: dict[str, Tracked]) -> None:
    (line,) = workers["hung at the end"].warnings
    assert line.startswith("W&B failed to finish: TimeoutError: no answer for")
    assert workers["hung at the end"].ended["left"] == []


def test_each_attempt_has_our_id_and_a_file_of_its_own(workers: dict[str, Tracked]) -> None:
    assert [run.run_id for run in workers["restarted"].of_type("run")] == ["the-run", "the-run"]
    assert len(workers["restarted"].files()) == 2


def test_an_attempt_that_resumes_logs_at_the_step_that_it_says(workers: dict[str, Tracked]) -> None:
    history = [values(record.item) for record in workers["restarted"].of_type("history")]
    assert [row["_step"] for row in history] == [10, 20, 30, 25, 30, 40]


@pytest.mark.parametrize("fate", ["unreachable", "refused", "killed", "hung", "hung at the end"])
def test_training_goes_on_whatever_happens_to_the_tracker(fate: str, workers: dict[str, Tracked]) -> None:
    assert (workers[fate].path / "ended.json").exists()  # the last thing that a worker does
