"""Processes that have ended, and disks that are full."""

from __future__ import annotations

import contextlib
import resource
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from launcher.runs import this_process


@pytest.fixture
def dead_process() -> dict[str, Any]:
    """What `this_process` would have said in a process that has ended."""
    process = subprocess.Popen(["sleep", "0"])
    process.wait()
    return {**this_process(), "pid": process.pid}


@pytest.fixture
def full_disk() -> Callable[[int], contextlib.AbstractContextManager[None]]:
    """Inside, no file of this process grows beyond so many bytes: what is written then ends as on a full disk."""

    @contextlib.contextmanager
    def limit(num_bytes: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limit
