"""Between HTTP and the functions below: what was asked, as values; what is answered, as bytes; errors, in words."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from launcher.dashboard.views.plain import plain
from launcher.dashboard.web.guard import MAX_BODY_BYTES
from launcher.errors import RequestError

P = ParamSpec("P")
T = TypeVar("T")

MAX_RUNS = 200
"""In one question; an overlay of more shows nothing."""


class MissingError(RequestError):
    """There is no such run, sweep or file (any more)."""


class ForbiddenError(RequestError):
    """It is there, but not allowed."""


class Work:
    """A few threads for what reads files or computes, so that the server answers others meanwhile."""

    def __init__(self, num_threads: int = 4) -> None:
        self._pool = ThreadPoolExecutor(num_threads, thread_name_prefix="dashboard")

    async def do(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns or raises, called in one of the threads."""
        call = partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def close(self) -> None:
        """Take nothing more; what runs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def as_json(value: Any, status: int = 200) -> Response:
    """JSON; NaN and infinity, which it does not know, as strings."""
    return Response(json.dumps(plain(value), allow_nan=False), status, media_type="application/json")


def as_file(content: str | Iterator[str], *, name: str, media_type: str) -> Response:
    """What the browser saves; parts of it are made as they are sent."""
    headers = {"Content-Disposition": f'attachment; filename="{_file_name(name)}"'}
    if isinstance(content, str):
        return Response(_encoded(content), media_type=media_type, headers=headers)
    return StreamingResponse(map(_encoded, content), media_type=media_type, headers=headers)


async def posted(request: Request) -> dict[str, Any]:
    """The object in a POST's body.

    Raises:
        RequestError: it is no JSON object.
        HTTPException: it is too large.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:  # the guard has seen the length that was announced, if one was
            raise HTTPException(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
    try:
        value = json.loads(bytes(body) or b"{}")
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise RequestError('the body must be a JSON object, such as {"overrides": []}')
    return value


def words(request: Request, name: str) -> list[str]:
    """A list in the query: separated by commas, or the parameter given several times."""
    return [word for value in request.query_params.getlist(name) for word in value.split(",") if word]


def number(request: Request, name: str, default: float, *, low: float = -math.inf, high: float = math.inf) -> float:
    """A number in the query.

    Raises:
        RequestError: it is none, or outside of its limits.
    """
    text = request.query_params.get(name) or ""
    try:
        value = float(text) if text else default
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise RequestError(f"{name}={text[:50]} must be a number from {low:g} to {high:g}")
    return value


def whole(request: Request, name: str, default: int, *, low: int, high: int) -> int:
    """A whole number in the query; RequestError as `number`."""
    value = number(request, name, default, low=low, high=high)
    if value != int(value):
        raise RequestError(f"{name}={value:g} must be a whole number")
    return int(value)


def limit(request: Request, name: str) -> float | None:
    """A number that may be left out; RequestError if it is none."""
    return number(request, name, 0.0) if request.query_params.get(name) else None


async def explain(request: Request, error: Exception) -> Response:
    """The answer to a question that was wrong; what is left of a body is not waited for."""
    if isinstance(error, HTTPException):
        status, text, headers = error.status_code, error.detail, dict(error.headers or {})
    else:
        status = 404 if isinstance(error, MissingError) else 403 if isinstance(error, ForbiddenError) else 400
        text, headers = str(error), {}
    if request.method == "POST":
        headers["Connection"] = "close"
    answer = as_json({"error": text}, status)
    answer.headers.update(headers)
    return answer


async def broken(request: Request, error: Exception) -> Response:
    """The answer where we are wrong; what happened is told in the terminal."""
    text = f"the dashboard failed at this ({type(error).__name__}); its terminal says more"
    return as_json({"error": text}, 500)


def _encoded(text: str) -> bytes:
    """Names of files, and texts in them, may hold halves of characters, which UTF-8 does not know."""
    return text.encode("utf-8", "replace")


def _file_name(name: str) -> str:
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name)
