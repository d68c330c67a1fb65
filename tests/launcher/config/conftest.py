"""A composed config to change, without Hydra, and groups of a user's own."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf, open_dict

from launcher.config.compose import compose


@pytest.fixture(scope="session")
def composed() -> Callable[..., DictConfig]:
    """A function that returns the default config, or the one for a table, with some keys set."""
    configs = {
        "text": compose([]),
        "table": compose(["dataset=iris", "model=mlp"]),
    }

    def change(kind: str = "text", **changes: object) -> DictConfig:
        cfg = copy.deepcopy(configs[kind])
        with open_dict(cfg):
            for key, value in changes.items():
                OmegaConf.update(cfg, key.replace("__", "."), value, force_add=True, merge=False)
        return cfg

    return change


@pytest.fixture
def groups(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes yaml files of a user's own groups and returns their directory."""

    def write(**files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / "groups" / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path / "groups"

    return write
