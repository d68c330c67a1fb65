"""A real server, asked by hostile clients."""

from __future__ import annotations

import itertools
import json
import re
import signal
import socket
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from starlette.routing import Route

from launcher.dashboard.web.guard import HEADERS, MAX_BODY_BYTES
from launcher.dashboard.web.routes import ROUTES
from tests.launcher.dashboard.made import make_run
from tests.launcher.dashboard.web.served import POST, Served, events, eventually, keys

Serve = Callable[..., Served]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"]
TRAVERSALS = [
    "../secret.txt", "../../secret.txt", "..%2fsecret.txt", "..%2F..%2Fsecret.txt", "%2e%2e/secret.txt",
    "%2e%2e%2fsecret.txt", "%252e%252e%252fsecret.txt", "..%5csecret.txt", "..\\secret.txt", "....//secret.txt",
    "%c0%ae%c0%ae%c0%afsecret.txt", "..%00/secret.txt", "secret.txt%00.js", "/etc/passwd", "%2fetc%2fpasswd",
    "/%2e%2e/%2e%2e/etc/passwd", "file:///etc/passwd", ".", "..", "", "web/guard.py", "__init__.py", "*",
]  # fmt: skip


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[httpx.Client]:
    with served.client() as client:
        yield client


@pytest.fixture(scope="module")
def run_keys(client: httpx.Client) -> dict[str, str]:
    return keys(client, 2)


def test_the_token_is_in_the_address_once_and_then_only_the_cookie_counts(served: Served) -> None:
    with httpx.Client(base_url=served.base) as client:
        answer = client.get("/", params={"token": served.token})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert list(client.cookies) == [f"windlass-{served.port}"]
        assert client.cookies[f"windlass-{served.port}"] != served.token
        assert client.get("/api/info").status_code == 200
    assert httpx.get(f"{served.base}/api/info", params={"token": served.token}).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1.evil.example:{port}"])
@pytest.mark.parametrize("method", METHODS)
def test_a_name_that_was_bound_to_the_loopback_elsewhere_is_refused(served: Served, method: str, host: str) -> None:
    lines = [f"Host: {host.format(port=served.port)}", f"Cookie: {served.cookie}"]
    assert served.ask(f"{method} /api/runs", *lines)[0] == 400


@pytest.mark.parametrize("method", METHODS)
def test_another_origin_is_refused_even_with_the_cookie(served: Served, method: str) -> None:
    lines = [f"Host: {served.host}", f"Cookie: {served.cookie}", "Origin: http://evil.example"]
    lines += [f"{name}: {value}" for name, value in POST.items()]
    assert served.ask(f"{method} /api/control/launch", *lines)[0] == 403


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_no_route_answers_a_method_that_is_not_its_own_nor_anybody_without_a_cookie(
    served: Served, route: Route
) -> None:
    cookie = f"Cookie: {served.cookie}"
    path = route.path.replace("{key}", "0123456789ab").replace("{name}", "main.js")
    assert route.methods is not None
    for method in METHODS:
        lines = [f"Host: {served.host}", "Content-Length: 0", *(f"{name}: {value}" for name, value in POST.items())]
        status, _ = served.ask(f"{method} {path}", *lines)
        assert status == (401 if method in ("GET", "HEAD", "POST") else 405), method
        if path == "/api/live" and method == "GET":
            continue  # it goes on
        status, _ = served.ask(f"{method} {path}", *lines, cookie)
        assert status < 500, method
        assert (status == 405) == (method not in route.methods), method


@pytest.mark.parametrize("folder", ["/static/", "/run/", "/sweep/", "/api/run/", "/api/logs/", "/api/sweep/", "/"])
def test_no_spelling_of_a_path_leads_out(served: Served, client: httpx.Client, folder: str) -> None:
    cookie = served.cookie
    for spelling in TRAVERSALS:
        status, answer = served.ask(f"GET {folder}{spelling}", f"Host: {served.host}", f"Cookie: {cookie}")
        assert status < 500, spelling
        assert not any(secret in answer for secret in (b"the secret", b"root:", b"import annotations")), spelling
        is_page = folder in ("/run/", "/sweep/", "/") and status == 200
        assert status in (303, 400, 404) or is_page, (spelling, status)


def test_a_key_is_looked_up_and_never_a_path(served: Served, client: httpx.Client, shown: Path) -> None:
    for key in (str(shown / "one"), "one", "../runs/one", "%2e%2e", "0" * 12, "", "a" * 5000):
        for path in ("run", "logs", "sweep"):
            assert client.get(f"/api/{path}/{key}").status_code in (303, 404, 400)


@pytest.mark.parametrize(
    "name", ["attempt_0/rank_1.log", "../job.json", "job.json", "/etc/passwd", "attempt_0/../../job.json"]
)
def test_a_log_is_one_of_those_that_are_listed_and_no_link(
    client: httpx.Client, run_keys: dict[str, str], name: str
) -> None:
    answer = client.get(f"/api/logs/{run_keys['one']}", params={"file": name})
    assert answer.status_code == 400
    assert "the secret" not in answer.text
    assert client.get(f"/api/logs/{run_keys['one']}", params={"file": "attempt_0/rank_0.log"}).status_code == 200


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_not_taken(served: Served, announced: bool) -> None:
    lines = [
        f"Host: {served.host}",
        f"Cookie: {served.cookie}",
        *(f"{name}: {value}" for name, value in POST.items()),
    ]
    body = b" " * (MAX_BODY_BYTES + 1)
    lines.append(f"Content-Length: {len(body)}" if announced else "Transfer-Encoding: chunked")
    content = body if announced else b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    head = "\r\n".join(["POST /api/control/check HTTP/1.1", *lines, "", ""]).encode()
    assert served.raw(head + content)[0] in (403, 413)  # 403: this server takes none at all


@pytest.mark.parametrize("garbage", [b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 70_000])
def test_what_is_no_http_is_refused(served: Served, garbage: bytes) -> None:
    assert served.raw(garbage + b"\r\n\r\n")[0] in (400, 431)


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("runs", {"limit": "-1"}), ("runs", {"limit": "nan"}), ("runs", {"offset": "1e400"}), ("runs", {"limit": "x"}),
        ("runs", {"filter": "(((" * 2000}), ("runs", {"filter": "lr <"}),
        ("series", {}), ("series", {"runs": "0" * 12}), ("series", {"runs": "KEY"}),
        ("series", {"runs": "KEY", "metric": "train/loss", "x": "nothing"}),
        ("series", {"runs": "KEY", "metric": "train/loss", "points": "1e9"}),
        ("series", {"runs": "KEY", "metric": "train/loss", "smooth": "nan"}),
        ("series", {"runs": "KEY", "metric": "train/loss", "low": "x"}),
        ("series", {"runs": "KEY", "metric": "train/loss", "after": "x"}),
        ("series", {"runs": ",".join(f"{n:012}" for n in range(201)), "metric": "a"}),
        ("compare", {}), ("csv", {"runs": "KEY"}), ("report", {}),
        ("live", {"runs": ",".join(f"{n:012}" for n in range(201))}),
    ],
)  # fmt: skip
def test_a_wrong_question_is_answered_in_words(
    client: httpx.Client, run_keys: dict[str, str], path: str, parameters: dict[str, str]
) -> None:
    given = {name: value.replace("KEY", run_keys["one"]) for name, value in parameters.items()}
    answer = client.get(f"/api/{path}", params=given)
    assert answer.status_code in (400, 404), answer.text
    assert len(answer.json()["error"]) > 10


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/plotly.js", "/api/info", "/nothing", "/api/run/x"])
def test_every_answer_keeps_a_page_to_itself(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert {name: headers.get(name) for name in HEADERS} == HEADERS
    assert "server" not in headers


def test_a_file_of_the_page_is_sent_again_only_once_it_has_changed(client: httpx.Client) -> None:
    for path in ("/static/main.js", "/plotly.js"):
        first = client.get(path)
        again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


def test_plotly_is_packed_only_where_it_can_be_unpacked(client: httpx.Client) -> None:
    packed = client.get("/plotly.js")
    plain = client.get("/plotly.js", headers={"Accept-Encoding": "identity"})
    assert (packed.headers["content-encoding"], plain.headers.get("content-encoding")) == ("gzip", None)
    assert packed.content == plain.content


@pytest.mark.parametrize("page", ["/", "/run/x", "/compare?runs=a,b", "/sweeps", "/sweep/x", "/launch"])
def test_every_page_is_the_one_page(client: httpx.Client, page: str) -> None:
    """But for the links to modules that it will ask for."""

    def text(address: str) -> str:
        return re.sub(
            r'\n *<link rel="modulepreload"[^>]*>| *<link rel="modulepreload"[^>]*>', "", client.get(address).text
        )

    assert text(page) == text("/")


def test_what_pages_ask_is_answered(client: httpx.Client, run_keys: dict[str, str]) -> None:
    info = client.get("/api/info").json()
    assert (info["num_runs"], info["allow_control"], info["problems"]) == (2, False, [])
    one, both = run_keys["one"], ",".join(run_keys.values())
    assert client.get(f"/api/run/{one}").json()["id"] == "one"
    assert len(client.get("/api/compare", params={"runs": both}).json()["runs"]) == 2
    assert client.get("/api/sweeps").json() == []
    series = client.get("/api/series", params={"runs": both, "metric": "train/loss"}).content
    header = json.loads(series[4 : 4 + struct.unpack("<I", series[:4])[0]])
    assert [line["run"] for line in header["lines"]] == list(run_keys.values())
    assert client.get("/api/csv", params={"runs": one, "metric": "train/loss"}).text.startswith("run,metric,step,value")
    assert client.get("/api/table.csv").text.count("\n") == 3
    report = client.get("/api/report", params={"runs": both})
    assert "attachment" in report.headers["content-disposition"]
    assert "<html" in report.text


def test_a_server_that_only_shows_does_nothing_to_runs(
    client: httpx.Client, run_keys: dict[str, str], shown: Path
) -> None:
    for verb in ("check", "launch", *(f"{verb}/{run_keys['one']}" for verb in ("stop", "resume", "delete"))):
        answer = client.post(f"/api/control/{verb}", headers=POST, json={"confirm": "one", "overrides": []})
        assert answer.status_code == 403
        assert "--allow-control" in answer.json()["error"]
    assert client.get("/api/control/experiments").status_code == 403
    assert (shown / "one" / "job.json").exists()


def test_the_cookie_of_another_dashboard_opens_nothing(served: Served, serve: Serve, shown: Path) -> None:
    other = serve(shown)
    value = other.cookie.partition("=")[2]
    for cookie in (other.cookie, f"windlass-{served.port}={value}"):
        assert served.ask("GET /api/info", f"Host: {served.host}", f"Cookie: {cookie}")[0] == 401


def test_a_point_that_is_logged_is_told_and_only_that_is_fetched(serve: Serve, tmp_path: Path) -> None:
    run = make_run(tmp_path / "live", "one", state="running", steps=30, every=1)
    server = serve(tmp_path / "live")
    with server.client() as client:
        key = keys(client, 1)["one"]
        with client.stream("GET", "/api/live", params={"runs": key}) as response:
            told = events(response)
            assert next(told)[0] == "hello"
            first = next(told)
            line = json.loads((run / "events.jsonl").read_text().splitlines()[-1])
            with (run / "events.jsonl").open("a") as file:
                file.write(json.dumps({**line, "event": "step", "step": 31, "loss": 0.25}) + "\n")
            second = next(each for each in told if each[1].get("cursor") != first[1]["cursor"])
        assert [first[0], second[0]] == ["run", "run"]
        asked = {"runs": key, "metric": "train/loss", "after": f"{key}:{first[1]['cursor']}"}
        series = client.get("/api/series", params=asked).content
        length = struct.unpack("<I", series[:4])[0]
        header = json.loads(series[4 : 4 + length])
        assert [line["count"] for line in header["lines"]] == [1]
        assert struct.unpack("<2d", series[4 + length :]) == (31.0, 0.25)


def test_a_run_that_is_deleted_while_it_is_shown_is_told_as_gone(serve: Serve, tmp_path: Path) -> None:
    run = make_run(tmp_path / "live", "one")
    server = serve(tmp_path / "live")
    with server.client() as client:
        key = keys(client, 1)["one"]
        with client.stream("GET", "/api/live", params={"runs": key, "table": "1"}) as response:
            told = events(response)
            next(told)
            run.rename(tmp_path / "elsewhere")
            assert next(data for name, data in told if name == "gone") == {"key": key}
        assert client.get(f"/api/run/{key}").status_code == 404
        assert client.get("/api/runs").json()["total"] == 0


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_with_its_child_while_a_page_listens(
    serve: Serve, tmp_path: Path, signum: int, code: int
) -> None:
    make_run(tmp_path / "live", "one")
    server = serve(tmp_path / "live")
    with server.client() as client, client.stream("GET", "/api/live", params={"table": "1"}) as response:
        next(events(response))
        children = eventually(lambda: server.processes()[1:], what="the keeper")
        assert server.close(signum) == code
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert "Traceback" not in server.printed


def test_over_a_unix_socket_the_same_is_asked_for(serve: Serve, tmp_path: Path, shown: Path) -> None:
    path = tmp_path / "private" / "dashboard.sock"
    server = serve(shown, "--socket", path)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    transport = httpx.HTTPTransport(uds=str(path))
    with httpx.Client(transport=transport, base_url="http://localhost:7000") as client:
        assert client.get("/api/info").status_code == 401
        assert client.get("/api/info", headers={"Host": "evil.example"}).status_code == 400
        assert client.get("/", params={"token": server.token}).status_code == 303
        assert client.get("/api/info").status_code == 200
    server.close()
    assert not path.exists()


def test_many_connections_that_say_nothing_keep_nobody_out(served: Served, client: httpx.Client) -> None:
    idle = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(50)]
    try:
        for connection, byte in zip(idle, itertools.cycle(b"GP"), strict=False):
            connection.send(bytes([byte]))
        assert client.get("/api/info").status_code == 200
    finally:
        for connection in idle:
            connection.close()
