"""What is answered can be sent, whatever names hold."""

from __future__ import annotations

import asyncio
import json

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from launcher.dashboard.web.answers import MissingError, as_file, as_json, explain

HALF = "a\udcffb"
"""As the name of a file that is no UTF-8 reads."""


def test_a_text_with_half_a_character_can_be_saved() -> None:
    assert as_file(HALF, name=HALF, media_type="text/csv").body == b"a?b"
    streamed = as_file(iter([HALF]), name=HALF, media_type="text/csv")
    assert isinstance(streamed, StreamingResponse)

    async def parts() -> list[object]:
        return [part async for part in streamed.body_iterator]

    assert asyncio.run(parts()) == [b"a?b"]


def test_an_error_about_it_can_be_told() -> None:
    request = Request({"type": "http", "method": "POST", "path": "/", "headers": []})
    answer = asyncio.run(explain(request, MissingError(HALF)))
    assert (answer.status_code, json.loads(answer.body)) == (404, {"error": HALF})
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("value", [float("nan"), 1 << 100_000, HALF], ids=["nan", "huge", "half"])
def test_json_is_made_of_every_value(value: object) -> None:
    assert isinstance(json.loads(as_json({"value": value}).body)["value"], str)
