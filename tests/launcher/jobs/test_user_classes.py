"""A user's own classes, in a directory outside the repository, named by `_target_` in yaml of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.runs import Run

CLASSES = '''
import torch
import torch.nn.functional as F
from torch import nn

from launcher.tasks.regression import Regression


class MyModel(nn.Module):
    def __init__(self, *, num_features, num_outputs, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(num_features, width), nn.Tanh(), nn.Linear(width, num_outputs))

    def forward(self, inputs):
        return self.layers(inputs)


class MyData:
    """y = 3 a - b, exactly."""

    def __init__(self, *, rows):
        self.rows = rows

    def load(self):
        a = [(7 * i % 50) / 50 for i in range(self.rows)]
        b = [(11 * i % 30) / 30 for i in range(self.rows)]
        return {"a": a, "b": b, "y": [3 * x - z for x, z in zip(a, b)]}


class MyTask(Regression):
    """Absolute instead of squared error."""

    def loss_sum(self, output, targets):
        return F.l1_loss(output, targets, reduction="sum")


class MyOptimizer(torch.optim.SGD):
    """Plain descent with a name of its own."""

    def __init__(self, params, *, lr, strength):
        super().__init__(params, lr=lr * strength)
'''

YAMLS = {
    "model/my_model.yaml": """
_target_: my_classes.MyModel
num_features: ${data.num_features}
num_outputs: ${data.num_outputs}
width: 16
""",
    "dataset/my_data.yaml": """
defaults: [_table, _self_, {override /task@_global_.task: my_task}]
_target_: my_classes.MyData
rows: 200
target: y
""",
    "task/my_task.yaml": """
_target_: my_classes.MyTask
_labels_: values
num_outputs: ${data.num_outputs}
""",
    "optimizer/my_optimizer.yaml": """
_target_: my_classes.MyOptimizer
lr: 0.1
strength: 1.0
""",
}


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my_classes.py").write_text(CLASSES)
    for name, text in YAMLS.items():
        file = tmp_path / "conf" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "conf"


def test_own_model_data_task_and_optimizer_train_together(train: Callable[..., Run], conf: Path) -> None:
    run = train(
        "model=my_model",
        "dataset=my_data",
        "optimizer=my_optimizer",
        "trainer.max_epochs=40",
        "engine.num_processes=2",
        config_dir=conf,
    )
    assert run.metrics["test/r2"] > 0.9
