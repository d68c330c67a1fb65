"""Starts groups of gloo processes and waits for them; what one leaves behind ends all."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import torch.distributed as dist

ROOT = Path(__file__).parents[3]


def start(processes: int, arguments: Sequence[str], logs: Path) -> list[subprocess.Popen[bytes]]:
    """Python processes of one group, each with one thread and a log of its own in `logs`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1"}
    common |= {"MASTER_PORT": str(port), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    common["GLOO_SOCKET_IFNAME"] = "lo0" if sys.platform == "darwin" else "lo"
    started = []
    for rank in range(processes):
        with (logs / f"rank{rank}.log").open("wb") as log:
            environment = {**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)}
            command = [sys.executable, *arguments]
            started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT))
    return started


def wait(workers: list[subprocess.Popen[bytes]], *, progress: Callable[[], object], patience_s: float) -> str | None:
    """Wait for all; end them when one fails or `progress()` stays the same for too long. Returns what went wrong."""
    last, since = progress(), time.monotonic()
    trouble = None
    while trouble is None and any(worker.poll() is None for worker in workers):
        time.sleep(0.05)
        if (now := progress()) != last:
            last, since = now, time.monotonic()
        failed = [rank for rank, worker in enumerate(workers) if worker.poll() not in (None, 0)]
        if failed:
            trouble = f"process {failed[0]} ended with {workers[failed[0]].returncode}"
            time.sleep(0.5)  # a peer may have more to say
        elif time.monotonic() - since > patience_s:
            trouble = f"nothing happened for {patience_s:.0f} s"
    failed = [rank for rank, worker in enumerate(workers) if worker.poll() not in (None, 0)]
    for worker in workers:
        if worker.poll() is None:
            worker.kill()
        worker.wait()
    return trouble or (f"process {failed[0]} ended with {workers[failed[0]].returncode}" if failed else None)


def leave() -> NoReturn:
    """End this process as a launched worker ends, once all of its group are here.

    The interpreter's own way out now and then meets a thread of torch's that still runs, and aborts.
    """
    if dist.is_initialized():
        dist.barrier()
    os._exit(0)
