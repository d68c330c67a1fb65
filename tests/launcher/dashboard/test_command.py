"""`windlass dashboard` as a user types it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from launcher.dashboard import command
from launcher.dashboard.command import dashboard
from launcher.errors import RequestError
from tests.launcher.dashboard.web.served import ROOT, Served, eventually

MAIN = [sys.executable, "-c", "from launcher.cli import main; main()", "dashboard"]


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*MAIN, *arguments], capture_output=True, text=True, cwd=cwd, env=environment, check=False, timeout=60
    )


def printed_by(code: str) -> str:
    """What a program prints in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-c", f"import sys\n{textwrap.dedent(code)}"]
    return subprocess.run(program, capture_output=True, text=True, env=environment, check=True).stdout


def test_help_imports_nothing_slow() -> None:
    told = printed_by("""
        from launcher.cli import run_command
        try:
            run_command(["dashboard", "--help"])
        except SystemExit:
            print([m for m in ("torch", "numpy", "starlette", "uvicorn", "hydra", "wandb") if m in sys.modules])
    """)
    assert all(word in told for word in ("PATH", "--port", "--socket", "--bind", "--allow-control", "--no-browser"))
    assert told.endswith("[]\n")


def test_the_server_imports_no_torch() -> None:
    told = printed_by("""
        import launcher.dashboard.web.server
        print([m for m in ("torch", "transformers", "wandb", "datasets") if m in sys.modules])
    """)
    assert told == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere does not exist"),
        ([__file__], "is no directory and no .wandb file"),
        (["--port", "70000"], "from 0 to 65535"),
        (["--port", "x"], "from 0 to 65535"),
        (["--socket", "a.sock", "--port", "1"], "--socket takes the place"),
        (["--socket", "a.sock", "--bind", "0.0.0.0"], "--socket takes the place"),
        (["--bind", "192.0.2.1"], "--bind=192.0.2.1"),
        (["--allow-contol"], "--allow-contol"),
    ],
)
def test_a_wrong_request_exits_with_2_and_is_told_without_a_traceback(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    ended = run(*arguments, cwd=tmp_path)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_is_not_installed_is_named_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "starlette" else object())
    with pytest.raises(RequestError, match=r"pip install 'windlass\[dashboard\]'"):
        dashboard([])


def test_the_address_stands_on_a_line_of_its_own(tmp_path: Path) -> None:
    with Served(tmp_path, cwd=tmp_path) as server:
        lines = [line for line in server.printed.splitlines() if "http" in line]
        assert len(lines) == 1
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{40,}", lines[0])


def test_a_directory_without_runs_says_what_was_looked_for_and_shows_them_once_they_are_there(tmp_path: Path) -> None:
    with Served(cwd=tmp_path, WINDLASS_RUNS_DIR=str(tmp_path / "later")) as server:
        eventually(lambda: "job.json" in server.printed, what="what it looks for")
        assert str(tmp_path / "later") in server.printed
        with server.client() as client:
            assert client.get("/api/runs").json()["total"] == 0


def test_a_port_in_use_is_passed_over_and_that_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Served(tmp_path, "--port", str(port), cwd=tmp_path) as server:
            assert server.port > port
            assert f"port {port} is in use; this is port {server.port}" in server.printed


def test_the_network_is_listened_to_only_with_a_warning(tmp_path: Path) -> None:
    with Served(tmp_path, "--bind", "0.0.0.0", "--allow-control", cwd=tmp_path) as server:
        assert "warning: 0.0.0.0 can be reached over the network" in server.printed
        assert "--allow-control" in server.printed
        local = f"http://127.0.0.1:{server.port}/api/info"
        assert httpx.get(local).status_code == 401
        assert httpx.get(local, headers={"Host": f"evil.example:{server.port}"}).status_code == 400


def test_the_browser_gets_an_address_of_its_own_since_all_users_see_its_arguments(tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/part; mv {tmp_path}/part {tmp_path}/opened\n')
    browser.chmod(0o755)
    with Served(tmp_path, cwd=tmp_path, browser=True, BROWSER=f"{browser} %s", DISPLAY=":0") as server:
        opened = eventually(lambda: (tmp_path / "opened").exists(), what="the browser")
        opened = (tmp_path / "opened").read_text().strip()
        assert parse_qs(urlsplit(opened).query)["token"] != [server.token]
        assert [httpx.get(opened).status_code, httpx.get(opened).status_code] == [303, 401]


def test_without_a_display_no_browser_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not command._has_display()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert command._has_display()
