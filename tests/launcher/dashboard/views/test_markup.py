"""No text becomes markup."""

from __future__ import annotations

from launcher.dashboard.views.markup import tag


def test_texts_and_attributes_are_escaped() -> None:
    hostile = """<script>"'&"""
    assert tag("p", hostile, title=hostile) == (
        '<p title="&lt;script&gt;&quot;&#x27;&amp;">&lt;script&gt;&quot;&#x27;&amp;</p>'
    )


def test_tags_hold_tags_lists_and_numbers() -> None:
    assert tag("p", [tag("b", 1), None, " of ", (2,)]) == "<p><b>1</b> of 2</p>"


def test_names_of_attributes_may_be_words_of_python() -> None:
    assert tag("line", class_="a", text_anchor="end", x=None) == '<line class="a" text-anchor="end"/>'
