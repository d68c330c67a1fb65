"""Each data set that the project brings composes, and its source is built from what its yaml says."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.config.compose import compose
from launcher.config.groups import CONF_DIR, Groups
from launcher.config.validate import from_composed
from launcher.data.sources.base import open_source

PATH = ["dataset.path=somewhere"]
DATASETS: dict[str, tuple[str, str, list[str]]] = {
    "python_stdlib": ("text", "next_tokens", []),
    "text": ("text", "next_tokens", PATH),
    "hub": ("text", "next_tokens", ["dataset.name=somebody/something"]),
    "digits": ("image", "classes", ["model=cnn"]),
    "image_folder": ("image", "classes", ["model=cnn", *PATH]),
    "breast_cancer": ("table", "classes", ["model=mlp"]),
    "wine": ("table", "classes", ["model=mlp"]),
    "iris": ("table", "classes", ["model=mlp"]),
    "csv": ("table", "classes", ["model=mlp", *PATH]),
    "jsonl": ("table", "classes", ["model=mlp", *PATH]),
    "parquet": ("table", "classes", ["model=mlp", *PATH]),
    "diabetes": ("table", "values", ["model=mlp"]),
}


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_composes_with_its_task(name: str) -> None:
    kind, labels, overrides = DATASETS[name]
    config = from_composed(compose([f"dataset={name}", *overrides]))
    assert (config.dataset.kind, config.task["_labels_"]) == (kind, labels)
    assert callable(open_source(config.dataset.source).load)


def test_the_command_line_wins_over_the_task_of_the_data_set() -> None:
    config = from_composed(compose(["dataset=diabetes", "model=mlp", "task=classification"]))
    assert config.task["_labels_"] == "classes"


def test_every_data_set_is_in_the_table() -> None:
    assert set(Groups().options("dataset")) == set(DATASETS)


def test_every_data_set_is_in_the_documentation() -> None:
    page = (Path(CONF_DIR).parent / "docs" / "datasets.md").read_text(encoding="utf-8")
    assert [name for name in DATASETS if f"`{name}`" not in page] == []
