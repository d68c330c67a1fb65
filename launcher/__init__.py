"""Windlass: one command takes a Hydra config from a laptop CPU to thousands of GPUs."""

from launcher.api import train
from launcher.errors import DataError, RequestError, WindlassError
from launcher.runs import Run

__all__ = ["DataError", "RequestError", "Run", "WindlassError", "train"]
