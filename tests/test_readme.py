"""The README's words work; its first block, which installs, is run by CI as it stands."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.launcher.dashboard.made_wandb import write_wandb
from tests.serving import DASHBOARD, Server
from tests.settings import TINY_TEXT

ROOT = Path(__file__).parents[1]
TINY = {"train": ["trainer.max_epochs=1", "tracker=none"], "parity": [*TINY_TEXT, "tracker=none", "--steps=2"]}


def blocks(name: str, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def commands(name: str) -> list[str]:
    return [line.partition("#")[0].strip() for block in blocks(name, "sh")[1:] for line in block.splitlines()]


def run(*argv: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *argv], cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_every_command_of_the_readme_exits_with_0(tmp_path: Path) -> None:
    for command in commands("README.md"):
        words = shlex.split(command)[1:]
        if words[0] == "dashboard":
            continue  # it goes on until it is told to end
        tiny = TINY.get(words[0], []) if "--cfg" not in words else []
        result = run("-c", "from launcher.cli import main; main()", *words, *tiny, cwd=tmp_path)
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"


def test_the_dashboard_of_the_readme_answers_until_ctrl_c(tmp_path: Path) -> None:
    write_wandb(tmp_path / "wandb")  # anybody's
    for command in commands("README.md"):
        if shlex.split(command)[1] == "dashboard":
            words = [*DASHBOARD, *shlex.split(command)[2:]]
            server = Server(words, cwd=tmp_path, environment={"PYTHONPATH": str(ROOT)})
            try:
                assert httpx.get(server.address, follow_redirects=True).status_code == 200
            finally:
                code = server.close(signal.SIGINT)
            assert code == 0, f"{command}\n{server.printed}"


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    result = run("-c", blocks("README.md", "python")[0].replace("max_epochs=3", "max_epochs=1"), cwd=tmp_path)
    assert result.stdout.splitlines()[-1].startswith("finished 0."), result.stdout + result.stderr


@pytest.mark.parametrize("language", ["sh", "python"])
def test_both_readmes_hold_the_same_code(language: str) -> None:
    english, chinese = ("".join(blocks(name, language)) for name in ("README.md", "README.zh-CN.md"))
    assert [line.partition("#")[0] for line in english.splitlines()] == [
        line.partition("#")[0] for line in chinese.splitlines()
    ]


def test_every_link_of_the_documentation_leads_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert "://" in target or (page.parent / target).exists(), f"{page.name} links to {target}"
