"""What a log holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.dashboard.views import log_search
from launcher.dashboard.views.log_search import search
from launcher.dashboard.views.logs import Log


def log_of(tmp_path: Path, content: bytes) -> Log:
    path = tmp_path / "rank_0.log"
    path.write_bytes(content)
    return Log(name="rank_0.log", attempt=0, rank=0, size=len(content), path=path)


def texts(found: dict) -> list[str]:
    return ["".join(text for _, text in line) for line in found["lines"]]


def test_lines_that_hold_the_text_are_found_with_their_offsets(tmp_path: Path) -> None:
    content = b"one\nan Error here\ntwo\nERROR\n"
    found = search(log_of(tmp_path, content), "error")
    assert (texts(found), found["matches"], found["more"]) == (["an Error here", "ERROR"], 2, False)
    assert [content[offset:].split(b"\n")[0] for offset in found["offsets"]] == [b"an Error here", b"ERROR"]


def test_colours_within_the_text_do_not_hide_it(tmp_path: Path) -> None:
    found = search(log_of(tmp_path, b"x\n\x1b[31mlo\x1b[1mss\x1b[0m 3\n"), "loss 3")
    assert found["lines"] == [[("fg-1", "lo"), ("fg-1 bold", "ss"), ("", " 3")]]


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    assert texts(search(log_of(tmp_path, b"a\nlast"), "last")) == ["last"]


def test_a_text_beyond_ascii_is_found(tmp_path: Path) -> None:
    assert texts(search(log_of(tmp_path, "损失 = 3\n".encode()), "损失")) == ["损失 = 3"]


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    found = search(log_of(tmp_path, b"a\nb\n"), "c")
    assert (found["lines"], found["matches"]) == ([], 0)


def test_no_more_lines_are_found_than_can_be_shown(tmp_path: Path) -> None:
    found = search(log_of(tmp_path, b"loss\n" * 50), "loss", most=10)
    assert (found["matches"], found["more"]) == (10, True)
    assert search(log_of(tmp_path, b"loss\n" * 10), "loss", most=10)["more"] is False


@pytest.mark.parametrize("size", [7, 16, 31, 64])
def test_blocks_cut_no_line_and_no_offset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(log_search, "BLOCK_BYTES", size)
    lines = [b"%d %s" % (number, b"loss" if number % 3 == 0 else b"other") for number in range(100)]
    content = b"\n".join(lines)
    found = search(log_of(tmp_path, content), "loss")
    assert texts(found) == [line.decode() for line in lines if b"loss" in line]
    assert all(
        content[offset:].startswith(text.encode()) for offset, text in zip(found["offsets"], texts(found), strict=True)
    )


def test_a_line_of_many_blocks_is_found_and_shown_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_search, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(log_search, "SHOWN_BYTES", 20)
    found = search(log_of(tmp_path, b"loss" + b"x" * 10_000 + b"\nloss\n"), "loss")
    assert texts(found) == ["loss" + "x" * 16, "loss"]
