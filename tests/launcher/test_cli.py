"""The command as a user types it, in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from launcher.checkpoints.marker import published
from launcher.runs import Run, list_runs

Windlass = Callable[..., subprocess.CompletedProcess[str]]
COMMAND = [sys.executable, "-c", "from launcher.cli import main; main()"]
QUICK = ["model=linear", "dataset=iris", "trainer.max_epochs=1", "tracker=none"]
ENDLESS = ["model=mlp", "dataset=digits", "trainer.max_epochs=1000000"]


def environment() -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": root, "COLUMNS": "200", "HYDRA_FULL_ERROR": "0"}


@pytest.fixture
def windlass(tmp_path: Path) -> Windlass:
    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *argv], capture_output=True, text=True, cwd=tmp_path, env=environment(), check=False, timeout=300
        )

    return run


def started(cwd: Path, *argv: str) -> tuple[subprocess.Popen[bytes], Run]:
    """A command in the background whose run has taken its first steps."""
    process = subprocess.Popen([*COMMAND, *argv], stdout=subprocess.DEVNULL, cwd=cwd, env=environment())
    while process.poll() is None and not (list_runs() and list_runs()[-1].history()):
        time.sleep(0.05)
    assert process.poll() is None, "it ended before its first step"
    return process, list_runs()[-1]


def test_help_names_every_verb_and_imports_nothing_slow() -> None:
    code = (
        "import sys; from launcher.cli import run_command; run_command(['--help']);"
        "print([m for m in ('torch', 'hydra', 'wandb', 'datasets', 'rich') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert all(verb in out.stdout for verb in ("train", "check", "runs show", "runs stop"))
    assert out.stdout.endswith("[]\n")


def test_a_config_error_imports_no_torch() -> None:
    code = (
        "import sys; from launcher.cli import run_command; print(run_command(['train', 'trainer.max_stepz=3']));"
        "print([m for m in ('torch', 'wandb', 'datasets', 'transformers', 'sklearn') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert out.stdout == "2\n[]\n"
    assert "trainer.max_steps" in out.stderr


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["trian"], "train"),
        (["train", "trainer.max_stepz=3"], "trainer.max_steps"),
        (["train", "+trainer.max_stepz=3"], "trainer.max_steps"),
        (["train", "+model.widht=3"], "model.width"),
        (["train", "model=gptt"], "gpt_tiny"),
        (["train", "trainer.max_steps=abc"], "whole number"),
        (["train", "trainer.max_steps=0"], "at least 1"),
        (["train", "trainer.global_batch_size=32", "trainer.micro_batch_size=5"], "trainer.micro_batch_size=4"),
        (["train", "dataset=csv"], "dataset.path="),
        (["train", "dataset=csv", "dataset.path=nowhere.csv", "dataset.target=y", "model=mlp"], "nowhere.csv"),
        (["train", "model=mlp"], "model=gpt_tiny"),
        (["train", "dataset=iris", "model=gpt_tiny"], "model=mlp"),
        (["train", "engine.device=cuda"], "engine.device=cpu"),
        (["train", "model._target_=nowhere.Net"], "nowhere"),
        (["train", "run_id=a/b"], "run_id"),
        (["train", "model.width=130"], "width=130"),
        (["runs", "show", "nothing"], "no runs"),
    ],
)
def test_a_wrong_request_exits_with_2_one_clear_line_and_nothing_left(
    windlass: Windlass, runs_dir: Path, argv: list[str], said: str
) -> None:
    result = windlass(*argv)
    assert result.returncode == 2, result.stdout + result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert not runs_dir.exists() or not list(runs_dir.iterdir())


def test_train_prints_plain_lines_into_a_file_and_a_summary(windlass: Windlass) -> None:
    result = windlass("train", *QUICK, "run_id=mine")
    assert result.returncode == 0, result.stdout + result.stderr
    assert list_runs()[-1].job["command"] == ["windlass", "train", *QUICK]
    assert "step " in result.stdout
    assert "test/accuracy" in result.stdout
    assert "\x1b" not in result.stdout


def test_json_of_train_is_one_object_on_stdout(windlass: Windlass) -> None:
    result = windlass("train", "--json", *QUICK)
    assert json.loads(result.stdout)["state"] == "finished"


def test_check_prints_the_plan_and_starts_nothing(windlass: Windlass, runs_dir: Path) -> None:
    result = windlass("check", "--json", "model=mlp", "dataset=digits", "engine.num_processes=2", "model.width=64")
    plan = json.loads(result.stdout)
    assert plan["plan"]["num_processes"] == 2
    assert plan["footprint"]["weights_bytes"] == 4 * plan["footprint"]["num_parameters"]
    assert plan["footprint"]["optimizer_bytes"] >= 2 * plan["footprint"]["weights_bytes"]
    assert not runs_dir.exists()


SWEEPER = """
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper

class Mine(Sweeper):
    def setup(self, **given):
        self.launcher = Plugins.instance().instantiate_launcher(**given)

    def sweep(self, arguments):
        told = [self.launcher.launch([[*arguments, f"optimizer.lr={lr}"]], 0)[0].return_value for lr in (0.1, 0.2)]
        print("told", told)

ConfigStore.instance().store(group="hydra/sweeper", name="mine", node={"_target_": "hydra_plugins.mine.Mine"})
"""


@pytest.mark.slow
def test_a_sweeper_of_the_users_own_is_told_the_metrics_of_its_runs(
    windlass: Windlass, tmp_path: Path, runs_dir: Path
) -> None:
    (tmp_path / "hydra_plugins").mkdir()
    (tmp_path / "hydra_plugins" / "mine.py").write_text(SWEEPER)
    done = windlass("train", "-m", "hydra/sweeper=mine", *QUICK)
    assert done.returncode == 0, done.stderr
    losses = [run.metrics["validation/loss"] for run in list_runs()]
    assert done.stdout.splitlines()[-1] == f"told {losses}"


def test_a_multirun_trains_each_combination(windlass: Windlass, tmp_path: Path, runs_dir: Path) -> None:
    result = windlass("train", "-m", *QUICK, "optimizer.lr=0.1,0.01")
    assert result.returncode == 0, result.stdout + result.stderr
    commands = [run.job["command"] for run in list_runs()]
    assert commands == [["windlass", "train", *QUICK, f"optimizer.lr={rate}"] for rate in ("0.1", "0.01")]
    assert {path.name for path in tmp_path.iterdir()} <= {runs_dir.name}, "nothing else is written here"


def test_a_failed_run_exits_with_1(windlass: Windlass) -> None:
    result = windlass("train", *QUICK, "optimizer=sgd", "optimizer.lr=1e38", "trainer.gradient_clip_norm=null")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "non-finite" in result.stdout


@pytest.mark.parametrize(
    ("signum", "state", "code"), [(signal.SIGINT, "stopped", 130), (signal.SIGTERM, "preempted", 75)]
)
def test_a_signal_stops_the_run_keeps_its_state_and_leaves_nothing_running(
    tmp_path: Path, signum: int, state: str, code: int
) -> None:
    process, run = started(tmp_path, "train", *ENDLESS)
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signum)
    assert process.wait(timeout=60) == code
    assert run.state == state
    assert published(run.checkpoints_dir)[-1].step >= (run.last_step() or 0)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []


def test_runs_list_show_logs_stop_and_delete_work_on_a_live_run(windlass: Windlass, tmp_path: Path) -> None:
    process, run = started(tmp_path, "train", "tracker=none", *ENDLESS)
    listed = json.loads(windlass("runs", "list", "--json").stdout)
    assert [(row["id"], row["state"]) for row in listed] == [(run.id, "running")]
    assert windlass("runs", "delete", "latest").returncode == 2
    stopped = windlass("runs", "stop", run.id[:-1])
    assert stopped.returncode == 0, stopped.stderr
    assert process.wait(timeout=60) == 130
    assert json.loads(windlass("runs", "show", "--json").stdout)["state"] == "stopped"
    assert windlass("runs", "logs", "latest", "--rank", "1").returncode == 0
    assert windlass("runs", "delete", "latest").returncode == 0
    assert not run.path.exists()
