"""A server that runs as a command and prints its address: `windlass dashboard`, or another's."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit

import psutil

ADDRESS = re.compile(r"http://[^\s\x1b]+")
PATIENCE_S = 60.0
DASHBOARD = (sys.executable, "-c", "from launcher.cli import main; main()", "dashboard", "--no-browser", "--port", "0")


class Server:
    """The process of such a command, from its start to its end; what it prints is kept.

    Raises:
        RuntimeError: it ended, or printed no address in `PATIENCE_S`; the message holds what it printed.
    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        whole = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
        self._process = subprocess.Popen(
            list(command),
            cwd=cwd,
            env=whole,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: list[str] = []
        self._addresses: list[tuple[str, float]] = []
        self._told = threading.Event()
        self._reader = threading.Thread(target=self._read, name="output of a server")
        self._reader.start()
        self._told.wait(PATIENCE_S)
        if not self._addresses:
            self.close()
            raise RuntimeError(f"{command} printed no address:\n{self.printed}")
        self.address, self.began = self._addresses[0]  # as printed, and when, in unix seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def page(self, path: str, **parameters: object) -> str:
        """The address of another page, or of what pages ask for, with the token where one was printed."""
        parts = urlsplit(self.address)
        query = "&".join(filter(None, (urlencode(parameters, safe=","), parts.query)))
        return f"{parts.scheme}://{parts.netloc}{path}?{query}"

    @property
    def printed(self) -> str:
        """All that it printed so far."""
        return "".join(self._lines)

    def processes(self) -> list[psutil.Process]:
        """The process and all below it."""
        process = psutil.Process(self._process.pid)
        return [process, *process.children(recursive=True)]

    def close(self, signum: int = signal.SIGTERM) -> int:
        """Ends it with a signal and returns its exit code; it is killed if it does not end in `PATIENCE_S`."""
        self._process.send_signal(signum)
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reader.join()
        return self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line)
            if found := ADDRESS.search(line):
                self._addresses.append((found.group(), time.time()))
                self._told.set()
        self._process.stdout.close()
        self._told.set()
