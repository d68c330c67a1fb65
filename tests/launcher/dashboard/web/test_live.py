"""What open pages are told."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest

from launcher.dashboard.web import live as module
from launcher.dashboard.web.answers import Work
from launcher.dashboard.web.live import Live, Thing

RUN: Thing = ("run", "a")
TABLE: Thing = ("table", "")


class World:
    """Things, how they are, and how often somebody looked."""

    def __init__(self) -> None:
        self.things: dict[Thing, Any] = {RUN: 1, TABLE: 1}
        self.looks: list[frozenset[Thing]] = []

    def look(self, watched: frozenset[Thing]) -> dict[Thing, tuple[str, dict[str, Any]]]:
        self.looks.append(watched)
        return {thing: (thing[0], {"value": self.things[thing]}) for thing in watched if thing in self.things}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.01)


def play(world: World, scene: Callable[[Live], Awaitable[None]]) -> None:
    """Run a scene with a live server, and end both."""

    async def whole() -> None:
        work = Work(num_threads=1)
        live = Live(world.look, work)
        try:
            async with asyncio.timeout(20):
                await scene(live)
        finally:
            live.close()
            work.close()

    asyncio.run(whole())


async def told(stream: AsyncIterator[str]) -> list[dict[str, Any]]:
    """The next events."""
    events = []
    for text in (await anext(stream)).strip().split("\n\n"):
        if not text.startswith(":"):
            fields = dict(line.split(": ", 1) for line in text.split("\n"))
            events.append({"id": fields["id"], "event": fields["event"], **json.loads(fields["data"])})
    return events


def test_a_page_is_greeted_and_told_how_the_things_are_that_it_watches(world: World) -> None:
    async def scene(live: Live) -> None:
        async with aclosing(live.stream([RUN], None)) as stream:
            assert (await told(stream))[0]["event"] == "hello"
            assert [(each["event"], each["value"]) for each in await told(stream)] == [("run", 1)]

    play(world, scene)
    assert world.looks[0] == {RUN}


def test_what_stays_the_same_is_told_once(world: World) -> None:
    async def scene(live: Live) -> None:
        async with aclosing(live.stream([RUN], None)) as stream:
            await told(stream)
            await told(stream)
            looks = len(world.looks)
            while len(world.looks) < looks + 3:
                await asyncio.sleep(0.01)
            world.things[RUN] = 2
            assert [each["value"] for each in await told(stream)] == [2]

    play(world, scene)


def test_a_page_that_sleeps_is_told_the_last_of_each_thing_and_nothing_piles_up(world: World) -> None:
    async def scene(live: Live) -> None:
        async with aclosing(live.stream([RUN, TABLE], None)) as stream:
            await told(stream)
            await told(stream)
            for value in range(2, 30):
                world.things[RUN] = world.things[TABLE] = value
                looks = len(world.looks)
                while len(world.looks) < looks + 2:
                    await asyncio.sleep(0.005)
            (sleeper,) = live._streams
            assert len(sleeper.pending) == 2
            assert {each["value"] for each in await told(stream)} == {29}

    play(world, scene)


def test_one_look_serves_all_pages(world: World) -> None:
    async def scene(live: Live) -> None:
        async with aclosing(live.stream([RUN], None)) as one, aclosing(live.stream([TABLE], None)) as other:
            await told(one), await told(other)
            await told(one), await told(other)

    play(world, scene)
    assert {RUN, TABLE} in world.looks


def test_a_page_that_comes_back_is_told_only_what_it_has_not_seen(world: World) -> None:
    async def scene(live: Live) -> None:
        async with aclosing(live.stream([RUN, TABLE], None)) as stays:
            await told(stays)
            last = (await told(stays))[-1]["id"]
            world.things[RUN] = 2
            assert [each["event"] for each in await told(stays)] == ["run"]
            async with aclosing(live.stream([RUN, TABLE], last)) as back:
                await told(back)
                assert [(each["event"], each["value"]) for each in await told(back)] == [("run", 2)]

    play(world, scene)


@pytest.mark.parametrize("last", ["", "x", "other-5", "other-", "-", "é-5"])
def test_an_event_of_another_server_says_nothing_about_what_was_seen(world: World, last: str) -> None:
    async def scene(live: Live) -> None:
        async with aclosing(live.stream([RUN], last)) as stream:
            await told(stream)
            assert [each["value"] for each in await told(stream)] == [1]

    play(world, scene)


def test_nobody_looks_when_no_page_is_open(world: World) -> None:
    async def scene(live: Live) -> None:
        async with aclosing(live.stream([RUN], None)) as stream:
            await told(stream)
            await told(stream)
        assert live.num_streams == 0
        while live._poller is not None:
            await asyncio.sleep(0.01)
        looks = len(world.looks)
        await asyncio.sleep(0.05)
        assert len(world.looks) == looks

    play(world, scene)


def test_a_quiet_page_is_sent_a_sign_of_life(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PING_S", 0.02)
    world.things.clear()

    async def scene(live: Live) -> None:
        async with aclosing(live.stream([RUN], None)) as stream:
            await anext(stream)
            assert await anext(stream) == ": ping\n\n"

    play(world, scene)


def test_all_streams_end_with_the_server(world: World) -> None:
    async def scene(live: Live) -> None:
        async with aclosing(live.stream([RUN], None)) as stream:
            await told(stream)
            await told(stream)
            live.close()
            assert [text async for text in stream] in ([], [""])
        async with aclosing(live.stream([RUN], None)) as late:
            assert len([text async for text in late]) == 1

    play(world, scene)


def test_a_look_that_fails_is_reported_and_ends_the_streams_so_that_pages_connect_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(watched: frozenset[Thing]) -> dict[Thing, tuple[str, dict[str, Any]]]:
        raise ZeroDivisionError

    world.look = broken  # type: ignore[method-assign]

    async def scene(live: Live) -> None:
        async with aclosing(live.stream([RUN], None)) as stream:
            await told(stream)
            assert "".join([text async for text in stream]) == ""

    with caplog.at_level(logging.ERROR):
        play(world, scene)
    assert "ZeroDivisionError" in caplog.text


def test_a_number_that_no_event_had_says_nothing_about_what_was_seen(world: World) -> None:
    async def scene(live: Live) -> None:
        async with aclosing(live.stream([RUN], None)) as stream:
            session = (await told(stream))[0]["id"].partition("-")[0]
            await told(stream)
            async with aclosing(live.stream([RUN], f"{session}-{'9' * 5000}")) as other:
                assert (await told(other))[0]["event"] == "hello"
                assert [each["event"] for each in await told(other)] == ["run"]

    play(world, scene)
