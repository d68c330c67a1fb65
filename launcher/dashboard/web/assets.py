"""The files of the page: our own, and Plotly's script out of the installed package."""

from __future__ import annotations

import gzip
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from launcher.dashboard.web.answers import MissingError
from launcher.dashboard.web.modules import page_html
from launcher.dashboard.web.site import site_of

STATIC = Path(__file__).parent.parent / "static"
MEDIA_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


async def page(request: Request) -> Response:
    """The one page, whatever the address: its script reads it, and its links name what the script will load."""
    view = request.url.path.split("/")[1] or "runs"
    return Response(page_html(STATIC, view), media_type="text/html", headers={"Cache-Control": "no-cache"})


async def static(request: Request) -> Response:
    """A file of the page, by a name that is in the folder."""
    found = {path.name: path for path in STATIC.iterdir() if path.suffix in MEDIA_TYPES and path.is_file()}
    name = request.path_params["name"]
    if name not in found:
        raise MissingError(f"there is no /static/{name[:100]}")
    return _file(request, found[name])


async def plotly(request: Request) -> Response:
    """Plotly's script, packed where the browser can unpack it."""
    path = plotly_path()
    packed = "gzip" in request.headers.get("accept-encoding", "")
    tag = _tag(path, "gzip" if packed else "plain")
    headers = {"ETag": tag, "Cache-Control": "private, max-age=3600", "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    work = site_of(request).work
    if packed:
        headers["Content-Encoding"] = "gzip"
    content = await work.do(_packed if packed else Path.read_bytes, path)
    return Response(content, media_type="text/javascript", headers=headers)


def plotly_path() -> Path:
    """Plotly's script, without importing the package."""
    spec = find_spec("plotly")
    assert spec is not None  # the command has looked for it
    assert spec.origin is not None
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"


@cache
def _packed(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), 6)


def _file(request: Request, path: Path) -> Response:
    tag = _tag(path, "plain")
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(path.read_bytes(), media_type=MEDIA_TYPES[path.suffix], headers=headers)


def _tag(path: Path, form: str) -> str:
    stat = path.stat()
    return f'"{stat.st_mtime_ns:x}-{stat.st_size:x}-{form}"'
