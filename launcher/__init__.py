"""Windlass: one command takes a Hydra config from a laptop CPU to thousands of GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from launcher.api import sweep, train
    from launcher.errors import DataError, RequestError, WindlassError
    from launcher.runs import Run

__all__ = ["DataError", "RequestError", "Run", "WindlassError", "sweep", "train"]

_HOMES = {
    "train": "api",
    "sweep": "api",
    "Run": "runs",
    "DataError": "errors",
    "RequestError": "errors",
    "WindlassError": "errors",
}


def __getattr__(name: str) -> Any:
    """Import on first use (PEP 562): `windlass --help` needs none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"launcher.{_HOMES[name]}"), name)
