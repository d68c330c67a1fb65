"""Where runs and sweeps lie, and how addresses name them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

WINDLASS, WANDB = "windlass", "wandb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One run on the disk."""

    key: str  # names it in addresses, for as long as it lies where it does
    id: str  # as its writer knows it
    kind: str  # WINDLASS, or WANDB for a run that anybody's script wrote
    root: Path  # what the user asked to see
    path: Path  # the run directory; of a W&B run the directory that holds those of its attempts
    files: tuple[Path, ...] = ()  # its `.wandb` files, oldest attempt first


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlace:
    """One sweep on the disk."""

    key: str
    id: str
    root: Path
    path: Path


def make_key(path: Path, run_id: str) -> str:
    """The key of a run or a sweep: 12 hex digits."""
    return hashlib.sha256(os.fsencode(f"{path}\0{run_id}")).hexdigest()[:12]  # names need not be UTF-8
