"""`windlass dashboard` in front of a browser: which runs it shows, and what its server costs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.chromium import new_page
from tests.serving import DASHBOARD, PATIENCE_S, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SAMPLE_S = 0.2


def serve(shown: Path, *, cache: Path) -> Server:
    """The command, with the index that a cache directory has or will have."""
    return Server([*DASHBOARD, str(shown)], environment={"WINDLASS_CACHE_DIR": str(cache)})


def keys_of(browser: Browser, server: Server, *, count: int) -> list[str]:
    """The keys of so many runs, newest first, once they are known. The server reads no run to tell them.

    Raises:
        RuntimeError: it finds fewer.
    """
    with new_page(browser) as page:
        client = page.context.request
        client.get(server.address)  # the token becomes a cookie
        deadline = time.monotonic() + PATIENCE_S
        while len(rows := client.get(server.page("/api/runs", limit=count)).json()["rows"]) < count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(rows)} of {count} runs were found:\n{server.printed}")
            time.sleep(SAMPLE_S)
    return [row["key"] for row in rows]


@contextmanager
def memory_of(server: Server) -> Iterator[list[int]]:
    """Watches a server and all its processes; gives the bytes they held at each look, together.

    The resident set, so that a page which two of them share counts twice.
    """
    held: list[int] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(SAMPLE_S):
            held.append(sum(map(resident_bytes, server.processes())))

    watcher = threading.Thread(target=look, name="memory of a server")
    watcher.start()
    try:
        yield held
    finally:
        done.set()
        watcher.join()


def resident_bytes(process: psutil.Process) -> int:
    """What a process holds, 0 once it is gone."""
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def cpu_s(server: Server) -> float:
    """CPU seconds of a server and its processes so far."""
    return sum(sum(process.cpu_times()[:2]) for process in server.processes())
