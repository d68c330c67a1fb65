"""Where the server listens: a port of the loopback, another address if asked, or a Unix socket."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shlex
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import psutil

from launcher.dashboard.web.guard import Door
from launcher.errors import RequestError

LOOPBACK = "127.0.0.1"
LOCAL_NAMES = frozenset({"localhost", LOOPBACK, "[::1]"})
PORT = 6070
TRIES = 50
"""Ports that are tried, one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """An open socket, how a browser reaches it, and what to tell the user about it."""

    socket: socket.socket
    address: str  # without the token
    door: Door
    notes: tuple[str, ...] = ()
    is_local: bool = True  # whether nobody can ask over the network


@contextlib.contextmanager
def listening(*, port: int | None, bind: str | None, path: Path | None) -> Iterator[Listening]:
    """Listen where the command line says until the context ends.

    Raises:
        RequestError: no port is free, the address is not this machine's, or the socket's directory is not private.
    """
    if path is None:
        found = _on_port(PORT if port is None else port, LOOPBACK if bind is None else bind)
        with found.socket:
            yield found
        return
    with _on_path(path.absolute()) as found:
        yield found


def _on_port(port: int, bind: str) -> Listening:
    family, host = _resolved(bind, port)
    sock = _first_free(family, host, port)
    taken: int = sock.getsockname()[1]
    notes = [] if port in (0, taken) else [f"port {port} is in use; this is port {taken}"]
    is_local = ip_address(host).is_loopback
    if not is_local:
        notes.append(
            f"warning: {bind} can be reached over the network, and nothing is encrypted: who reads the traffic has the "
            f"token, too. Safer: leave out --bind, and type ssh -L {taken}:{LOOPBACK}:{taken} {socket.gethostname()}"
        )
    door = Door(hosts=LOCAL_NAMES | _names(bind, host), port=taken, cookie=f"windlass-{taken}")
    shown = socket.gethostname() if ip_address(host).is_unspecified else bind
    return Listening(
        socket=sock,
        address=f"http://{_bracketed(shown)}:{taken}/",
        door=door,
        notes=tuple(notes),
        is_local=is_local,
    )


def _resolved(bind: str, port: int) -> tuple[socket.AddressFamily, str]:
    try:
        family, _, _, _, address = socket.getaddrinfo(bind.strip("[]"), port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise RequestError(
            f"--bind={bind}: there is no such address; use {LOOPBACK}, or one of this machine"
        ) from error
    return family, str(address[0])


def _first_free(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    last = min(port + TRIES, 65536)
    for each in range(port, last) if port else (0,):
        try:
            found = socket.create_server((host, each), family=family)
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else asyncio's answers wait 40 ms for an ACK
            return found
        except PermissionError as error:
            raise RequestError(f"--port={each} is for the system; use 1024 or more") from error
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise RequestError(f"--bind={host}: {error.strerror}; use an address of this machine") from error
    raise RequestError(f"ports {port} to {last - 1} are all in use; use --port 0 for any that is free")


def _names(bind: str, host: str) -> frozenset[str]:
    """What a Host header may say of an address that was asked for; none of it is a name that others can give away."""
    names = {bind.strip("[]"), host}
    if ip_address(host).is_unspecified:
        names |= {socket.gethostname(), socket.getfqdn()}
        names |= {each.address.partition("%")[0] for card in psutil.net_if_addrs().values() for each in card
                  if each.family in (socket.AF_INET, socket.AF_INET6)}  # fmt: skip
    return frozenset(_bracketed(name).lower() for name in names)


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name else name


@contextlib.contextmanager
def _on_path(path: Path) -> Iterator[Listening]:
    _check_directory(path.parent)
    _clear(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        try:
            sock.bind(str(path))
        except OSError as error:
            raise RequestError(f"--socket={path}: {error}; use a short path in a directory of your own") from error
        made = path.stat()
        try:
            path.chmod(0o600)  # before it listens, so before anybody can connect
            sock.listen()
            yield Listening(
                socket=sock, address=f"http://{LOOPBACK}:{PORT}/", door=_socket_door(path), notes=_forward(path)
            )
        finally:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(path.stat(), made):  # and not that of a server which came after
                    path.unlink()


def _socket_door(path: Path) -> Door:
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
    return Door(hosts=LOCAL_NAMES, port=None, cookie=f"windlass-{name}")


def _forward(path: Path) -> tuple[str, ...]:
    command = shlex.join(["ssh", "-L", f"{PORT}:{path}", socket.gethostname()])
    return (f"this is a Unix socket; on the machine with the browser type {command}",)


def _check_directory(directory: Path) -> None:
    """Make the directory, or see that nobody else can reach what is in it."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = directory.stat()
    except OSError as error:
        raise RequestError(f"--socket: {directory} is no directory and can't be made one: {error.strerror}") from error
    if facts.st_uid != os.getuid():
        raise RequestError(f"--socket: {directory} belongs to another user; name a socket in a directory of your own")
    if facts.st_mode & 0o077:
        raise RequestError(
            f"--socket: others can reach into {directory}; type chmod 700 {directory}, or name a new directory"
        )


def _clear(path: Path) -> None:
    """Remove a socket that nobody listens to any more."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise RequestError(f"--socket={path} is there already and no socket; choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError as error:
            raise RequestError(f"--socket={path}: {error}; choose another path") from error
    raise RequestError(f"--socket={path}: another server listens there; end it, or choose another path")
