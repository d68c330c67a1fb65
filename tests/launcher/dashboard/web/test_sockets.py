"""Where the server listens."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from launcher.dashboard.web.sockets import Listening, listening
from launcher.errors import RequestError


def on(*, port: int | None = 0, bind: str | None = None, path: Path | None = None) -> Listening:
    """What one gets, closed again."""
    with listening(port=port, bind=bind, path=path) as found:
        return found


@pytest.fixture
def private(tmp_path: Path) -> Path:
    directory = tmp_path / "private"
    directory.mkdir(mode=0o700)
    return directory


def test_only_the_loopback_is_listened_to() -> None:
    with listening(port=0, bind=None, path=None) as found:
        host, port = found.socket.getsockname()
        assert host == "127.0.0.1"
        assert found.address == f"http://127.0.0.1:{port}/"
    assert found.is_local
    assert found.notes == ()


def test_a_port_in_use_is_passed_over_and_that_is_told() -> None:
    with listening(port=0, bind=None, path=None) as first:
        taken = first.socket.getsockname()[1]
        with listening(port=taken, bind=None, path=None) as second:
            chosen = second.socket.getsockname()[1]
            assert taken < chosen
            assert second.notes == (f"port {taken} is in use; this is port {chosen}",)


def test_two_dashboards_have_cookies_of_different_names() -> None:
    with listening(port=0, bind=None, path=None) as one, listening(port=0, bind=None, path=None) as other:
        assert one.door.cookie != other.door.cookie


def test_an_address_that_is_not_this_machines_is_refused() -> None:
    with pytest.raises(RequestError, match=r"--bind=192\.0\.2\.1"):
        on(bind="192.0.2.1")


@pytest.mark.parametrize("bind", ["no such host", "256.0.0.1", "", "[]", "-"])
def test_an_address_that_is_none_is_refused(bind: str) -> None:
    with pytest.raises(RequestError, match="--bind"):
        on(bind=bind)


def test_the_network_is_listened_to_only_with_a_warning() -> None:
    found = on(bind="0.0.0.0")
    assert not found.is_local
    assert any(note.startswith("warning:") for note in found.notes)
    assert socket.gethostname().lower() in found.door.hosts
    assert "evil.example" not in found.door.hosts


@pytest.mark.parametrize("bind", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_another_address_of_the_loopback_is_no_reason_to_warn(bind: str) -> None:
    found = on(bind=bind)
    assert found.notes == ()
    assert bind in found.door.hosts


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6")
def test_an_ipv6_address_is_written_in_brackets() -> None:
    try:
        found = on(bind="::1")
    except RequestError:
        pytest.skip("this machine has no IPv6")
    assert found.address.startswith("http://[::1]:")
    assert "[::1]" in found.door.hosts


def test_a_unix_socket_is_for_its_owner_and_gone_in_the_end(private: Path) -> None:
    path = private / "dashboard.sock"
    with listening(port=None, bind=None, path=path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


def test_the_directory_of_a_unix_socket_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "dashboard.sock"
    with listening(port=None, bind=None, path=path):
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_directory_that_others_reach_into_is_refused(private: Path, mode: int) -> None:
    private.chmod(mode)
    with pytest.raises(RequestError, match="chmod 700"):
        on(port=None, path=private / "dashboard.sock")


def test_a_directory_of_another_user_is_refused(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: private.stat().st_uid + 1)
    with pytest.raises(RequestError, match="another user"):
        on(port=None, path=private / "dashboard.sock")


def test_a_socket_to_which_nobody_listens_any_more_is_replaced(private: Path) -> None:
    path = private / "dashboard.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    with listening(port=None, bind=None, path=path) as found, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        assert found.socket.accept()[0].close() is None


def test_a_socket_of_a_server_that_lives_is_refused_and_left_alone(private: Path) -> None:
    path = private / "dashboard.sock"
    with listening(port=None, bind=None, path=path):
        with pytest.raises(RequestError, match="another server"):
            on(port=None, path=path)
        assert path.is_socket()


def test_a_file_that_is_no_socket_is_left_alone(private: Path) -> None:
    path = private / "notes.txt"
    path.write_text("mine")
    with pytest.raises(RequestError, match="no socket"):
        on(port=None, path=path)
    assert path.read_text() == "mine"


def test_a_socket_in_a_file_is_refused(private: Path) -> None:
    (private / "file").write_text("")
    with pytest.raises(RequestError, match="no directory"):
        on(port=None, path=private / "file" / "dashboard.sock")


def test_a_path_that_is_too_long_for_a_socket_is_refused(private: Path) -> None:
    with pytest.raises(RequestError, match="short path"):
        on(port=None, path=private / ("x" * 120))


def test_what_replaced_the_socket_meanwhile_is_left_alone(private: Path) -> None:
    path = private / "dashboard.sock"
    with listening(port=None, bind=None, path=path):
        path.unlink()
        path.write_text("another's")
    assert path.read_text() == "another's"
