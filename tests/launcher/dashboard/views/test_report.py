"""One file that needs nothing else."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from launcher.dashboard.views.report import report
from tests.launcher.dashboard.made import make_run, write_wandb
from tests.launcher.dashboard.views.looked_at import pair

HOSTILE = """<script>alert(1)</script>"'&"""


class Page(HTMLParser):
    """Tags, their attributes, and text by the tag that holds it."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_report_of_a_run_has_its_charts_config_metrics_and_plan(tmp_path: Path) -> None:
    make_run(tmp_path, "a", resumed=[(25, 20)], steps=40)
    page = Page(report([pair(tmp_path, "a")]))
    assert page.tags.count("svg") >= 5
    for text in (
        "train/loss",
        "optimizer.lr",
        "global_batch_size",
        "434.8 MiB",
        "windlass train model=mlp",
        "attempt 1",
    ):
        assert text in page.text
    assert ("class", "restart") in page.attributes


def test_a_report_of_a_failed_run_tells_why(tmp_path: Path) -> None:
    make_run(tmp_path, "a", state="failed", failure={"traceback": "Traceback of it", "log_tail": ["last words"]})
    text = Page(report([pair(tmp_path, "a")])).text
    for part in ("the loss exploded", "use optimizer.lr=1e-4", "Traceback of it", "last words", "rank 0"):
        assert part in text


def test_runs_are_overlaid_and_compared(tmp_path: Path) -> None:
    make_run(tmp_path, "a", config={"model": {"width": 64}})
    make_run(tmp_path, "b", config={"model": {"width": 128}})
    content = report([pair(tmp_path, "a"), pair(tmp_path, "b")])
    page = Page(content)
    assert {("class", "line-0"), ("class", "line-1")} <= set(page.attributes)
    assert "<b>model.width</b>" in content
    assert "a · b" in page.text


def test_a_report_loads_and_runs_nothing(tmp_path: Path) -> None:
    make_run(tmp_path, "a")
    page = Page(report([pair(tmp_path, "a")]))
    assert not {"script", "link", "img", "iframe", "object", "a"} & set(page.tags)
    assert not {name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href", "style")}
    assert "url(" not in page.text
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_texts_of_runs_are_no_markup(tmp_path: Path) -> None:
    failure = dict.fromkeys(("cause", "message", "advice", "traceback"), HOSTILE) | {"log_tail": [HOSTILE]}
    job = {"model": HOSTILE, "dataset": HOSTILE, "command": [HOSTILE]}
    make_run(
        tmp_path, "a", state="failed", failure=failure, job=job, config={HOSTILE: HOSTILE}, plan={HOSTILE: HOSTILE}
    )
    rows = [{HOSTILE: 1.0}, {HOSTILE: 2.0}]
    write_wandb(tmp_path / "wandb", run_id="b", rows=rows, name=HOSTILE, tags=[HOSTILE], config={HOSTILE: HOSTILE})
    content = report([pair(tmp_path, "a"), pair(tmp_path, "b")])
    assert "<script" not in content
    assert Page(content).text.count(HOSTILE) >= 12


def test_a_run_without_anything_has_a_report(tmp_path: Path) -> None:
    make_run(tmp_path, "a", steps=0, metrics={}, wandb=False, state="lost", logs={})
    assert "Nothing was logged more than once." in Page(report([pair(tmp_path, "a")])).text


def test_it_is_light_or_dark_as_the_reader_wishes(tmp_path: Path) -> None:
    make_run(tmp_path, "a")
    content = report([pair(tmp_path, "a")])
    assert "prefers-color-scheme: dark" in content
    assert re.search(r"--line-9:#[0-9a-f]{6}", content)
