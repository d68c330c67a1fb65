"""Charts without a script."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from launcher.dashboard.views.svg import HEIGHT, WIDTH, Curve, chart

SVG = ".//"


def curve(*y: float, name: str = "a", colour: int = 0) -> Curve:
    return Curve(x=np.arange(len(y), dtype=float), y=np.array(y, dtype=float), colour=colour, name=name)


def paths(*curves: Curve) -> list[str]:
    return [path.attrib["d"] for path in ElementTree.fromstring(chart(curves)).iterfind(".//path")]


def test_each_curve_is_a_path_in_its_colour() -> None:
    drawn = ElementTree.fromstring(chart([curve(1, 2), curve(2, 1, colour=3)]))
    assert [path.attrib["class"] for path in drawn.iterfind(".//path")] == ["line-0", "line-3"]


def test_larger_values_are_higher_and_all_lie_inside() -> None:
    (path,) = paths(curve(1.0, 5.0, 2.0))
    places = [tuple(map(float, point.split())) for point in path.removeprefix("M").split("L")]
    heights = [y for _, y in places]
    assert heights[1] < heights[2] < heights[0]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)


def test_a_gap_is_a_gap_and_a_lone_point_a_dot() -> None:
    lines, dots = paths(curve(1, 2, np.nan, 3, np.inf, 4, 5))
    assert re.sub(r"[\d. ]+", "", lines) == "MLML"
    assert re.sub(r"[\d. ]+", "", dots) == "Mh"


@pytest.mark.parametrize(
    "values", [(), (1.0,), (3.0, 3.0), (0.0, 0.0), (np.nan, np.inf), (-1e308, 1e308), (5e-324, 0.0)]
)
def test_whatever_the_values_are_there_is_a_chart_without_nan(values: tuple[float, ...]) -> None:
    drawn = chart([curve(*values)])
    ElementTree.fromstring(drawn)
    assert "nan" not in drawn
    assert "inf" not in drawn


def test_axes_have_round_numbers() -> None:
    texts = [text.text for text in ElementTree.fromstring(chart([curve(*range(101))])).iterfind(".//text")]
    assert texts == ["0", "20", "40", "60", "80", "100", "0", "20", "40", "60", "80", "100"]


def test_restarts_are_marked_where_they_are_seen() -> None:
    drawn = ElementTree.fromstring(chart([curve(1, 2, 3)], restarts=[1.0, 7.0, float("nan")]))
    assert len(drawn.findall(".//line[@class='restart']")) == 1


def test_names_are_escaped() -> None:
    assert "<script>" not in chart([curve(1, 2, name="<script>")])
