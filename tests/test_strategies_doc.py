"""What docs/strategies.md says works: its commands, its model, and its tables, which name what the code has."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from launcher.config.compose import compose
from launcher.config.groups import CONF_DIR, Groups
from launcher.config.schema import PIPELINE_SCHEDULES
from launcher.config.validate import from_composed
from launcher.parallel.devices import Devices, find_devices
from launcher.parallel.model_plan import ModelPlan
from launcher.parallel.plan import make_plan
from launcher.parallel.tensor import tensor_styles
from tests.settings import TINY_TEXT

ROOT = Path(__file__).parents[1]
PAGES = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("strategies.md", "strategies.zh-CN.md")}
PAGE = PAGES["strategies.md"]
TINY = [*TINY_TEXT, "tracker=none", "trainer.max_steps=2"]
QUICK = ["check strategy=fsdp_tp", "train --config-dir conf model=decoder strategy=tp"]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    return [line for block in blocks(PAGE, "sh") for line in block.splitlines()]


def first_cells() -> set[str]:
    """Every word in backticks in the first column of a table."""
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("|")]
    return {word for cell in rows for word in re.findall(r"`([^`]+)`", cell)}


def marked(command: str) -> object:
    marks = [] if command.removeprefix("windlass ").startswith(tuple(QUICK)) else [pytest.mark.slow]
    if "strategy=deepspeed" in command:
        lacks = importlib.util.find_spec("deepspeed") is None or find_devices().cuda == 0
        marks.append(pytest.mark.skipif(lacks, reason="needs CUDA and DeepSpeed"))
    return pytest.param(command, marks=marks)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The page's model and yaml, copied out of it."""
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "my_decoder.py").write_text(blocks(PAGE, "python")[0], encoding="utf-8")
    (tmp_path / "conf" / "model" / "decoder.yaml").write_text(blocks(PAGE, "yaml")[0], encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("command", [marked(command) for command in commands()])
def test_the_command_exits_with_0(command: str, project: Path) -> None:
    device = "cuda" if "strategy=deepspeed" in command else "cpu"
    script = "from launcher.cli import main; main()"
    words = [*shlex.split(command)[1:], *TINY, f"engine.device={device}"]
    result = subprocess.run(
        [sys.executable, "-c", script, *words],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"


@pytest.mark.parametrize("command", [command for command in commands() if "deepspeed" not in command])
def test_the_command_makes_a_plan_on_8_cores(command: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(project)
    overrides = [word for word in shlex.split(command)[2:] if "=" in word and not word.startswith("--")]
    config = from_composed(compose([*overrides, *TINY], config_dir=project / "conf"))
    plan = make_plan(config, Devices(cpu_cores=8))
    assert plan.axes.num_processes == plan.num_processes


@pytest.mark.parametrize("language", ["sh", "python", "yaml"])
def test_both_languages_hold_the_same_code(language: str) -> None:
    english, chinese = (blocks(page, language) for page in PAGES.values())
    assert english == chinese


def test_both_languages_have_the_same_sections_and_rows() -> None:
    english, chinese = (
        [line.split()[0] for line in page.splitlines() if line.startswith(("#", "|"))] for page in PAGES.values()
    )
    assert english == chinese


def test_each_strategy_has_a_command() -> None:
    shown = {word.partition("=")[2] for command in commands() for word in command.split() if "strategy=" in word}
    assert set(Groups().options("strategy")) <= shown


def test_each_option_is_explained() -> None:
    keys = yaml.safe_load((CONF_DIR / "strategy" / "_base.yaml").read_text(encoding="utf-8")).keys()
    assert keys - {"name"} <= first_cells()


def test_each_schedule_tensor_style_and_plan_key_is_explained() -> None:
    keys = {field.name for field in dataclasses.fields(ModelPlan)} - {"note"}
    assert {*PIPELINE_SCHEDULES, *tensor_styles(), *keys} <= first_cells()
