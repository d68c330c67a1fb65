from __future__ import annotations

import contextlib
import math
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.dashboard.index.rows import Row
from launcher.dashboard.views.columns import Known
from launcher.dashboard.views.filter import MAX_LENGTH, parse
from launcher.errors import RequestError
from tests.launcher.dashboard.views.made_rows import make_row

ROWS = (
    make_row(
        "cnn-1",
        state="running",
        model="CNN",
        tags=["baseline", "wide"],
        step=50,
        num_steps=100,
        started=datetime(2026, 1, 31, 14).timestamp(),
        config={"optimizer.lr": 1e-4, "trainer.max_steps": None, "fused": True, "depth": 3},
        metrics={"validation/loss": (0.5, 0.4, 2.0), "train/loss": 0.6},
    ),
    make_row(
        "mlp-2",
        state="failed",
        model="MLP",
        started=datetime(2026, 2, 1).timestamp(),
        config={"optimizer.lr": 1e-2, "trainer.max_steps": 10, "fused": False, "depth": "3"},
        metrics={"validation/loss": (math.nan, 0.9, 3.0)},
    ),
    make_row("my run", config={"optimizer.lr": "fast"}, metrics={"odd metric": math.inf}),
)


def chosen(text: str, rows: tuple[Row, ...] = ROWS) -> list[str]:
    fits = parse(text, Known(rows))
    return [row.id for row in rows if fits(row)]


def complaint(text: str, rows: tuple[Row, ...] = ROWS) -> str:
    with pytest.raises(RequestError) as raised:
        parse(text, Known(rows))
    return str(raised.value)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", ["cnn-1", "mlp-2", "my run"]),
        ("  ", ["cnn-1", "mlp-2", "my run"]),
        ("state=running", ["cnn-1"]),
        ("state = RUNNING", ["cnn-1"]),
        ("state!=running", ["mlp-2", "my run"]),
        ("optimizer.lr<1e-3", ["cnn-1"]),
        ("lr<1e-3 and state=running", ["cnn-1"]),
        ("lr<1e-3 state=failed", []),
        ("lr=1e-4 or lr=0.01", ["cnn-1", "mlp-2"]),
        ("lr>=0.0001", ["cnn-1", "mlp-2"]),
        ("not lr>1", ["cnn-1", "mlp-2", "my run"]),
        ("not (state=running or state=failed)", ["my run"]),
        ("state=failed or state=running and model=mlp", ["mlp-2"]),
        ("validation/loss<1", ["cnn-1"]),
        ("min:validation/loss<0.95", ["cnn-1", "mlp-2"]),
        ("max:validation/loss>2.5", ["mlp-2"]),
        ("last:validation/loss=0.5", ["cnn-1"]),
        ("config:lr=1e-4", ["cnn-1"]),
        ("tags=wide", ["cnn-1"]),
        ("tags~base", ["cnn-1"]),
        ("tags!=wide", ["mlp-2", "my run"]),
        ("progress>=0.5", ["cnn-1"]),
        ("fused=true", ["cnn-1"]),
        ("fused==false", ["mlp-2"]),
        ("name='my run'", ["my run"]),
        ('"odd metric"=inf', ["my run"]),
        ("baseline", ["cnn-1"]),
        ("RUN", ["my run"]),
        ("'my r'", ["my run"]),
        ("-1", ["cnn-1"]),
        ("started>=2026-02-01", ["mlp-2"]),
        ("started<2026-01-31T15:00", ["cnn-1"]),
    ],
)
def test_a_filter_lets_through_what_it_says(text: str, ids: list[str]) -> None:
    assert chosen(text) == ids


@pytest.mark.parametrize("text", ["train/loss<1", "train/loss>=0", "train/loss!=5", "train/loss=0.6", "train/loss~0"])
def test_comparisons_with_missing_values_are_false(text: str) -> None:
    assert chosen(text) == ["cnn-1"]


def test_null_asks_for_missing_values() -> None:
    assert chosen("trainer.max_steps=null") == ["cnn-1", "my run"]
    assert chosen("trainer.max_steps!=null") == ["mlp-2"]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("validation/loss=nan", ["mlp-2"]),
        ("validation/loss!=nan", ["cnn-1"]),
        ("validation/loss<nan", []),
        ("validation/loss>0", ["cnn-1"]),
        ("validation/loss!=0.5", ["mlp-2"]),
    ],
)
def test_nan_is_only_equal_to_itself_and_in_no_order(text: str, ids: list[str]) -> None:
    assert chosen(text) == ids


def test_a_text_that_is_a_number_is_one() -> None:
    assert chosen("depth=3.0") == ["cnn-1", "mlp-2"]
    assert chosen("depth<4") == ["cnn-1", "mlp-2"]
    assert chosen("depth='3.0'") == []


def test_words_have_an_order_among_themselves_only() -> None:
    assert chosen("lr<zebra") == ["my run"]
    assert chosen("lr<5") == ["cnn-1", "mlp-2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr<", "filter, at the end: a value should follow lr<, such as lr<1e-3"),
        ("lr< and x", "filter, at character 5: a value should follow lr<, such as lr<1e-3"),
        ("lr<<3", "filter, at character 4: << is no sign; signs are =, !=, <, <=, >, >= or ~"),
        ("state=runing", "filter, at character 7: no state is called runing (did you mean running?); states are"),
        ("stat=running", "filter, at character 1: there is no column, config key or metric stat (did you mean state?)"),
        (
            "a and optimzer.lr<1",
            "filter, at character 7: there is no column, config key or metric optimzer.lr (did you",
        ),
        ("min:validation/los<1", "there is no metric validation/los (did you mean validation/loss?)"),
        ("config:depht=1", "there is no config key depht (did you mean depth?)"),
        ("zzz=1", "columns are run, id, name, state"),
        ("zzz=1", "metrics are validation/loss, train/loss and odd metric"),
        ("step<many", "filter, at character 6: step is a number, and many is none"),
        ("train/loss=low", "filter, at character 12: train/loss is a number, and low is none"),
        ("started>yesterday", "filter, at character 9: yesterday is no time; type it as 2026-01-31"),
        ("(state=running", "filter, at character 1: nothing closes this ("),
        ("state=running)", "filter, at character 14: this ) closes nothing"),
        ("name='my run", "filter, at character 6: ' opens a quote that nothing closes"),
        ("!state", "filter, at character 1: ! is not followed by =; type != or not"),
        ("and", "filter, at character 1: a comparison such as lr<1e-3 or a word should stand here, not and"),
        ("not", "filter, at the end: a comparison such as lr<1e-3 or a word should stand here, not the end"),
        ("lr<1 && step>2", "filter, at character 6: type and instead of &&"),
        ("=3", "filter, at character 1: a comparison such as lr<1e-3 or a word should stand here, not ="),
        ("loss<1", "filter, at character 1: loss may mean train/loss or validation/loss; type more of the name"),
        ("(" * 60, "filter, at character 51: not and ( may stand in each other 50 times"),
        ("not " * 60 + "x", "filter, at character 201: not and ( may stand in each other 50 times"),
        ("x" * (MAX_LENGTH + 1), "the filter has 2001 characters; it may have 2000"),
    ],
)
def test_a_filter_that_makes_no_sense_is_told_where_and_why(text: str, message: str) -> None:
    assert message in complaint(text)


def test_a_filter_of_no_runs_may_name_anything() -> None:
    assert chosen("lr<1e-3 and whatever=1", rows=()) == []


@given(st.text(alphabet="lr<>=!~()'\" andot1e-3.:\\\n\u00e9", max_size=30))
def test_no_text_breaks_the_parser(text: str) -> None:
    with contextlib.suppress(RequestError):
        chosen(text)
