"""What docs/reliability.md says works: its commands, one after the other, its Slurm script, its keys and defaults."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from launcher.checkpoints.marker import published
from launcher.config.groups import CONF_DIR
from launcher.jobs.attempts import PREEMPTING, requeued
from launcher.jobs.resume import FREE_KEYS, FREE_SECTIONS
from launcher.runs import Run

ROOT = Path(__file__).parents[1]
PAGES = {
    name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("reliability.md", "reliability.zh-CN.md")
}
PAGE = PAGES["reliability.md"]
EVERY_PAGE = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
TINY = [
    "model=mlp",
    "dataset=iris",
    "tracker=none",
    "engine.device=cpu",
    "trainer.max_epochs=null",
    "trainer.eval_every_steps=null",
]
QUICK = ("export-weights",)
FOR_EVER, DEADLINE_S = 10_000_000, 120.0
WINDLASS = f"""#!/bin/sh
exec {shlex.quote(sys.executable)} -c 'from launcher.cli import main; main()' "$@" $TINY
"""
SCONTROL = '#!/bin/sh\necho "$@" > requeued\n'

Windlass = Callable[..., subprocess.CompletedProcess[str]]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def commands() -> list[list[str]]:
    return [shlex.split(line)[1:] for block in blocks(PAGE, "sh") for line in block.splitlines()]


def rows(page: str) -> list[list[str]]:
    """The cells of each row of each table."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]


def defaults(page: str) -> dict[str, object]:
    """Default by key, as the table says."""
    return {
        row[0].strip("`"): yaml.safe_load(row[1].strip("`"))
        for row in rows(page)
        if len(row) == 3 and re.fullmatch(r"`[\w.]+`", row[0])
    }


def conf(name: str) -> dict[str, object]:
    return yaml.safe_load((CONF_DIR / name).read_text(encoding="utf-8"))


def wait_for(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not happened():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's directory, with `windlass` and Slurm's `scontrol` on the path."""
    path = tmp_path_factory.mktemp("place")
    for name, script in (("windlass", WINDLASS), ("scontrol", SCONTROL)):
        (path / "bin" / name).parent.mkdir(exist_ok=True)
        (path / "bin" / name).write_text(script)
        (path / "bin" / name).chmod(0o755)
    return path


@pytest.fixture(scope="module")
def environment(place: Path, cache: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "WINDLASS_RUNS_DIR": str(place / "runs"),
        "WINDLASS_CACHE_DIR": str(cache),
        "SLURM_JOB_ID": "17",
    }


@pytest.fixture(scope="module")
def windlass(place: Path, environment: dict[str, str]) -> Windlass:
    """The command; what a page leaves to the defaults, and how far to train, is added where the verb takes it."""

    def call(*words: str, num_steps: int) -> subprocess.CompletedProcess[str]:
        added = {"train": [*TINY, f"trainer.max_steps={num_steps}"], "resume": [f"trainer.max_steps={num_steps}"]}
        verb = words[1] if words[0] == "runs" else words[0]
        result = subprocess.run(
            ["windlass", *words],
            cwd=place,
            env={**environment, "TINY": " ".join(added.get(verb, []))},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{words}\n{result.stdout}{result.stderr}"
        return result

    return call


@pytest.fixture(scope="module")
def preempted(place: Path, environment: dict[str, str]) -> tuple[int, int]:
    """The run `big`, begun by the page's Slurm script, which is sent its warning: the exit code, and the last step."""
    (place / "job.sh").write_text(blocks(PAGE, "bash")[0])
    run = Run(place / "runs" / "big")
    tiny = " ".join([*TINY, f"trainer.max_steps={FOR_EVER}"])
    with subprocess.Popen(
        ["bash", "job.sh"],
        cwd=place,
        env={**environment, "TINY": tiny},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as job:
        try:
            wait_for(lambda: run.last_step() is not None, job)
            job.send_signal(signal.SIGUSR1)
            output, _ = job.communicate(timeout=DEADLINE_S)
        finally:
            if job.poll() is None:
                os.killpg(job.pid, signal.SIGKILL)
    assert run.state == "preempted", output
    return job.returncode, published(run.checkpoints_dir)[-1].step


@pytest.fixture(scope="module")
def gone_on(windlass: Windlass, preempted: tuple[int, int]) -> tuple[str, int]:
    """What the page's first command says of the preempted run, and the step to which it trains."""
    num_steps = preempted[1] + 10
    return windlass(*commands()[0], num_steps=num_steps).stdout, num_steps


def test_the_slurm_script_queues_a_preempted_run_again(place: Path, preempted: tuple[int, int]) -> None:
    assert (preempted[0], (place / "requeued").read_text()) == (requeued(signal.SIGUSR1), "requeue 17\n")


def test_the_same_command_goes_on_from_the_checkpoint(preempted: tuple[int, int], gone_on: tuple[str, int]) -> None:
    assert f"resumed from the checkpoint at step {preempted[1]}" in gone_on[0]


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(words, id=" ".join(words), marks=[pytest.mark.slow] * (not set(QUICK) & set(words)))
        for words in commands()[1:]
    ],
)
def test_the_command_exits_with_0(words: list[str], windlass: Windlass, place: Path, gone_on: tuple[str, int]) -> None:
    done = Run(place / "runs" / "big").summary["steps"]
    windlass(*words, num_steps=10 if words[0] == "train" else done + 10)


@pytest.mark.parametrize("language", ["sh", "bash"])
def test_both_languages_hold_the_same_code(language: str) -> None:
    english, chinese = ([re.sub(r"  #.*", "", block) for block in blocks(page, language)] for page in PAGES.values())
    assert english == chinese


def test_both_languages_have_the_same_sections_rows_and_points() -> None:
    english, chinese = (
        [line.split()[0] for line in page.splitlines() if line.startswith(("#", "|", "- "))] for page in PAGES.values()
    )
    assert english == chinese


@EVERY_PAGE
def test_each_key_is_there_with_its_default(page: str) -> None:
    engine, trainer = conf("engine/local.yaml"), conf("trainer/default.yaml")
    expected = {f"checkpoint.{key}": value for key, value in conf("checkpoint/default.yaml").items()}
    expected |= {f"engine.{key}": engine[key] for key in engine if key not in ("name", "device", "num_processes")}
    expected |= {f"trainer.{key}": trainer[key] for key in ("on_non_finite", "spike_factor", "max_skipped_steps")}
    expected["init_from"] = conf("config.yaml")["init_from"]
    expected["dataset.clean.undecodable"] = yaml.safe_load(
        (CONF_DIR / "dataset" / "_base.yaml").read_text(encoding="utf-8")
    )["clean"]["undecodable"]
    assert defaults(page) == expected


@EVERY_PAGE
def test_what_a_resume_may_change_is_named(page: str) -> None:
    assert [name for name in (*FREE_SECTIONS, *FREE_KEYS) if f"`{name}`" not in page] == []


@EVERY_PAGE
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGHUP, *PREEMPTING])
def test_the_exit_code_of_each_signal_is_that_of_the_code(page: str, signum: signal.Signals) -> None:
    name = "Ctrl-C" if signum == signal.SIGINT else signum.name
    assert [row[2] for row in rows(page) if len(row) == 3 and name in row[0]] == [str(requeued(signum))]


@EVERY_PAGE
def test_the_tests_that_are_named_are_there(page: str) -> None:
    assert [path for path in re.findall(r"`(tests/[^`]+)`", page) if not (ROOT / path).exists()] == []
