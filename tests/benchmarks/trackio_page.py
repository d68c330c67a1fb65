"""The same runs in trackio's page, which its own local server serves."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.serving import Server

NAME = "trackio's page"
PROJECT = "runs"
SHOW = f"import trackio; trackio.show(project={PROJECT!r}, open_browser=False)"
FIRST_CHART = """(() => {
  const canvas = document.querySelector("canvas.marks");
  if (!canvas || !canvas.width || !canvas.height) return false;
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.some((value) => value);
})()"""
"""Vega draws on a canvas, which is transparent until something is on it."""


def is_installed() -> bool:
    """Whether there is anything to compare with."""
    return find_spec("trackio") is not None


def write_runs(directory: Path, *, runs: int, steps: int) -> None:
    """The runs of `dashboard_runs.write_few`, in trackio's data base."""
    words = [sys.executable, "-m", "tests.benchmarks.trackio_runs", PROJECT, str(runs), str(steps)]
    subprocess.run(words, env={**os.environ, **_environment(directory)}, check=True)


def serve(directory: Path) -> Server:
    """Its server, started as its documentation does."""
    return Server([sys.executable, "-c", SHOW], environment=_environment(directory))


def _environment(directory: Path) -> dict[str, str]:
    """Where its data lie; it is to look for nothing in a network."""
    return {"TRACKIO_DIR": str(directory), "HF_HUB_OFFLINE": "1"}
