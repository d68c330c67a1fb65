"""What docs/sweeps.md says works: its commands, one after the other, what they print, its plugin, keys and defaults."""

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

from launcher.config.groups import CONF_DIR, Groups
from launcher.sweeps.record import Record

ROOT = Path(__file__).parents[1]
PAGES = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("sweeps.md", "sweeps.zh-CN.md")}
PAGE = PAGES["sweeps.md"]
EVERY_PAGE = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
DEADLINE_S = 120.0
TINY = ["tracker=none", "engine.device=cpu", "trainer.max_epochs=null", "trainer.max_steps=4"]
FEWER = "sweep.num_trials=4"  # as many as it takes to say what is important
MORE_TINY = {
    "halving": [FEWER, "trainer.max_steps=40", "trainer.eval_every_steps=2", "trainer.log_every_steps=2"],
    "again": ["trainer.max_steps=400"],
    "search": [FEWER],
    "rates": [FEWER],
    "front": [FEWER],
}
KILLED = "again"
WINDLASS = f"""#!/bin/sh
exec {shlex.quote(sys.executable)} -c 'from launcher.cli import main; main()' "$@" $TINY
"""
COUNTS = r"# (finished|failed|pruned|paused|stopped|waiting|running)"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def steps() -> list[tuple[list[str], str]]:
    """The commands of each block, with the output that the page shows behind it."""
    found = re.findall(r"^```sh\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", PAGE, re.DOTALL | re.MULTILINE)
    return [(block.splitlines(), shown) for block, shown in found]


def run_id(command: str) -> str:
    return command.partition("run_id=")[2].split(" ")[0]


def added(command: str) -> list[str]:
    """What makes a command of the page quick."""
    words = command.split()
    if words[1] == "train":
        return [*TINY, *MORE_TINY.get(run_id(command), [])]
    return ["sweep.num_trials=5"] if words[1:3] == ["sweeps", "resume"] and "=" in command else []


def form(line: str) -> str:
    """A line without its numbers, its width, and the order and number of trials in each state."""
    line = re.sub(r"[-+]?\d[\d.,:%+-]*(e[-+]?\d+)?", "#", line)
    line = re.sub(rf"{COUNTS}(, {COUNTS})*", "COUNTS", line)
    line = re.sub(r"([━─])\1*", r"\1", line)
    return " ".join(sorted(line.split()) if line.startswith("importance") else line.split())


def rows(page: str) -> list[list[str]]:
    """The cells of each row of each table that is no output."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's directory with the page's yamls and plugin, and `windlass` on the path."""
    path = tmp_path_factory.mktemp("place")
    space, sweeper = blocks(PAGE, "yaml")
    texts = {
        "bin/windlass": WINDLASS,
        "conf/sweep/rates.yaml": space,
        "conf/hydra/sweeper/every_other.yaml": sweeper,
        "hydra_plugins/every_other.py": next(block for block in blocks(PAGE, "python") if "EveryOther" in block),
    }
    for name, text in texts.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text, encoding="utf-8")
    (path / "bin" / "windlass").chmod(0o755)
    return path


@pytest.fixture(scope="module")
def environment(place: Path, cache: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{place}",
        "COLUMNS": "110",
        "WINDLASS_RUNS_DIR": str(place / "runs"),
        "WINDLASS_CACHE_DIR": str(cache),
    }


@pytest.fixture(scope="module")
def call(place: Path, environment: dict[str, str]) -> Callable[[str], str]:
    """Runs a command of the page, or kills it in the middle where the page does; gives what it printed."""

    def kill(process: subprocess.Popen[str]) -> None:
        ledger, deadline = Record(place / "runs" / "sweeps" / KILLED), time.monotonic() + DEADLINE_S
        while not any(trial.is_over for trial in ledger.trials()):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)

    def call(command: str) -> str:
        with subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=place,
            env={**environment, "TINY": " ".join(added(command))},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            is_killed = run_id(command) == KILLED
            try:
                if is_killed:
                    kill(process)
                output, _ = process.communicate(timeout=DEADLINE_S)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        assert process.returncode == (-signal.SIGKILL if is_killed else 0), f"{command}\n{output}"
        return output

    return call


@pytest.mark.parametrize(
    ("commands", "shown"),
    [
        pytest.param(*step, id=step[0][-1], marks=[pytest.mark.slow] * (number > 1))
        for number, step in enumerate(steps())
    ],
)
def test_the_commands_print_what_the_page_shows(commands: list[str], shown: str, call: Callable[[str], str]) -> None:
    outputs = [call(command) for command in commands]
    printed = {form(line) for output in outputs for line in output.splitlines()}
    assert [line for line in shown.splitlines() if line not in ("", "...") and form(line) not in printed] == []


@pytest.mark.slow
def test_the_python_of_the_page_prints_each_trial(place: Path, environment: dict[str, str]) -> None:
    script = blocks(PAGE, "python")[0].replace('"trainer.max_epochs=1"', ", ".join(f'"{word}"' for word in TINY))
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    last = [line.split()[:3] for line in result.stdout.splitlines()[-2:]]
    assert last == [["0", "finished", "optimizer.lr=0.001"], ["1", "finished", "optimizer.lr=0.01"]], result.stderr


@pytest.mark.parametrize("language", ["sh", "text", "yaml", "python"])
def test_both_languages_hold_the_same_code(language: str) -> None:
    english, chinese = (blocks(page, language) for page in PAGES.values())
    assert english == chinese


def test_both_languages_have_the_same_sections_rows_and_points() -> None:
    english, chinese = (
        [line.split()[0] for line in page.splitlines() if line.startswith(("#", "|", "- "))] for page in PAGES.values()
    )
    assert english == chinese


@EVERY_PAGE
def test_each_algorithm_is_explained(page: str) -> None:
    named = {row[0].split("`")[1] for row in rows(page) if len(row) == 3 and row[0].startswith("`")}
    assert set(Groups().options("sweep")) <= named


@EVERY_PAGE
def test_each_key_is_there_and_each_default_is_that_of_the_config(page: str) -> None:
    keys = yaml.safe_load((CONF_DIR / "sweep" / "_base.yaml").read_text(encoding="utf-8"))
    named = {
        row[0].strip("`").removeprefix("sweep."): yaml.safe_load(row[1].strip("`"))
        for row in rows(page)
        if len(row) == 3 and row[0].startswith("`sweep.")
    }
    assert named == {key: keys[key] for key in named}
    assert [key for key in keys if key not in ("algorithm", "space") and f"sweep.{key}" not in page] == []
