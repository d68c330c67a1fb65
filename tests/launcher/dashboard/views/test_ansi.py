"""A log looks as in a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launcher.dashboard.views.ansi import Span, Terminal


def shown(text: str) -> list[Span]:
    return Terminal().line(text)


def text_of(spans: list[Span]) -> str:
    return "".join(text for _, text in spans)


@pytest.mark.parametrize(
    ("codes", "classes"),
    [
        ("31", "fg-1"),
        ("97", "fg-15"),
        ("44", "bg-4"),
        ("103", "bg-11"),
        ("1;33;41", "fg-3 bg-1 bold"),
        ("1;2;3;4;7;9", "bold dim inverse italic strike underline"),
        ("38;5;9", "fg-9"),
        ("38;5;196", "fg-9"),
        ("38;5;255", "fg-7"),
        ("38;5;231", "fg-15"),
        ("48;5;232", "bg-0"),
        ("38;2;250;5;10", "fg-9"),
        ("48;2;0;0;0", "bg-0"),
        ("38:2::0:255:0", "fg-10"),
        ("38:5:12;1", "fg-12 bold"),
        ("4:3", "underline"),
        ("31;39", ""),
        ("1;31;22", "fg-1"),
        ("31;0", ""),
        ("31;", ""),
        ("73", ""),
        ("38", ""),
        ("38;5", "fg-0"),
    ],
)
def test_a_colour_becomes_a_class(codes: str, classes: str) -> None:
    assert shown(f"\x1b[{codes}mx") == [(classes, "x")]


def test_only_what_follows_a_colour_has_it() -> None:
    assert shown("a \x1b[32mgreen\x1b[0m b") == [("", "a "), ("fg-2", "green"), ("", " b")]


def test_a_colour_lasts_over_the_end_of_a_line() -> None:
    terminal = Terminal()
    terminal.line("\x1b[31mone")
    assert terminal.line("two") == [("fg-1", "two")]
    assert terminal.line("\x1b[mthree") == [("", "three")]


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("10%\r20%\r100%", "100%"),
        ("a long line\rshort", "shortg line"),
        ("a long line\r\x1b[Kshort", "short"),
        ("abc\x1b[2K\rd", "d  "),
        ("abc\x1b[1Kd", "   d"),
        ("abc\b\bX", "aXc"),
        ("\b\bX", "X"),
        ("windows\r", "windows"),
        ("\r\r", ""),
        ("tab\tstays", "tab\tstays"),
    ],
)
def test_what_is_written_over_is_gone(line: str, result: str) -> None:
    assert text_of(shown(line)) == result


@pytest.mark.parametrize(
    "noise",
    [
        "\x1b[2J",
        "\x1b[?25l",
        "\x1b[3A",
        "\x1b]0;title\x07",
        "\x1b]8;;http://a\x1b\\",
        "\x1b(B",
        "\x1b7",
        "\x07",
        "\x9b",
        "\x1b[",
    ],
)
def test_other_control_sequences_are_left_out(noise: str) -> None:
    assert text_of(shown(f"{noise}abc" if noise != "\x1b[" else "abc\x1b[")) == "abc"


def test_a_colour_under_a_progress_bar_stays_where_it_is_not_written_over() -> None:
    assert shown("\x1b[31mred\x1b[0m\rgo") == [("", "go"), ("fg-1", "d")]


def test_markup_is_text() -> None:
    assert shown("<script>alert(1)</script>") == [("", "<script>alert(1)</script>")]


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("\x1b[]0123456789;:mKJ\r\b\x07ab<\\?"), max_size=80))
def test_no_line_raises_or_leaves_a_control_character(line: str) -> None:
    spans = shown(line)
    assert not set(text_of(spans)) & {"\x1b", "\r", "\b", "\x07"}
    assert all(text for _, text in spans)


def test_what_was_erased_from_the_left_is_written_over_and_erased_again() -> None:
    assert text_of(shown("abcdef\x1b[1K")) == "      "
    assert text_of(shown("abcdef\x1b[1K\rxy\x1b[1K")) == "      "
    assert text_of(shown("abcdef\b\b\x1b[1K\rx\b\x1b[1Ky")) == "y   ef"
    assert text_of(shown("abc\x1b[1K\x1b[2Kd\x1b[1K")) == "    "


def test_a_line_that_is_erased_again_and_again_is_shown_in_no_time() -> None:
    assert shown("a" * 400_000 + "\x1b[1K" * 100_000) == [("", " " * 400_000)]
