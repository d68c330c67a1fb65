"""Logs of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.dashboard.views.logs import LEAST_BYTES, find_log, list_logs, page
from launcher.errors import RequestError
from tests.launcher.dashboard.made import make_run, write_wandb
from tests.launcher.dashboard.views.looked_at import opened

NAME = "attempt_0/rank_0.log"


def log_with(tmp_path: Path, content: bytes) -> Path:
    """The log of a run that has no other."""
    path = make_run(tmp_path, "a", steps=1, wandb=False) / "logs" / NAME
    path.write_bytes(content)
    return path


def page_of(tmp_path: Path, **where: int) -> dict:
    return page(find_log(opened(tmp_path, "a"), NAME), **where)


def texts(lines: list) -> list[str]:
    return ["".join(text for _, text in line) for line in lines]


def test_logs_are_listed_with_attempt_and_rank_the_newest_attempt_first(tmp_path: Path) -> None:
    logs = {(0, 0): "a\n", (0, 1): "", (1, 0): "bcd\n"}
    path = make_run(tmp_path, "a", logs=logs)
    (path / "logs" / "agent.log").write_text("agent\n")
    (path / "logs" / "attempt_0" / "stacks_1.txt").write_text("stack\n")
    (path / "logs" / "attempt_0" / "failure_1.json").write_text("{}")
    listed = [log.describe() for log in list_logs(opened(tmp_path, "a"))]
    assert [(log["name"], log["attempt"], log["rank"], log["size"]) for log in listed] == [
        ("attempt_1/rank_0.log", 1, 0, 4),
        ("attempt_0/rank_0.log", 0, 0, 2),
        ("attempt_0/rank_1.log", 0, 1, 0),
        ("attempt_0/stacks_1.txt", 0, 1, 6),
        ("agent.log", None, None, 6),
    ]


@pytest.mark.parametrize(
    "name", ["../job.json", "/etc/passwd", "attempt_0/../../job.json", "", "attempt_0", "x.log", "a\0b"]
)
def test_only_a_log_that_is_listed_can_be_read(tmp_path: Path, name: str) -> None:
    make_run(tmp_path, "a")
    with pytest.raises(RequestError, match=r"it has attempt_0/rank_0\.log"):
        find_log(opened(tmp_path, "a"), name)


def test_links_are_no_logs(tmp_path: Path) -> None:
    secret = tmp_path / "secret.log"
    secret.write_text("secret")
    logs = make_run(tmp_path / "runs", "a") / "logs"
    (logs / "link.log").symlink_to(secret)
    (logs / "linked").symlink_to(tmp_path)
    assert [log.name for log in list_logs(opened(tmp_path / "runs", "a"))] == [NAME]


def test_a_link_in_the_place_of_all_logs_is_not_followed(tmp_path: Path) -> None:
    logs = make_run(tmp_path / "runs", "a") / "logs"
    logs.rename(tmp_path / "elsewhere")
    logs.symlink_to(tmp_path / "elsewhere")
    assert list_logs(opened(tmp_path / "runs", "a")) == []


def test_a_link_that_took_the_place_of_a_log_is_not_followed(tmp_path: Path) -> None:
    path = log_with(tmp_path, b"mine\n")
    log = find_log(opened(tmp_path, "a"), NAME)
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(RequestError, match="can't be read"):
        page(log)


def test_a_log_that_is_gone_is_told(tmp_path: Path) -> None:
    path = log_with(tmp_path, b"mine\n")
    log = find_log(opened(tmp_path, "a"), NAME)
    path.unlink()
    with pytest.raises(RequestError, match=r"rank_0.log can't be read: No such file"):
        page(log)


def test_a_run_without_logs_has_none(tmp_path: Path) -> None:
    make_run(tmp_path, "a", logs={})
    assert list_logs(opened(tmp_path, "a")) == []


def test_a_foreign_run_has_its_console(tmp_path: Path) -> None:
    write_wandb(tmp_path / "wandb", run_id="b", console=["one\ntw", "o\n\x1b[31mthree"])
    run = opened(tmp_path, "b")
    assert [log.name for log in list_logs(run)] == ["console"]
    found = page(find_log(run, "console"), offset=0)
    assert (texts(found["lines"]), found["rest"]) == (["one", "two"], [("fg-1", "three")])


def test_a_page_is_whole_lines_and_the_next_begins_at_its_end(tmp_path: Path) -> None:
    content = b"".join(b"line %d\n" % number for number in range(1_000))
    log_with(tmp_path, content)
    seen, offset = [], 0
    while offset < len(content):
        found = page_of(tmp_path, offset=offset, limit=LEAST_BYTES)
        assert found["start"] == offset
        seen += texts(found["lines"])
        offset = found["end"]
    assert seen == [f"line {number}" for number in range(1_000)]


def test_pages_backwards_meet_without_a_gap(tmp_path: Path) -> None:
    log_with(tmp_path, b"".join(b"line %d\n" % number for number in range(1_000)))
    found = page_of(tmp_path, offset=-LEAST_BYTES)
    seen, start = texts(found["lines"]), found["start"]
    while start > 0:
        before = max(0, start - LEAST_BYTES)
        found = page_of(tmp_path, offset=before, limit=max(LEAST_BYTES, start - before))
        seen = [line for line in texts(found["lines"]) if line not in seen] + seen
        assert found["start"] < start
        start = found["start"]
    assert seen == [f"line {number}" for number in range(1_000)]


def test_the_end_of_a_log_begins_with_a_whole_line(tmp_path: Path) -> None:
    log_with(tmp_path, b"x" * 50 + b"\nlast\n")
    found = page_of(tmp_path, offset=-10)
    assert (texts(found["lines"]), found["start"], found["end"], found["size"]) == (["last"], 51, 56, 56)


def test_a_line_that_is_being_written_is_the_rest_and_comes_again(tmp_path: Path) -> None:
    path = log_with(tmp_path, b"one\n10%\r20%")
    first = page_of(tmp_path, offset=0)
    assert (texts(first["lines"]), texts([first["rest"]]), first["end"]) == (["one"], ["20%"], 4)
    path.write_bytes(b"one\n10%\r20%\r30%\nthree\n")
    second = page_of(tmp_path, offset=first["end"])
    assert (texts(second["lines"]), second["rest"]) == (["30%", "three"], [])


def test_a_log_that_was_made_anew_is_read_from_its_new_end(tmp_path: Path) -> None:
    log_with(tmp_path, b"short\n")
    found = page_of(tmp_path, offset=10_000)
    assert (found["lines"], found["start"], found["size"]) == ([], 6, 6)


def test_an_endless_line_comes_in_parts_without_loss(tmp_path: Path) -> None:
    content = "ä€😀".encode() * 1_000
    log_with(tmp_path, content + b"\nend\n")
    offset, seen = 0, ""
    while not seen.endswith("end"):
        found = page_of(tmp_path, offset=offset, limit=LEAST_BYTES)
        assert found["end"] > offset
        seen += "".join(texts(found["lines"]))
        offset = found["end"]
    assert seen == content.decode() + "end"


def test_a_page_of_an_endless_progress_bar_ends_at_a_carriage_return(tmp_path: Path) -> None:
    log_with(tmp_path, b"".join(b"%3d%% of the work\r" % number for number in range(200)))
    first = page_of(tmp_path, offset=0, limit=LEAST_BYTES)
    second = page_of(tmp_path, offset=first["end"], limit=LEAST_BYTES)
    assert first["lines"] != []
    assert second["start"] == first["end"]
    assert all(text.endswith("% of the work") for text in texts([*first["lines"], *second["lines"]]))


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    log_with(tmp_path, b"a\xff\xfeb\n\x00c\n")
    assert texts(page_of(tmp_path)["lines"]) == ["a\ufffd\ufffdb", "c"]


def test_empty_lines_are_lines(tmp_path: Path) -> None:
    log_with(tmp_path, b"\n\na\n\n")
    assert texts(page_of(tmp_path)["lines"]) == ["", "", "a", ""]
