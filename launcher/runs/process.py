"""Which process runs a run, in words that stay true when the clock is set and the pid is used again."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import psutil

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def this_process() -> dict[str, Any]:
    """What names this process beyond its pid, which the system uses again.

    `pid_created` is a time; on Linux the system derives it from the wall clock, so that setting the clock moves it.
    `pid_started` is not: this boot of the machine, and ticks since then. None elsewhere.
    """
    process = psutil.Process()
    return {
        "pid": process.pid,
        "pid_created": process.create_time(),
        "pid_started": _started(process.pid),
        "host": socket.gethostname(),
    }


def is_alive(job: dict[str, Any]) -> bool:
    """Whether the process that `this_process` described still runs on this machine."""
    try:
        process = psutil.Process(job["pid"])
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if job.get("pid_started") is not None:
            return _started(process.pid) == job["pid_started"]
        return abs(process.create_time() - job["pid_created"]) < 1.0
    except (KeyError, psutil.NoSuchProcess):
        return False


def _started(pid: int) -> str | None:
    """When a process started, without a clock; None where the system does not say."""
    if sys.platform != "linux":
        return None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()  # a name may hold spaces
        return f"{BOOT_ID.read_text().strip()} {fields[19]}"
    except (OSError, IndexError):
        return None
