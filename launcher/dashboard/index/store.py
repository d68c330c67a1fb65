"""What is known of all runs, in one SQLite file, so that a second start is instant."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from launcher.dashboard.index.rows import FORMAT
from launcher.dashboard.places import SweepPlace

BUSY_TIMEOUT_S = 5.0
TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value);
CREATE TABLE runs (
    key TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    signature TEXT NOT NULL,        -- of the files when the body was made
    body BLOB NOT NULL,
    read_signature TEXT,            -- of the files when the extremes were read
    extremes BLOB
);
CREATE INDEX runs_by_version ON runs (version);
CREATE TABLE sweeps (body BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a reader looks at first."""

    version: int  # grows with each change of a run, also over files that were made anew
    removed: int  # version at which a run was taken out last
    sweeps: int  # version at which sweeps changed last
    searches: int  # how many searches have ended
    searched_at: float  # Unix time at which the last one did
    problems: tuple[str, ...]  # of the last one


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept of one run."""

    key: str
    state: str
    signature: str
    body: bytes


def store_path(folder: Path, roots: Iterable[Path]) -> Path:
    """Where the index of some roots lies. Each machine has its own: SQLite's log can't be shared over a network."""
    name = hashlib.sha256(os.fsencode("\0".join(str(root) for root in roots))).hexdigest()[:16]
    return folder / f"{socket.gethostname()}-{name}.sqlite"


class Store:
    """One connection to the file; used by one thread at a time. Every method may raise `sqlite3.Error`."""

    def __init__(self, path: Path) -> None:
        """Open a file that `make_store` made.

        Raises:
            sqlite3.OperationalError: there is none, or it is of another format.
            sqlite3.DatabaseError: it is damaged.
        """
        self.path = path
        self._connection = sqlite3.connect(
            f"file:{_quoted(path)}?mode=rw",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            self._inode = _inode(path)
            (found,) = self._connection.execute("PRAGMA user_version").fetchone()
            if found != FORMAT:
                raise sqlite3.OperationalError(f"{path} has format {found}, not {FORMAT}")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()

    @property
    def is_current(self) -> bool:
        """Whether the file is still there, and is the one that was opened."""
        return self._inode == _inode(self.path)

    def check(self) -> None:
        """Raise `sqlite3.DatabaseError` if the file is damaged."""
        (answer,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if answer != "ok":
            raise sqlite3.DatabaseError(f"{self.path} is damaged: {answer}")

    # reading

    def data_version(self) -> int:
        """Differs once another connection has changed the file; costs next to nothing."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return version

    def facts(self) -> Facts:
        found = dict(self._connection.execute("SELECT name, value FROM facts").fetchall())
        return Facts(
            version=found["version"],
            removed=found["removed"],
            sweeps=found["sweeps"],
            searches=found["searches"],
            searched_at=found["searched_at"],
            problems=tuple(json.loads(found["problems"])),
        )

    def changed_since(self, version: int) -> list[tuple[str, int, bytes, bytes | None]]:
        """Key, version, body and extremes of each run that changed after a version."""
        query = "SELECT key, version, body, extremes FROM runs WHERE version > ?"
        return self._connection.execute(query, (version,)).fetchall()

    def keys(self) -> set[str]:
        """Of all runs."""
        return {key for (key,) in self._connection.execute("SELECT key FROM runs")}

    def signatures(self) -> list[tuple[str, str, str, str | None]]:
        """Key, state, signature and read signature of each run."""
        return self._connection.execute("SELECT key, state, signature, read_signature FROM runs").fetchall()

    def sweeps(self) -> list[SweepPlace]:
        bodies = [json.loads(body) for (body,) in self._connection.execute("SELECT body FROM sweeps")]
        return [
            SweepPlace(key=key, id=sweep_id, root=Path(root), path=Path(path)) for key, sweep_id, root, path in bodies
        ]

    # writing

    def put(self, runs: Iterable[Kept]) -> None:
        """Add runs, or replace what is kept of them, but for their extremes."""
        statement = (
            "INSERT INTO runs (key, version, state, signature, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE"
            " SET version = excluded.version, state = excluded.state, signature = excluded.signature,"
            " body = excluded.body"
        )
        with self._changing() as version:
            self._connection.executemany(
                statement, [(run.key, version, run.state, run.signature, run.body) for run in runs]
            )

    def put_extremes(self, key: str, *, read_signature: str, extremes: bytes) -> None:
        """What reading a whole run gave."""
        with self._changing() as version:
            self._connection.execute(
                "UPDATE runs SET version = ?, read_signature = ?, extremes = ? WHERE key = ?",
                (version, read_signature, extremes, key),
            )

    def remove(self, keys: Collection[str]) -> None:
        """Runs that are gone."""
        with self._changing() as version:
            self._connection.executemany("DELETE FROM runs WHERE key = ?", [(key,) for key in keys])
            self._set("removed", version)

    def put_sweeps(self, places: Iterable[SweepPlace]) -> None:
        """All sweeps that there are."""
        bodies = [json.dumps([place.key, place.id, str(place.root), str(place.path)]).encode() for place in places]
        with self._changing() as version:
            self._connection.execute("DELETE FROM sweeps")
            self._connection.executemany("INSERT INTO sweeps VALUES (?)", [(body,) for body in bodies])
            self._set("sweeps", version)

    def end_search(self, *, problems: Collection[str]) -> None:
        """All roots were searched once more, and what was found was looked at."""
        with self._transaction():
            self._connection.execute("UPDATE facts SET value = value + 1 WHERE name = 'searches'")
            self._set("searched_at", time.time())
            self._set("problems", json.dumps(list(problems)).encode())

    def _set(self, name: str, value: float | bytes) -> None:
        self._connection.execute("UPDATE facts SET value = ? WHERE name = ?", (value, name))

    @contextlib.contextmanager
    def _changing(self) -> Iterator[int]:
        """A transaction with a version of its own."""
        with self._transaction():
            (version,) = self._connection.execute("SELECT value + 1 FROM facts WHERE name = 'version'").fetchone()
            self._set("version", version)
            yield version

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def make_store(path: Path) -> None:
    """Make the file anew; what readers have open stays theirs until they see that it is no longer current.

    Raises:
        OSError: it can't be written there.
        sqlite3.Error: the file system is none that SQLite can use.
    """
    for suffix in ("-wal", "-shm", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # Versions begin at the time, in microseconds: a reader of the file that was there before sees them grow.
        version = time.time_ns() // 1000
        facts: dict[str, float | bytes] = {"version": version, "removed": version, "sweeps": version}
        facts |= {"searches": 0, "searched_at": 0.0, "problems": b"[]"}
        connection.executescript(f"BEGIN; {TABLES}")
        connection.executemany("INSERT INTO facts VALUES (?, ?)", facts.items())
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("COMMIT")
    finally:
        connection.close()


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _quoted(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
