"""What stands before every page and every answer: who asks, from where, and with which method.

A server on the loopback is no private place: other users of the machine reach it, and so does every page that the
user's browser shows. What a page elsewhere can do is known from others' holes: it finds the server under a name of its
own (DNS rebinding; the Host is checked), sends what needs no permission (Origin and Sec-Fetch-Site are checked, for
every method, and a POST needs a header that no foreign page may set), or frames it (the headers of every answer).
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from launcher.dashboard.web.keys import Keys

METHODS = ("GET", "HEAD", "POST")
MAX_BODY_BYTES = 1 << 20
OWN = ("same-origin", "none")
"""Values of Sec-Fetch-Site that no page elsewhere can cause; a server at another port is `same-site`, so elsewhere."""

CONTENT_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Under which names the server may be asked, and what its cookie is called.

    Cookies are kept by host and not by port, so their name tells two dashboards apart. `port` is None behind a Unix
    socket, which is reached through a port that somebody else chose.
    """

    hosts: frozenset[str]  # lower case; IPv6 in brackets
    port: int | None
    cookie: str


class Guard:
    """ASGI middleware that lets through what the user's own browser asks, and answers all else itself."""

    def __init__(self, app: ASGIApp, *, door: Door, keys: Keys) -> None:
        self._app, self._door, self._keys = app, door, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            answer = self._refused(scope, headers) or self._entered(scope, headers)
            await (answer or self._app)(scope, receive, _with_headers(send))
        elif scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        else:
            raise AssertionError(f"the server speaks no {scope['type']}")

    def _refused(self, scope: Scope, headers: Headers) -> Response | None:
        """The answer to what no page of ours sends, whoever it is; None lets it pass."""
        host, method = headers.getlist("host"), scope["method"]
        if len(host) != 1 or not self._is_ours(host[0]):
            return _error(400, self._wrong_host(", ".join(host)))
        if any(origin != f"http://{host[0]}" for origin in headers.getlist("origin")):
            return _error(403, "this comes from a page of another origin; the dashboard answers its own pages only")
        if _is_elsewhere(headers) and not _is_navigation(scope, headers):
            return _error(403, "this comes from another site; open the dashboard's own address")
        if method not in METHODS:
            return _error(405, f"method {method[:20]} is unknown; use {', '.join(METHODS)}", Allow=", ".join(METHODS))
        return _refused_post(headers) if method == "POST" else None

    def _entered(self, scope: Scope, headers: Headers) -> Response | None:
        """The answer to who has no cookie yet, or brings a token; None for a browser that may see everything."""
        known = self._keys.knows(cookie_parser(headers.get("cookie", "")).get(self._door.cookie))
        is_page = scope["method"] == "GET" and not scope["path"].startswith("/api/")
        words = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        tokens = [value for name, value in words if name == "token"]
        if is_page and tokens and (self._keys.exchange(tokens[0]) or known):
            answer = _go_on(scope, headers, [word for word in words if word[0] != "token"])
            answer.set_cookie(self._door.cookie, self._keys.cookie, httponly=True, samesite="strict", path="/")
            return answer
        if known:
            return None
        if is_page and _is_elsewhere(headers):
            return _go_on(scope, headers, words)
        if is_page:
            return HTMLResponse(NO_COOKIE, 401)
        return _error(401, "the dashboard does not know this browser; open the address that its terminal shows")

    def _is_ours(self, host: str) -> bool:
        name, port = _host(host)
        return name in self._door.hosts and (self._door.port is None or port == self._door.port)

    def _wrong_host(self, host: str) -> str:
        if self._door.port is not None and _host(host)[0] in self._door.hosts:
            return f"this dashboard is at port {self._door.port}; forward that one: ssh -L {self._door.port}:..."
        return f"{host[:100]!r} is no name of this dashboard; use 127.0.0.1, or start it with --bind ADDRESS"


def _host(host: str) -> tuple[str, int | None]:
    """The name and the port of a Host header, whose default is HTTP's; port None if it is no number."""
    bracket = host.rfind("]")
    colon = host.find(":", bracket + 1)
    name, port = (host, "80") if colon < 0 else (host[:colon], host[colon + 1 :])
    return name.lower(), int(port) if port.isascii() and port.isdecimal() and len(port) <= 5 else None


def _is_elsewhere(headers: Headers) -> bool:
    return any(site not in OWN for site in headers.getlist("sec-fetch-site"))


def _is_navigation(scope: Scope, headers: Headers) -> bool:
    """Whether the user follows a link to a page: it changes nothing and shows nothing to the page it came from."""
    return (
        scope["method"] == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _refused_post(headers: Headers) -> Response | None:
    if headers.get("x-windlass") != "1":
        return _error(403, "a POST needs the header X-Windlass: 1")
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return _error(415, "a POST needs a body of JSON, with the header Content-Type: application/json")
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
        return _error(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
    return None


def _go_on(scope: Scope, headers: Headers, words: list[tuple[str, str]]) -> Response:
    """To the same page, with these parameters.

    A browser sends a strict cookie with nothing that began elsewhere, redirects included: then the page moves on.
    """
    query = urlencode(words)
    address = "/" + quote(scope["path"].lstrip("/")) + (f"?{query}" if query else "")
    if _is_elsewhere(headers):
        return HTMLResponse(
            f'<!doctype html><meta http-equiv="refresh" content="0;url={escape(address)}"><title>…</title>'
        )
    return RedirectResponse(address, 303)


def _error(status: int, text: str, **headers: str) -> Response:
    return JSONResponse({"error": text}, status, headers={**headers, "Connection": "close"})


def _with_headers(send: Send) -> Send:
    async def secured(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return secured


NO_COOKIE = """\
<!doctype html>
<html lang="en">
<title>Windlass</title>
<h1>This browser is not known yet</h1>
<p>Open the address that <code>windlass dashboard</code> shows in its terminal; it ends with <code>?token=…</code></p>
<p lang="zh">请打开 <code>windlass dashboard</code> 在终端中显示的地址（以 <code>?token=…</code> 结尾）。</p>
</html>
"""
