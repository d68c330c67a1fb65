"""Which process runs a run, in words that stay true when the clock is set and the pid is used again."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from launcher.errors import RequestError

STOP_TIMEOUT_S = 60.0
POLL_S = 0.2
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
    """Whether the process that `this_process` described still runs on this machine; what is no such description, no."""
    pid = job.get("pid")
    if not isinstance(pid, int):  # psutil takes None for this process
        return False
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if job.get("pid_started") is not None:
            return _started(process.pid) == job["pid_started"]
        return abs(process.create_time() - job["pid_created"]) < 1.0
    except (KeyError, TypeError, ValueError, OverflowError, psutil.NoSuchProcess):
        return False


def stop_process(process: dict[str, Any], is_active: Callable[[], bool], *, kind: str, name: str) -> bool:
    """Interrupt the process that `this_process` described, and wait until its run or sweep has ended; whether it has.

    Raises:
        RequestError: as `interrupt_process`.
    """
    interrupt_process(process, kind=kind, name=name)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while is_active() and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return not is_active()


def interrupt_process(process: dict[str, Any], *, kind: str, name: str) -> None:
    """Interrupt the process that `this_process` described; one that is gone, or another of its pid, gets no signal.

    Raises:
        RequestError: it runs on another machine, or belongs to another user.
    """
    host = process.get("host")
    if host != socket.gethostname():
        raise RequestError(f"{kind} {name} runs on {host}; type there: windlass {kind}s stop {name}")
    if not is_alive(process):
        return
    try:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process["pid"], signal.SIGINT)
    except PermissionError as error:
        raise RequestError(f"{kind} {name} belongs to another user; only its owner can stop it") from error


def _started(pid: int) -> str | None:
    """When a process started, without a clock; None where the system does not say."""
    if sys.platform != "linux":
        return None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()  # a name may hold spaces
        return f"{BOOT_ID.read_text().strip()} {fields[19]}"
    except (OSError, IndexError):
        return None
