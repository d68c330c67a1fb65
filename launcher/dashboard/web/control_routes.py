"""Control over HTTP; without --allow-control every answer is a refusal."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from launcher.dashboard.web.answers import ForbiddenError, as_json, posted
from launcher.dashboard.web.control import Begun, Control
from launcher.dashboard.web.site import site_of
from launcher.errors import RequestError

WAIT_S = 20.0
INDEX_WAIT_S = 3.0
POLL_S = 0.2


async def experiments(request: Request) -> Response:
    """What can be chosen."""
    return as_json(await site_of(request).work.do(_control(request).choices))


async def check(request: Request) -> Response:
    """Whether overrides describe a run."""
    control, body = _control(request), await posted(request)
    return as_json(await site_of(request).work.do(control.check, body.get("overrides", []), _source(body)))


async def launch(request: Request) -> Response:
    """Start a run."""
    control, body = _control(request), await posted(request)
    begun = await site_of(request).work.do(control.launch, body.get("overrides", []), _source(body))
    return await _answer(request, control, begun)


async def resume(request: Request) -> Response:
    """Go on with a run."""
    control, body = _control(request), await posted(request)
    key = request.path_params["key"]
    begun = await site_of(request).work.do(control.resume, key, body.get("overrides", []))
    return await _answer(request, control, begun)


async def stop(request: Request) -> Response:
    """End a run."""
    control = _control(request)
    await posted(request)
    return as_json({"id": await site_of(request).work.do(control.stop, request.path_params["key"])})


async def delete(request: Request) -> Response:
    """Remove a run."""
    control, body = _control(request), await posted(request)
    run_id = await site_of(request).work.do(control.delete, request.path_params["key"], body.get("confirm"))
    return as_json({"id": run_id})


ROUTES = [
    Route("/api/control/experiments", experiments),
    Route("/api/control/check", check, methods=["POST"]),
    Route("/api/control/launch", launch, methods=["POST"]),
    Route("/api/control/stop/{key}", stop, methods=["POST"]),
    Route("/api/control/resume/{key}", resume, methods=["POST"]),
    Route("/api/control/delete/{key}", delete, methods=["POST"]),
]


def _control(request: Request) -> Control:
    control = site_of(request).control
    if control is None:
        raise ForbiddenError(
            "this dashboard only shows; start it with windlass dashboard --allow-control to act on runs"
        )
    return control


def _source(body: dict[str, Any]) -> str | None:
    source = body.get("from")
    if source is not None and not isinstance(source, str):
        raise RequestError("from must be the key of a run, or null")
    return source


async def _answer(request: Request, control: Control, begun: Begun) -> Response:
    """The run, once it is seen to have begun; what the command said if it ended before.

    A command that takes long to prepare its data is answered for without a key: its run shows up in time.
    """
    work = site_of(request).work
    deadline = time.monotonic() + WAIT_S
    while not await work.do(begun.has_begun):
        code = begun.spawned.exit_code
        if code is not None and not await work.do(begun.has_begun):
            said = await work.do(begun.spawned.said)
            raise RequestError(said or f"the command ended with {code} and said nothing")
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(POLL_S)
    deadline = min(deadline, time.monotonic() + INDEX_WAIT_S)
    while (key := await work.do(control.key, begun.run)) is None and time.monotonic() < deadline:
        await asyncio.sleep(POLL_S)
    return as_json({"id": begun.run.id, "key": key})
