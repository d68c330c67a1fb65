"""Real runs of both sides on gloo: what is right passes, and mistakes planted in a user's own model are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from launcher.cli import run_command
from launcher.config.compose import compose
from launcher.errors import RequestError
from launcher.jobs.parity import prove_parity, reference_overrides, show_parity
from launcher.jobs.view import View

CLASSES = '''
import torch.nn.functional as F
from launcher.tasks.language_modeling import LanguageModeling
from models.gpt import GPT

class Wrong(GPT):
    """A GPT whose plan says something else of one kind of module."""

    def __init__(self, *, module, style, **sizes):
        super().__init__(**sizes)
        self.module, self.style = module, style

    @property
    def parallel_plan(self):
        plan = super().parallel_plan
        tensor = {path: style for path, style in plan["tensor"].items() if not path.endswith(self.module)}
        stated = {} if self.style is None else {f"blocks.*.{self.module}": self.style}
        return {**plan, "tensor": {**tensor, **stated}}

class MeanOfItsOwn(LanguageModeling):
    """A mean over what one process has, where a sum is asked for."""

    def loss_sum(self, output, targets):
        return F.cross_entropy(output.flatten(0, 1), targets.flatten())
'''
SIZES = """
vocab_size: ${data.vocab_size}
sequence_length: ${data.sequence_length}
num_layers: 2
num_heads: 4
num_kv_heads: 2
width: 32
mlp_width: 64
"""
YAMLS = {
    "model/wrong.yaml": f"_target_: parity_classes.Wrong\nmodule: nothing\nstyle: null\nqk_norm: true\n{SIZES}",
    "task/own_mean.yaml": """
_target_: parity_classes.MeanOfItsOwn
_labels_: next_tokens
bytes_per_token: ${data.bytes_per_token}
""",
}
TINY = ["dataset.sequence_length=16", "dataset.max_rows=1", "trainer.global_batch_size=8"]


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "parity_classes.py").write_text(CLASSES)
    for name, text in YAMLS.items():
        file = tmp_path / "conf" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "conf"


def parity(
    *overrides: str, conf: Path | None = None, against: str | None = None, steps: int = 2, shrink: bool = False
) -> dict[str, Any]:
    asked = [*TINY, *overrides]
    one = compose(asked, config_dir=conf)
    other = compose(reference_overrides(asked, against), config_dir=conf)
    return prove_parity(one, other, View(Console(quiet=True)), steps=steps, shrink=shrink)


def words(result: dict[str, Any]) -> str:
    lines: list[str] = []
    show_parity(result, lines.append)
    return "\n".join(lines)


def test_a_right_plan_passes_with_both_optimizers(conf: Path, runs_dir: Path) -> None:
    result = parity("model=wrong", "strategy=tp", conf=conf)
    assert result["passed"], words(result)
    assert [phase["optimizer"] for phase in result["phases"]] == ["plain SGD", "torch.optim.AdamW"]
    assert all(len(phase["steps"]) == 2 for phase in result["phases"])
    assert words(result).endswith("PASS")


@pytest.mark.slow
def test_a_gradient_that_is_not_reduced_is_named(conf: Path, runs_dir: Path) -> None:
    result = parity("model=wrong", "model.module=attention.q_norm", "strategy=tp", conf=conf)
    first = result["phases"][0]["first"]
    assert not result["passed"]
    assert first["step"] == 1
    assert first["tensor"].endswith("attention.q_norm.weight")
    assert first["tensor"] in words(result)


def test_a_row_wise_layer_marked_column_wise_is_named(conf: Path, runs_dir: Path) -> None:
    result = parity("model=wrong", "model.module=attention.wo", "model.style=colwise", "strategy=tp", conf=conf)
    assert not result["passed"]
    assert "blocks.0.attention.wo" in words(result)


def test_a_loss_that_is_averaged_per_process_is_found(conf: Path, runs_dir: Path) -> None:
    result = parity("model=wrong", "task=own_mean", "strategy=ddp", conf=conf)
    assert result["phases"][0]["first"]["what"] == "loss"
    assert result["phases"][0]["first"]["tensor"] is not None


@pytest.mark.slow
def test_two_strategies_are_compared_on_a_smaller_model(runs_dir: Path) -> None:
    result = parity("strategy=fsdp", against="strategy=pp trainer.micro_batch_size=2", shrink=True)
    assert result["passed"], words(result)
    assert (result["mesh"], result["against"]) == ("dp_shard 2", "pp 2")
    assert "model.width=96 is 32 here" in result["notes"]


@pytest.mark.slow
def test_the_command_says_so_in_its_exit_code_and_in_json(
    conf: Path, runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["parity", *TINY, f"--config-dir={conf}", "model=wrong", "strategy=tp", "--steps", "2", "--json"]
    assert run_command(argv) == 0
    assert json.loads(capsys.readouterr().out)["passed"] is True
    assert run_command([*argv, "model.module=attention.k_norm"]) == 1
    assert json.loads(capsys.readouterr().out)["passed"] is False


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["strategy=tp", "strategy.tp=3"], ["strategy.tp=3", "model.num_heads=4", "use strategy.tp=1 or 2"]),
        (["strategy=pp", "strategy.pp=4", "trainer.micro_batch_size=1"], ["4 stages", "2 blocks"]),
    ],
)
def test_what_can_not_be_spread_is_refused(overrides: list[str], words: list[str], runs_dir: Path) -> None:
    with pytest.raises(RequestError) as error:
        parity(*overrides)
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize("steps", ["0", "many", "-3"])
def test_steps_must_be_a_number(steps: str, runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["parity", f"--steps={steps}"]) == 2
    assert f"--steps={steps}" in capsys.readouterr().err


def test_the_reference_is_one_process_unless_another_strategy_is_named() -> None:
    asked = ["model=mlp", "strategy=tp", "strategy.tp=2", "engine.num_processes=2"]
    assert "strategy=single" in reference_overrides(asked, None)
    assert "engine.num_processes=1" in reference_overrides(asked, None)
    assert reference_overrides(asked, "strategy=ddp engine.num_processes=4") == [
        "model=mlp",
        "strategy=ddp",
        "engine.num_processes=4",
    ]
