"""Prepared directories: where they lie, what names them, and how one comes to be all at once or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from launcher.data import manifest
from launcher.errors import RequestError

FORMAT_VERSION = 2
"""Raised whenever the same config would be prepared into other bytes, so that old directories are not taken."""

BUILDING = ".building"
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


def cache_dir() -> Path:
    """`WINDLASS_CACHE_DIR`, else `$XDG_CACHE_HOME/windlass`, else `~/.cache/windlass`."""
    given = os.environ.get("WINDLASS_CACHE_DIR")
    if given:
        return Path(given).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "windlass"


def cache_key(config: dict[str, Any], *, labels: str, fingerprint: str) -> str:
    """Name of the prepared directory: a hash of all that decides what is in it."""
    parts = {"format": FORMAT_VERSION, "config": config, "labels": labels, "source": fingerprint}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def is_prepared(directory: Path) -> bool:
    """Whether a whole prepared directory lies there."""
    return (directory / manifest.FILE_NAME).is_file()


@contextlib.contextmanager
def building(target: Path) -> Iterator[tuple[Path, Path]]:
    """Yield an empty directory that becomes `target` when the block ends, and one for scratch.

    Neither is left behind, however the block ends. Where another process made `target` in the meantime, its work
    stands and ours is discarded.

    Raises:
        RequestError: the disk is full or can't be written.
    """
    place = target.parent / f"{BUILDING}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        (place / "prepared").mkdir(parents=True)
    except OSError as error:
        raise _unwritable(target.parent, error) from error
    try:
        _sweep(target.parent)
        yield place / "prepared", place / "scratch"
        _publish(place / "prepared", target)
    except Exception as error:
        reason = _disk_error(error)
        if reason is None:
            raise
        raise _unwritable(target.parent, reason) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _publish(made: Path, target: Path) -> None:
    try:
        made.rename(target)
    except OSError:
        if is_prepared(target):
            return
        shutil.rmtree(target)  # what somebody left of a directory that they deleted by half
        made.rename(target)


def _sweep(directory: Path) -> None:
    """Remove scratch directories of processes of this host that were killed."""
    for leftover in directory.glob(f"{BUILDING}-{socket.gethostname()}-*"):
        process = leftover.name.split("-")[-2]
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            shutil.rmtree(leftover, ignore_errors=True)
        except (PermissionError, ValueError):  # it lives and is somebody else's, or the name is not ours
            continue


def _disk_error(error: BaseException | None) -> OSError | None:
    """The error of the disk that `error` is, or that lies behind it: libraries wrap them in their own."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            return error
        error = error.__cause__ or error.__context__
    return None


def _unwritable(directory: Path, error: OSError) -> RequestError:
    return RequestError(
        f"prepared data can't be written to {directory}: {os.strerror(error.errno or errno.EIO)}; "
        f"make room there, or set the environment variable WINDLASS_CACHE_DIR to another directory"
    )
