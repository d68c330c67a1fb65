"""What changed, told to the pages that are open: server-sent events, one poller for all of them.

An event says that something changed and how far it reaches now, never what is new: a page then asks for that from its
own cursor. So of several events about one thing the last says all, and a stream holds at most one for each thing that
its page watches. A browser that sleeps takes none of them, costs nothing, and reads the last of each when it wakes.
The number of an event tells a browser that comes back what it has seen already.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from launcher.dashboard.views.plain import plain

if TYPE_CHECKING:
    from launcher.dashboard.web.answers import Work

log = logging.getLogger(__name__)

POLL_S = 0.25
PING_S = 15.0
MAX_STREAMS = 100

Thing = tuple[str, str]
"""What can be watched: ("table", ""), ("run", key), ("sweep", key), ("log", "key:file")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """How a thing is since something changed about it."""

    number: int
    event: str
    data: dict[str, Any]


@dataclass(slots=True, eq=False, kw_only=True)
class Stream:
    """One open page: what it watches, and what it was not yet told."""

    watched: frozenset[Thing]
    pending: dict[Thing, News] = field(default_factory=dict)
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, thing: Thing, news: News) -> None:
        """Tell it next time, instead of what was to be told about this before."""
        self.pending[thing] = news
        self.ready.set()


class Live:
    """Looks at what the open pages watch, four times a second, while there are any.

    `look` is called in a thread with what is watched, and returns for each an event's name and data, or None to say
    nothing; equal answers are told once.
    """

    def __init__(self, look: Callable[[frozenset[Thing]], dict[Thing, tuple[str, dict[str, Any]]]], work: Work) -> None:
        self._look, self._work = look, work
        self._session = secrets.token_hex(4)
        self._number = 0
        self._known: dict[Thing, News] = {}
        self._streams: set[Stream] = set()
        self._poller: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def num_streams(self) -> int:
        """Pages that listen."""
        return len(self._streams)

    @property
    def is_full(self) -> bool:
        """Whether one more page would be too many."""
        return len(self._streams) >= MAX_STREAMS

    async def stream(self, watched: Iterable[Thing], last_id: str | None) -> AsyncIterator[str]:
        """The events for one page, as text, until it leaves; after `last_id` only what it has not seen."""
        stream = Stream(watched=frozenset(watched))
        seen = self._seen(last_id)
        self._streams.add(stream)
        for thing in stream.watched & self._known.keys():
            if self._known[thing].number > seen:
                stream.put(thing, self._known[thing])
        if self._poller is None and not self._closed:
            self._poller = asyncio.create_task(self._poll())
        try:
            yield self._text("hello", {"now": time.time()}, seen)
            while self._poller is not None:
                yield await self._next(stream)
        finally:
            self._streams.discard(stream)

    def close(self) -> None:
        """End all streams, and take no new ones."""
        self._closed = True
        if self._poller is not None:
            self._poller.cancel()

    async def _next(self, stream: Stream) -> str:
        try:
            async with asyncio.timeout(PING_S):
                await stream.ready.wait()
        except TimeoutError:
            return ": ping\n\n"
        stream.ready.clear()
        news = sorted(stream.pending.values(), key=lambda each: each.number)
        stream.pending.clear()
        return "".join(self._text(each.event, each.data, each.number) for each in news)

    def _seen(self, last_id: str | None) -> int:
        """The number of the last event that a browser saw; 0 where another server told it."""
        session, _, number = (last_id or "").partition("-")
        is_ours = session == self._session and re.fullmatch(r"[0-9]{1,15}", number) is not None
        return int(number) if is_ours else 0

    def _text(self, event: str, data: dict[str, Any], number: int) -> str:
        return f"id: {self._session}-{number}\nevent: {event}\ndata: {json.dumps(plain(data))}\n\n"

    async def _poll(self) -> None:
        try:
            while self._streams:
                watched = frozenset[Thing]().union(*(stream.watched for stream in self._streams))
                self._known = {thing: news for thing, news in self._known.items() if thing in watched}
                self._tell(await self._work.do(self._look, watched))
                await asyncio.sleep(POLL_S)
        except Exception:  # the pages connect again after a while, and may have better luck
            log.exception("looking for what is new failed")
        finally:
            self._poller = None
            self._known.clear()
            for stream in self._streams:
                stream.ready.set()

    def _tell(self, found: dict[Thing, tuple[str, dict[str, Any]]]) -> None:
        for thing, (event, data) in found.items():
            known = self._known.get(thing)
            if known is not None and (known.event, known.data) == (event, data):
                continue
            self._number += 1
            news = self._known[thing] = News(number=self._number, event=event, data=data)
            for stream in self._streams:
                if thing in stream.watched:
                    stream.put(thing, news)
