"""Runs that a page starts, stops, resumes and deletes, for real; and what it may not do."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from launcher.dashboard.index.index import Index
from launcher.dashboard.web.control import Control
from launcher.dashboard.web.guard import MAX_BODY_BYTES
from launcher.dashboard.web.spawn import FOLDER
from launcher.errors import RequestError
from launcher.runs import ACTIVE, Run, this_process
from launcher.runs.process import _started
from tests.launcher.dashboard.made import make_run, write_wandb
from tests.launcher.dashboard.web.served import POST, Served, eventually, keys

Serve = Callable[..., Served]
TINY = ["model=mlp", "dataset=digits", "tracker=none", "engine.device=cpu", "engine.num_processes=1"]


class Page:
    """What a page does with a server that may act."""

    def __init__(self, client: httpx.Client, keys: dict[str, str]) -> None:
        self.client, self.keys = client, keys

    def post(self, verb: str, **body: Any) -> httpx.Response:
        return self.client.post(f"/api/control/{verb}", headers=POST, json=body)

    def state(self, key: str) -> str:
        return self.client.get(f"/api/run/{key}").json().get("state", "unknown")


@pytest.fixture(scope="module")
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that two runs speak of."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, sleeper: subprocess.Popen[bytes]) -> Path:
    """The directory that the server shows, with runs to which something may be done, or not."""
    root = tmp_path_factory.mktemp("control") / "shown"
    process = {**this_process(), "pid": sleeper.pid, "pid_started": _started(sleeper.pid)}
    make_run(root, "another", state="running", job={**process, "pid_started": "another-boot 1"})
    make_run(root, "recorded", state="running", job=process)
    make_run(root, "elsewhere", state="running", job={"host": "elsewhere", "heartbeat": 1e12})
    make_run(root, "foreign-code", state="stopped", config={"model": {"_target_": "os.system"}})
    make_run(root, "flags", job={"command": ["windlass", "train", "--config-dir=/tmp/evil", "model=evil"]})
    make_run(root, "other-command", job={"command": ["sh", "-c", "id"]})
    write_wandb(root / "wandb", run_id="abc")
    return root


@pytest.fixture(scope="module")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that may act."""
    cache = str(tmp_path_factory.mktemp("cache"))
    with Served(root, "--allow-control", cwd=tmp_path_factory.mktemp("cwd"), WINDLASS_CACHE_DIR=cache) as server:
        yield server


@pytest.fixture(scope="module")
def page(server: Served) -> Iterator[Page]:
    with server.client() as client:
        yield Page(client, keys(client, 7))


@pytest.fixture
def untouched(root: Path) -> Iterator[None]:
    """Nothing is started, and no run comes or goes."""
    before = sorted(root.iterdir())
    yield
    assert sorted(root.iterdir()) == before


@pytest.fixture
def own(serve: Serve, tmp_path: Path) -> Iterator[tuple[Page, Path]]:
    """A server for one test, and the directory that it shows; what is started there is ended with the test."""
    root = tmp_path / "shown"
    root.mkdir()
    with serve(root, "--allow-control").client() as client:
        yield Page(client, {}), root
    for run in (Run(path.parent) for path in root.glob("*/job.json")):
        if run.state in ACTIVE:
            psutil.Process(run.job["pid"]).kill()


def test_a_run_is_launched_stopped_resumed_and_deleted(own: tuple[Page, Path]) -> None:
    page, root = own
    asked = [*TINY, "trainer.max_epochs=100000", "checkpoint.every_steps=50"]
    checked = page.post("check", overrides=asked, **{"from": None}).json()
    assert (checked["ok"], checked["error"]) == (True, None)
    assert shlex.split(checked["command"]) == ["windlass", "train", *asked]
    assert "max_epochs: 100000" in checked["config_yaml"]

    launched = page.post("launch", overrides=asked).json()
    run = Run(root / launched["id"])
    key = keys(page.client, 1)[run.id]
    assert launched["key"] in (key, None)  # None where the index was slow
    eventually(lambda: run.last_step(), what="a step")
    assert os.getsid(run.job["pid"]) == run.job["pid"]  # it goes on without the server
    assert (root / FOLDER / f"{run.id}.log").exists()

    assert page.post("delete/" + key, confirm=run.id).status_code == 400  # it runs
    assert page.post("stop/" + key).json() == {"id": run.id}
    eventually(lambda: run.state == "stopped", what="the end of the run")
    eventually(lambda: page.state(key) == "stopped", what="the end of the run on the page")
    assert page.post("stop/" + key).status_code == 400  # it does not run

    step = max(int(path.name.partition("_")[2]) for path in run.checkpoints_dir.glob("step_*"))
    longer = [f"trainer.max_steps={step + 5}", "trainer.max_epochs=null"]
    assert page.post("resume/" + key, overrides=longer).json() == {"id": run.id, "key": key}
    eventually(lambda: run.state == "finished", what="the end of the resumed run")
    assert run.summary["steps"] == step + 5

    again = page.post("check", overrides=["optimizer.lr=0.5"], **{"from": key}).json()
    assert again["ok"], again["error"]
    kept = [word for word in asked if not word.startswith("trainer.max_epochs")]
    assert shlex.split(again["command"]) == ["windlass", "train", *kept, *longer, "optimizer.lr=0.5"]

    assert page.post("delete/" + key, confirm="something else").status_code == 400
    assert page.post("delete/" + key).status_code == 400
    assert run.path.exists()
    assert page.post("delete/" + key, confirm=run.id).json() == {"id": run.id}
    assert not run.path.exists()
    eventually(lambda: page.client.get(f"/api/run/{key}").status_code == 404, what="its end on the page")


@pytest.mark.usefixtures("untouched")
def test_what_is_wrong_is_told_as_one_types(page: Page) -> None:
    told = page.post("check", overrides=[*TINY, "model.widht=3"]).json()
    assert (told["ok"], told["config_yaml"]) == (False, "")
    assert "model.width" in told["error"]
    answer = page.post("launch", overrides=[*TINY, "model.widht=3"])
    assert (answer.status_code, answer.json()["error"]) == (400, told["error"])


def test_what_a_command_refuses_before_its_run_begins_is_told(own: tuple[Page, Path]) -> None:
    page, root = own
    answer = page.post("launch", overrides=["model=mlp", "dataset=csv", "dataset.path=nowhere.csv", "dataset.target=y"])
    assert answer.status_code == 400
    assert "nowhere.csv" in answer.json()["error"]
    assert [path.name for path in root.iterdir()] == [FOLDER]


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "override",
    [
        "model._target_=os.system", "+model.x={_target_: os.system}", "hydra/launcher=joblib", "--multirun",
        "run_id=$(touch /tmp/x)", "run_id=../outside", "run_id=latest", "run_id=sweeps", "run_id=flags",
        "model.width=${oc.env:HOME}",
    ],
)  # fmt: skip
def test_nothing_is_started_that_names_code_or_leads_out_or_is_there(page: Page, override: str) -> None:
    assert page.post("launch", overrides=[*TINY, override]).status_code == 400


@pytest.mark.parametrize("body", [b"[]", b"{", b'"x"', b"null", b"[" * 100_000, b"\xff", b'{"overrides": "x"}'])
def test_a_body_that_is_no_object_is_refused_in_words(page: Page, body: bytes) -> None:
    answer = page.client.post("/api/control/launch", headers=POST, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_body_whose_length_is_not_told_is_cut_off(server: Served) -> None:
    lines = [f"Host: {server.host}", f"Cookie: {server.cookie}", "Transfer-Encoding: chunked"]
    lines += [f"{name}: {value}" for name, value in POST.items()]
    head = "\r\n".join(["POST /api/control/check HTTP/1.1", *lines, "", ""]).encode()
    size = MAX_BODY_BYTES + 1
    assert server.raw(head + b"%x\r\n%s\r\n0\r\n\r\n" % (size, b" " * size))[0] == 413


def test_a_process_is_stopped_only_if_it_is_the_one_that_the_run_recorded(
    page: Page, sleeper: subprocess.Popen[bytes]
) -> None:
    answer = page.post("stop/" + page.keys["another"])
    assert answer.status_code == 400
    assert "lost, not running" in answer.json()["error"]
    assert sleeper.poll() is None
    assert page.post("stop/" + page.keys["recorded"]).status_code == 200
    assert sleeper.wait(30) == -signal.SIGINT


def test_a_run_of_another_machine_is_stopped_there(page: Page) -> None:
    answer = page.post("stop/" + page.keys["elsewhere"])
    assert (answer.status_code, "elsewhere" in answer.json()["error"]) == (400, True)


@pytest.mark.usefixtures("untouched")
def test_a_run_that_windlass_did_not_start_can_only_be_looked_at(page: Page) -> None:
    key = page.keys["abc"]
    for verb, body in (("stop", {}), ("resume", {"overrides": []}), ("delete", {"confirm": "abc"})):
        answer = page.post(f"{verb}/{key}", **body)
        assert (answer.status_code, "not started by windlass" in answer.json()["error"]) == (400, True)
    assert "not started by windlass" in page.post("check", overrides=[], **{"from": key}).json()["error"]


@pytest.mark.usefixtures("untouched")
def test_a_run_whose_config_names_foreign_code_is_not_resumed(page: Page) -> None:
    answer = page.post("resume/" + page.keys["foreign-code"], overrides=[])
    assert (answer.status_code, "os.system" in answer.json()["error"]) == (400, True)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("source", ["flags", "other-command"])
def test_a_run_is_started_like_another_only_by_options(page: Page, source: str) -> None:
    assert page.post("launch", overrides=[], **{"from": page.keys[source]}).status_code == 400


@pytest.mark.usefixtures("untouched")
def test_an_unknown_run_is_not_found(page: Page) -> None:
    for verb in ("stop", "resume", "delete"):
        assert page.post(f"{verb}/{'0' * 12}", overrides=[], confirm="x").status_code == 404
    assert page.post("launch", overrides=[], **{"from": "0" * 12}).status_code == 404
    assert page.post("launch", overrides=[], **{"from": 1}).status_code == 400


def test_where_only_one_run_is_shown_none_can_be_launched_beside_it(root: Path, tmp_path: Path) -> None:
    for shown in (root / "flags", root / "flags" / "job.json"):
        with pytest.raises(RequestError, match="RUNS_DIR"):
            Control(Index([shown], cache=tmp_path), [shown]).launch(TINY, None)


def test_experiments_and_options_are_those_of_the_command_line(page: Page) -> None:
    known = page.client.get("/api/control/experiments").json()
    assert "digits_cnn" in known["experiments"]
    assert "mlp" in known["groups"]["model"]
    assert not any(option.startswith("_") for options in known["groups"].values() for option in options)
