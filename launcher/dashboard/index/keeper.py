"""The process that keeps the index fresh.

It is a process of its own so that no page waits for it; once all runs are in the index it has the lowest priority,
beside trainings. It is asked nothing and answers nothing. It ends when the pipe to its parent closes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from launcher.dashboard.index.store import Store, make_store
from launcher.dashboard.index.tend import Tender
from launcher.errors import RequestError
from launcher.runs import locked

UNUSABLE = 3
"""The exit code where no index can be kept at that path."""
RETRY_S = 1.0
NICENESS = 19


def main(argv: Sequence[str]) -> int:
    """Keep the index at a path of what lies in some roots, until it is deleted; returns the exit code.

    Of several keepers of one index one works and the others wait.
    """
    parser = argparse.ArgumentParser(prog="python -m launcher.dashboard.index.keeper")
    parser.add_argument("path", type=Path)
    parser.add_argument("roots", type=Path, nargs="+")
    arguments = parser.parse_args(argv)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        lock = _lock(arguments.path)
        store = _open(arguments.path)
    except (OSError, sqlite3.Error) as error:
        print(f"no index can be kept at {arguments.path}: {error}", file=sys.stderr)
        return UNUSABLE
    with lock, contextlib.closing(store):
        tender = Tender(store, arguments.roots)
        tender.step()  # for this somebody waits
        os.nice(NICENESS)
        tender.run()
    return 0


def _end_with_parent() -> None:
    """However the parent ends, the pipe closes; the index bears an end at any moment."""
    with contextlib.suppress(OSError):  # no pipe was given
        while os.read(sys.stdin.fileno(), 1):
            pass
    os._exit(0)


def _lock(path: Path) -> contextlib.ExitStack:
    """Become the only keeper that works, once no other does.

    Raises:
        OSError: nothing can be locked there.
    """
    with contextlib.ExitStack() as held:
        while True:
            try:
                held.enter_context(locked(path.with_name(f"{path.name}.lock"), refusal="another keeper works"))
                return held.pop_all()
            except RequestError:
                time.sleep(RETRY_S)


def _open(path: Path) -> Store:
    """The index, made anew where it is damaged, of another format, or not there.

    Raises:
        OSError: it can't be written there.
        sqlite3.Error: the file system is none that SQLite can use.
    """
    try:
        store = Store(path)
        try:
            store.check()
            store.end_search(problems=[])
        except sqlite3.Error:
            store.close()
            raise
    except sqlite3.Error:
        make_store(path)
        return Store(path)
    return store


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
