"""Who is let through, and what everybody else is told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from launcher.dashboard.web.guard import HEADERS, MAX_BODY_BYTES, Door, Guard
from launcher.dashboard.web.keys import Keys

HOST = "127.0.0.1:6070"
DOOR = Door(hosts=frozenset({"localhost", "127.0.0.1", "[::1]"}), port=6070, cookie="windlass-6070")
POST = {"Content-Type": "application/json", "X-Windlass": "1"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


class Client:
    """Asks a guard as no browser would: any method, path and headers."""

    def __init__(self, door: Door = DOOR) -> None:
        self.keys = Keys()
        self.known = {"Cookie": f"{door.cookie}={self.keys.cookie}"}
        self._guard = Guard(PlainTextResponse("inside"), door=door, keys=self.keys)

    def ask(
        self, method: str = "GET", target: str = "/", *, headers: Any = (), host: str | None = HOST, known: bool = True
    ) -> Answer:
        given = [*({} if host is None else {"Host": host}).items(), *(self.known if known else {}).items()]
        given += list(headers.items()) if isinstance(headers, dict) else list(headers)
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given],
        }
        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        asyncio.run(self._guard(scope, receive, send))
        found = {name.decode().lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], found, b"".join(part.get("body", b"") for part in sent[1:]).decode())


@pytest.fixture
def client() -> Client:
    return Client()


def test_a_browser_with_the_cookie_gets_in(client: Client) -> None:
    assert client.ask("GET", "/api/runs").body == "inside"


@pytest.mark.parametrize("host", ["localhost:6070", "LOCALHOST:6070", "127.0.0.1:6070", "[::1]:6070"])
def test_the_server_answers_to_its_own_names(client: Client, host: str) -> None:
    assert client.ask(host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        None, "", "evil.example", "evil.example:6070", "127.0.0.1", "127.0.0.1:6071", "127.0.0.1.evil.example:6070",
        "evil.example#127.0.0.1:6070", "127.0.0.1:6070@evil.example", "localhost.:6070", "[::1", "::1:6070",
        "0.0.0.0:6070",
        "127.0.0.1:٦٠٧٠".encode().decode("latin-1"), "127.0.0.1:6070, evil.example", "127.1:6070", " 127.0.0.1:6070",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_another_host_is_refused_whatever_the_method(client: Client, host: str | None, method: str) -> None:
    assert client.ask(method, "/api/runs", host=host, headers=POST).status == 400


def test_two_hosts_are_refused(client: Client) -> None:
    assert client.ask(headers=[("Host", "evil.example")]).status == 400


def test_a_host_with_another_port_is_told_which_port_to_forward(client: Client) -> None:
    assert "ssh -L 6070:" in client.ask(host="localhost:7000").body


def test_behind_a_unix_socket_any_port_is_ours_but_no_other_name() -> None:
    client = Client(Door(hosts=DOOR.hosts, port=None, cookie="windlass-abc"))
    assert client.ask(host="localhost:7000").status == 200
    assert client.ask(host="evil.example:7000").status == 400


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "X"]
)
@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example", "null", "https://127.0.0.1:6070", "http://127.0.0.1", "http://127.0.0.1:6071",
        "http://localhost:6070", "",
    ],
)  # fmt: skip
def test_another_origin_is_refused_whatever_the_method(client: Client, method: str, origin: str) -> None:
    assert client.ask(method, "/api/runs", headers=POST | {"Origin": origin}).status == 403


def test_the_own_origin_may_post(client: Client) -> None:
    assert client.ask("POST", "/api/control/check", headers=POST | {"Origin": f"http://{HOST}"}).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something-new"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
def test_what_another_site_fetches_is_refused(client: Client, site: str, method: str) -> None:
    headers = POST | {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty"}
    assert client.ask(method, "/api/runs", headers=headers).status == 403


@pytest.mark.parametrize(("mode", "dest"), [("navigate", "iframe"), ("navigate", "object"), ("cors", "document")])
def test_what_another_site_embeds_is_refused(client: Client, mode: str, dest: str) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    assert client.ask(headers=headers).status == 403


def test_a_form_of_another_site_is_refused(client: Client) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.ask("POST", "/api/control/launch", headers=POST | headers).status == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND"])
def test_methods_that_are_not_known_are_refused(client: Client, method: str) -> None:
    answer = client.ask(method, "/api/runs", headers=POST)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Content-Type": "application/json"}, 403),
        ({"Content-Type": "application/json", "X-Windlass": "0"}, 403),
        ({"X-Windlass": "1"}, 415),
        ({"X-Windlass": "1", "Content-Type": "text/plain"}, 415),
        ({"X-Windlass": "1", "Content-Type": "application/x-www-form-urlencoded"}, 415),
        (POST | {"Content-Length": str(MAX_BODY_BYTES + 1)}, 413),
        (POST | {"Content-Length": "-1"}, 413),
        (POST | {"Content-Length": "9" * 40}, 413),
        (POST | {"Content-Type": "application/json; charset=utf-8", "Content-Length": "2"}, 200),
    ],
)
def test_a_post_says_that_it_comes_from_the_page(client: Client, headers: dict[str, str], status: int) -> None:
    assert client.ask("POST", "/api/control/check", headers=headers).status == status


@pytest.mark.parametrize("target", ["/", "/run/abc", "/api/runs", "/static/main.js", "/plotly.js", "/nothing"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_without_a_cookie_nothing_is_shown(client: Client, method: str, target: str) -> None:
    answer = client.ask(method, target, headers=POST, known=False)
    assert answer.status == 401
    assert "inside" not in answer.body


def test_a_page_without_a_cookie_says_what_to_open(client: Client) -> None:
    assert "windlass dashboard" in client.ask(known=False).body


def wrong_cookies(client: Client) -> list[str]:
    right = client.keys.cookie
    return [
        "",
        "windlass-6070=",
        "windlass-6070=x",
        f"windlass-6071={right}",
        f"windlass={right}",
        f"windlass-6070={right}x",
        f"windlass-6070={right[:-1]}",
        f"windlass-6070={client.keys.token}",
        f"windlass-6070={right}\xe9",
    ]


def test_a_wrong_cookie_opens_nothing(client: Client) -> None:
    answers = [client.ask(headers={"Cookie": cookie}, known=False).status for cookie in wrong_cookies(client)]
    assert set(answers) == {401}


def test_a_token_is_exchanged_for_a_cookie_and_leaves_the_address(client: Client) -> None:
    answer = client.ask(target=f"/compare?runs=a,b&token={client.keys.token}&x=1", known=False)
    assert (answer.status, answer.headers["location"]) == (303, "/compare?runs=a%2Cb&x=1")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"windlass-6070={client.keys.cookie};")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert client.keys.token not in cookie


@pytest.mark.parametrize("token", ["", "x", "é"])
def test_a_wrong_token_gets_no_cookie(client: Client, token: str) -> None:
    answer = client.ask(target=f"/?token={token}", known=False)
    assert answer.status == 401
    assert "set-cookie" not in answer.headers


def test_a_cookie_is_no_token(client: Client) -> None:
    assert client.ask(target=f"/?token={client.keys.cookie}", known=False).status == 401


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/runs"), ("POST", "/"), ("HEAD", "/")])
def test_a_token_opens_nothing_but_a_page(client: Client, method: str, path: str) -> None:
    answer = client.ask(method, f"{path}?token={client.keys.token}", headers=POST, known=False)
    assert answer.status == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example/", "///evil.example", "/%2F/evil.example"])
def test_the_exchange_leads_nowhere_else(client: Client, path: str) -> None:
    answer = client.ask(target=f"{path}?token={client.keys.token}", known=False)
    assert answer.headers["location"].startswith("/")
    assert not answer.headers["location"].startswith(("//", "/\\"))


def test_a_link_elsewhere_is_followed_in_a_second_step_in_which_a_strict_cookie_is_sent(client: Client) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    first = client.ask(target="/run/abc?x=%22%3E%3Cscript%3E", headers=headers, known=False)
    assert first.status == 200
    assert 'content="0;url=/run/abc?x=%22%3E%3Cscript%3E"' in first.body
    assert "<script>" not in first.body
    again = headers | {"Sec-Fetch-Site": "same-origin"}
    assert client.ask(target="/run/abc", headers=again, known=False).status == 401


@pytest.mark.parametrize(
    ("method", "target", "options"),
    [
        ("GET", "/", {}),
        ("GET", "/api/runs", {"known": False}),
        ("GET", "/", {"known": False}),
        ("GET", "/", {"host": "evil.example"}),
        ("DELETE", "/", {}),
        ("POST", "/", {"headers": {"Origin": "http://evil.example"}}),
    ],
)
def test_every_answer_has_the_headers_that_keep_a_page_to_itself(
    client: Client, method: str, target: str, options: dict[str, Any]
) -> None:
    headers = client.ask(method, target, **options).headers
    assert {name: headers.get(name.lower()) for name in HEADERS} == HEADERS
    assert headers["cache-control"] == "no-store"
    assert not any(name.startswith("access-control") for name in headers)


def test_the_policy_allows_no_inline_script_and_no_other_host() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy


def test_no_web_socket_is_opened(client: Client) -> None:
    with pytest.raises(AssertionError):
        asyncio.run(client._guard({"type": "websocket"}, None, None))  # type: ignore[arg-type]
