"""The hub is asked as it is in the wild: over HTTP, here of a server that answers as the hub does."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from launcher.data.sources.hub import Hub
from launcher.errors import DataError

COMMIT = "a" * 40
CONTENT = b"text,label\n" + b"hello,0\nworld,1\n" * 20


class Answers(http.server.BaseHTTPRequestHandler):
    """One data set `me/toy` with `data/train.csv`; `me/gated` is gated; there is nothing else."""

    def do_GET(self) -> None:
        path, _, _ = self.path.partition("?")
        if path.endswith("/data/train.csv"):
            self.answer(200, CONTENT, ETag='"1"', **{"X-Repo-Commit": COMMIT})
        elif path.startswith("/api/datasets/me/toy/tree/"):
            found = {"type": "directory", "path": "data", "size": 0}
            if path.endswith("/data"):
                found = {"type": "file", "path": "data/train.csv", "size": len(CONTENT)}
            self.answer(200, json.dumps([{**found, "oid": "b" * 40}]).encode())
        elif path.startswith("/api/datasets/me/toy"):
            facts: dict[str, Any] = {"id": "me/toy", "sha": COMMIT, "siblings": [{"rfilename": "data/train.csv"}]}
            facts |= {"private": False, "gated": False, "disabled": False, "downloads": 0, "likes": 0, "tags": []}
            self.answer(200, json.dumps(facts).encode())
        elif "me/toy" in path:
            self.answer(404, b"{}", **{"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        elif "me/gated" in path:
            self.answer(403, b"{}", **{"X-Error-Code": "GatedRepo"})
        else:
            self.answer(401, b"{}", **{"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET  # noqa: N815 (the server's name)

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


PROGRAM = """
import json, sys
from pathlib import Path
from launcher.data.sources.hub import Hub
from launcher.data.sources.library import quiet
from launcher.errors import DataError

with quiet(Path("scratch")):
    for arguments in json.loads(sys.argv[1]):
        try:
            print({split: len(rows) for split, rows in Hub(**arguments).load().items()})
        except DataError as error:
            print(error)
"""


def load(endpoint: str, directory: Path, *arguments: dict[str, Any]) -> list[str]:
    """Load in another process, since the library reads its settings once."""
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(directory), "PYTHONPATH": str(Path(__file__).parents[4])}
    command = [sys.executable, "-c", PROGRAM, json.dumps(arguments)]
    done = subprocess.run(command, env=os.environ | settings, cwd=directory, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def online(cache: Path) -> list[str]:
    """What comes of five loads while the server answers."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        lines = load(
            f"http://127.0.0.1:{server.server_port}",
            cache,
            {"name": "me/toy"},
            {"name": "me/toy", "splits": {"train": "train[:50%]", "validation": "train[50%:]", "test": None}},
            {"name": "me/toy", "splits": {"train": "holdout"}},
            {"name": "me/none"},
            {"name": "me/gated"},
        )
        server.shutdown()
    return lines


def test_a_data_set_is_loaded_with_its_splits(online: list[str]) -> None:
    assert online[0] == "{'train': 40}"


def test_splits_can_be_chosen_and_cut(online: list[str]) -> None:
    assert online[1] == "{'train': 20, 'validation': 20}"


def test_what_is_not_there_is_named(online: list[str]) -> None:
    assert online[2].startswith("dataset.name=me/toy can't be loaded: Unknown split")
    assert online[3].startswith("dataset.name=me/none is not on the Hugging Face hub, or is private")


def test_a_gated_data_set_tells_what_to_do(online: list[str]) -> None:
    assert online[4].startswith("dataset.name=me/gated is gated; accept its terms")


@pytest.mark.usefixtures("online")
def test_without_a_connection_the_cached_copy_is_used(cache: Path) -> None:
    cached, absent = load("http://127.0.0.1:9", cache, {"name": "me/toy"}, {"name": "me/other"})
    assert cached == "{'train': 40}"
    assert absent.startswith("dataset.name=me/other can't be had: the Hugging Face hub is out of reach")


def test_splits_of_unknown_names_must_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: unsupervised\n    path: a.csv\n---\n"
    )
    (tmp_path / "a.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"only unsupervised; choose with dataset\.splits=\{train: unsupervised\}"):
        Hub(str(tmp_path)).load()
