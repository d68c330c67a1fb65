"""Holding a directory, so that no second process does; the system lets go when this one ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from launcher.errors import RequestError


@contextlib.contextmanager
def locked(path: Path, *, refusal: str) -> Iterator[None]:
    """Hold a lock file.

    Raises:
        RequestError: another process holds it; the message is `refusal`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RequestError(refusal) from error
        yield
    finally:
        os.close(descriptor)
