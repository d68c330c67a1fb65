"""A real `windlass dashboard` process, and clients that no browser would be."""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.serving import DASHBOARD, PATIENCE_S, Server

ROOT = Path(__file__).parents[4]
POST = {"Content-Type": "application/json", "X-Windlass": "1"}


class Served(Server):
    """`windlass dashboard` with some arguments on a free port, once it has printed its address."""

    def __init__(self, *arguments: str | Path, cwd: Path, browser: bool = False, **environment: str) -> None:
        words = [word for word in DASHBOARD if not (browser and word == "--no-browser")]
        if "--socket" in arguments:
            del words[words.index("--port") :]
        environment = {"PYTHONPATH": str(ROOT), **environment}
        super().__init__([*words, *map(str, arguments)], environment=environment, cwd=cwd)
        parts = urlsplit(self.address)
        self.base, self.host, self.port = f"http://{parts.netloc}", parts.netloc, parts.port
        self.token = parse_qs(parts.query)["token"][0]

    @contextlib.contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """A client that has exchanged the token."""
        with httpx.Client(base_url=self.base, timeout=PATIENCE_S) as client:
            assert client.get("/", params={"token": self.token}).status_code == 303
            yield client

    @functools.cached_property
    def cookie(self) -> str:
        """What a browser that is known sends."""
        with self.client() as client:
            return "; ".join(f"{name}={value}" for name, value in client.cookies.items())

    def raw(self, request: bytes) -> tuple[int, bytes]:
        """The status and the whole answer to bytes as they are."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it answers before it has read all
                connection.sendall(request)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while block := connection.recv(1 << 16):
                    answer += block
        return int(answer.split(b" ", 2)[1]), answer

    def ask(self, line: str, *headers: str) -> tuple[int, bytes]:
        """As `raw`, from a request line and headers; the rest of an answer that would go on is not waited for."""
        lines = [f"{line} HTTP/1.1", *headers, "Connection: close", "", ""]
        return self.raw("\r\n".join(lines).encode("latin-1"))


def eventually(look: Callable[[], Any], *, what: str) -> Any:
    """The first answer that is not false, None or empty."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.05)
    return found


def keys(client: httpx.Client, count: int) -> dict[str, str]:
    """Keys of runs by their ids, once so many are found."""

    def look() -> dict[str, str]:
        rows = client.get("/api/runs", params={"columns": "id"}).json()["rows"]
        return {row["cells"][0]: row["key"] for row in rows} if len(rows) >= count else {}

    return eventually(look, what=f"{count} runs")


def events(response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """Server-sent events, as they come."""
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))
