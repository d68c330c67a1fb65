"""`windlass dashboard`: its arguments, and its start."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from launcher.errors import RequestError
from launcher.runs import runs_root

if TYPE_CHECKING:
    from launcher.dashboard.index.index import Index
    from launcher.dashboard.web.keys import Keys
    from launcher.dashboard.web.sockets import Listening

NEEDED = ("starlette", "uvicorn", "orjson", "plotly")
MAX_PORT = 65535
NAMED = "name a directory of runs, a wandb directory or a .wandb file"


def dashboard(argv: list[str]) -> int:
    """Serve until a signal ends it; returns the exit code, 0 after Ctrl-C.

    Raises:
        RequestError: something is missing, a path is not there, or it can't listen where it is to.
    """
    arguments = _parser().parse_args(argv)
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise RequestError(f"the dashboard needs {', '.join(missing)}; type pip install 'windlass[dashboard]'")
    if arguments.socket is not None and (arguments.bind is not None or arguments.port is not None):
        raise RequestError("--socket takes the place of --port and --bind; give one or the other")
    roots = _roots(arguments.paths)
    from launcher.dashboard.web.keys import Keys
    from launcher.dashboard.web.server import serve
    from launcher.dashboard.web.sockets import listening

    keys = Keys()
    with listening(port=arguments.port, bind=arguments.bind, path=arguments.socket) as listen:
        signum = serve(
            roots,
            allow_control=arguments.allow_control,
            listen=listen,
            keys=keys,
            ready=lambda index: _announce(index, listen, keys, arguments),
        )
    return 0 if signum == signal.SIGINT else 128 + signum


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="windlass dashboard",
        description="Show runs and sweeps in a browser, live; Windlass' own, and anybody's offline W&B runs.",
    )
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="a directory of runs, one run, a wandb directory, a .wandb file (default: WINDLASS_RUNS_DIR, else runs/)",
    )
    parser.add_argument("--port", type=_port, help="default 6070, or the next that is free; 0 takes any")
    parser.add_argument("--socket", type=Path, metavar="PATH", help="a Unix socket in a directory that is yours alone")
    parser.add_argument("--bind", metavar="ADDRESS", help="listen on the network, too; traffic is not encrypted")
    parser.add_argument("--allow-control", action="store_true", help="let the pages launch, stop, resume, delete runs")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text} must be a port from 0 to {MAX_PORT}")
    return int(text)


def _roots(paths: Sequence[Path]) -> list[Path]:
    """What to show; the usual directory of runs may not be there yet."""
    for path in paths:
        if not path.exists():
            raise RequestError(f"{path} does not exist; {NAMED}")
        if not path.is_dir() and path.suffix != ".wandb":
            raise RequestError(f"{path} is no directory and no .wandb file; {NAMED}")
    return [path.absolute() for path in paths] or [runs_root()]


def _announce(index: Index, listen: Listening, keys: Keys, arguments: argparse.Namespace) -> None:
    """Say where it is, at once and on a line of its own, so that a script can wait for it."""
    for note in listen.notes:
        print(note, file=sys.stderr)
    if arguments.allow_control and not listen.is_local:
        print("warning: who gets in can start and delete runs as you (--allow-control)", file=sys.stderr)
    print(f"{listen.address}?{urlencode({'token': keys.token})}", flush=True)
    print(f"shows {index.looked_for}; Ctrl-C ends it", file=sys.stderr)
    if not arguments.no_browser and arguments.socket is None and _has_display():
        address = f"{listen.address}?{urlencode({'token': keys.once()})}"
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _has_display() -> bool:
    """Whether a browser would be seen: a text browser would take over the terminal."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
