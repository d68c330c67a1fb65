from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from launcher.dashboard.index.rows import decode, encode, encode_extremes
from launcher.dashboard.places import WANDB, Place
from launcher.dashboard.reading.glance import Glance

PLACE = Place(key="0123456789ab", id="x", kind=WANDB, root=Path("/r"), path=Path("/r/w"), files=(Path("/r/w/x.wandb"),))
GLANCE = Glance(state="running", name="x", started=100.0, last_sign=160.0, last={"loss": 0.5}, config={"lr": 0.1})


def test_a_run_comes_back_as_it_was_kept() -> None:
    row, place = decode(PLACE.key, 7, body=encode(PLACE, GLANCE), extremes=None)
    assert place == PLACE
    assert row.glance == GLANCE
    assert (row.key, row.version, row.root, row.path) == (PLACE.key, 7, "/r", "/r/w")


def test_metrics_have_their_last_least_and_greatest_value() -> None:
    extremes = encode_extremes({"loss": (0.25, 2.0), "only_read": (1.0, 3.0)})
    row, _ = decode(PLACE.key, 7, body=encode(PLACE, GLANCE), extremes=extremes)
    assert row.metrics == {
        "loss": {"last": 0.5, "min": 0.25, "max": 2.0},
        "only_read": {"last": None, "min": 1.0, "max": 3.0},
    }


def test_extremes_are_unknown_until_the_whole_run_was_read() -> None:
    row, _ = decode(PLACE.key, 7, body=encode(PLACE, GLANCE), extremes=None)
    assert row.metrics == {"loss": {"last": 0.5, "min": None, "max": None}}


@pytest.mark.parametrize("value", [math.inf, -math.inf, 2**70, "\ud800", "NaN", None, True, ""])
def test_odd_values_survive(value: object) -> None:
    row, _ = decode(PLACE.key, 1, body=encode(PLACE, replace(GLANCE, config={"odd": value})), extremes=None)
    assert row.glance.config == {"odd": value}


def test_nan_survives() -> None:
    row, _ = decode(PLACE.key, 1, body=encode(PLACE, replace(GLANCE, last={"loss": math.nan})), extremes=None)
    assert math.isnan(row.glance.last["loss"])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"glance": 3}', b'{"glance": {"state": "x", "new": 1}}'])
def test_a_damaged_run_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(PLACE.key, 1, body=body, extremes=None)


@pytest.mark.parametrize(
    ("started", "ended", "last_sign", "seconds"),
    [
        (100.0, 130.0, 200.0, 30.0),
        (100.0, None, 160.0, 60.0),
        (None, 130.0, None, None),
        (100.0, None, None, None),
        (100.0, 40.0, None, None),  # the clock was set back
        (-math.inf, 40.0, None, None),
    ],
)
def test_a_duration_is_known_where_clocks_agree(
    started: float | None, ended: float | None, last_sign: float | None, seconds: float | None
) -> None:
    seen = replace(GLANCE, started=started, ended=ended, last_sign=last_sign)
    assert decode(PLACE.key, 1, body=encode(PLACE, seen), extremes=None)[0].duration == seconds
