import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.config.compose import run_app


def completed(line, monkeypatch, capsys, shell="bash"):
    monkeypatch.setenv("COMP_LINE", line)
    run_app(["-sc", f"query={shell}"], print)
    return capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("windlass ", ["train", "check", "parity", "runs"]),
        ("windlass tr", ["train"]),
        ("windlass runs s", ["show", "stop"]),
        ("windlass runs show la", []),
        ("windlass frobnicate x", []),
        ("windlass train model=gp", ["model=gpt2", "model=gpt_tiny"]),
        ("windlass train trainer.max_", ["trainer.max_epochs=", "trainer.max_skipped_steps=", "trainer.max_steps="]),
        ("windlass check dataset=iris optimizer=s", ["optimizer=sgd"]),
        ("windlass train -m strategy=s", ["strategy=single"]),
        ("windlass train model=broken[ trainer.s", []),
    ],
)
def test_what_may_follow_is_offered(line, words, monkeypatch, capsys):
    assert completed(line, monkeypatch, capsys) == words


def test_options_of_the_users_own_are_offered(groups, monkeypatch, capsys):
    root = groups(model__mine="x: 1\n")
    assert completed(f"windlass train --config-dir {root} model=mi", monkeypatch, capsys) == ["model=mine"]


def test_another_shell_gets_a_line_an_option(monkeypatch, capsys):
    monkeypatch.setenv("COMP_LINE", "windlass train model=gp")
    run_app(["-sc", "query=fish"], print)
    assert capsys.readouterr().out == "model=gpt2\nmodel=gpt_tiny\n"


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_script_that_is_installed_completes_in_bash(tmp_path):
    program = tmp_path / "windlass"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        "from launcher.config.compose import run_app\n"
        "run_app(sys.argv[sys.argv.index('-sc'):], print)\n"
    )
    program.chmod(0o755)
    script = (
        'eval "$(windlass train -sc install=bash)"\n'
        'COMP_LINE="windlass train model=gp" COMP_POINT=23 COMP_CWORD=2\n'
        "hydra_bash_completion\n"
        'echo "${COMPREPLY[@]}"\n'
        "complete -p windlass\n"
    )
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    process = subprocess.run(
        ["bash", "--norc", "-c", script], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert process.stdout.splitlines()[0] == "model=gpt2 model=gpt_tiny", process.stderr
    assert "hydra_bash_completion windlass" in process.stdout
