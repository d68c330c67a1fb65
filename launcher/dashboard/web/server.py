"""The server's life: from an open socket to the signal that ends it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from launcher.dashboard.index.index import Index
from launcher.dashboard.views.open_runs import OpenRuns
from launcher.dashboard.views.sweep import Sweeps
from launcher.dashboard.web import answers
from launcher.dashboard.web.control import Control
from launcher.dashboard.web.guard import Guard
from launcher.dashboard.web.keys import Keys
from launcher.dashboard.web.live import Live
from launcher.dashboard.web.routes import ROUTES
from launcher.dashboard.web.site import Site
from launcher.dashboard.web.sockets import Listening
from launcher.dashboard.web.watched import look
from launcher.errors import RequestError

GRACE_S = 1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def serve(
    roots: list[Path], *, allow_control: bool, listen: Listening, keys: Keys, ready: Callable[[Index], None]
) -> int:
    """Answer until a signal comes, and return it; `ready` is called once the socket is served."""
    work, watching = answers.Work(), answers.Work(num_threads=1)
    with _index(roots) as index:
        runs, sweeps = OpenRuns(index), Sweeps(index)
        live = Live(lambda watched: look(index, runs, sweeps, watched), watching)
        control = Control(index, roots) if allow_control else None
        site = Site(index=index, runs=runs, sweeps=sweeps, work=work, live=live, control=control)
        server = _Server(guarded(site, listen=listen, keys=keys), live, lambda: ready(index))
        try:
            return asyncio.run(server.until_signal(listen))
        finally:
            work.close()
            watching.close()


def guarded(site: Site, *, listen: Listening, keys: Keys) -> ASGIApp:
    """All answers, behind the guard."""
    app = Starlette(
        routes=ROUTES,
        exception_handlers={HTTPException: answers.explain, RequestError: answers.explain, Exception: answers.broken},
    )
    app.state.site = site
    return Guard(app, door=listen.door, keys=keys)


@contextlib.contextmanager
def _index(roots: list[Path]) -> Iterator[Index]:
    index = Index(roots)
    index.start()
    try:
        yield index
    finally:
        index.close()


class _Server(uvicorn.Server):
    """uvicorn, with our signals, and with streams that end when it does."""

    def __init__(self, app: ASGIApp, live: Live, ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            http="h11",  # in Python: the few questions of a page don't pay for a dependency in C
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        super().__init__(config)
        self._live, self._ready = live, ready
        self._signal, self._asked = 0, asyncio.Event()

    async def until_signal(self, listen: Listening) -> int:
        """Serve; returns the number of the signal that ended it."""
        await self.serve([listen.socket])
        return self._signal

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Only take note of signals: what follows from one is for the caller."""
        for signum in SIGNALS:
            asyncio.get_running_loop().add_signal_handler(signum, self._end, signum)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._ready()

    async def main_loop(self) -> None:
        """Wait for a signal; uvicorn would look for one ten times a second, all day."""
        await self._asked.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; a stream would never do so by itself."""
        self._live.close()
        logging.getLogger("uvicorn.error").disabled = True  # whatever is cut off by the end is no error
        await super().shutdown(sockets)

    def _end(self, signum: int) -> None:
        self._signal = signum
        self._asked.set()
