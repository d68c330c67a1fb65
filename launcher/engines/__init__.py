"""Engines start processes somewhere; `make_engine` picks the one a config names."""

from __future__ import annotations

from launcher.config.schema import EngineConfig
from launcher.engines.engine import Engine
from launcher.engines.local import LocalEngine


def make_engine(config: EngineConfig) -> Engine:
    """The engine that `engine.name` names; the schema has checked the name."""
    return {"local": LocalEngine}[config.name](grace_s=config.grace_s)
