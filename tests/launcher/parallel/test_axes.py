"""Sizes of the mesh axes, multiplied out."""

from __future__ import annotations

from typing import Any

import pytest

from launcher.errors import RequestError
from launcher.parallel.axes import Axes, resolve_axes
from tests.launcher.parallel.configs import config


def axes(processes: int, **sizes: Any) -> Axes:
    """The axes of a strategy, in which sizes that are not named are 1."""
    values = {f"strategy__{name}": size for name, size in {"name": "mine", "dp_replicate": 1, **sizes}.items()}
    return resolve_axes(config(**values).strategy, processes=processes)


def refusal(processes: int, **sizes: Any) -> str:
    with pytest.raises(RequestError) as error:
        axes(processes, **sizes)
    return str(error.value)


def test_processes_are_the_product_of_all_axes_but_the_experts() -> None:
    assert Axes(pp=2, dp_replicate=3, dp_shard=5, cp=7, tp=11, ep=5).num_processes == 2 * 3 * 5 * 7 * 11


def test_samples_are_shared_over_both_data_axes_only() -> None:
    assert Axes(pp=2, dp_replicate=3, dp_shard=5, cp=7, tp=11).num_data == 3 * 5


def test_parameters_are_sharded_over_the_sequence_as_well() -> None:
    assert Axes(dp_shard=5, cp=7, tp=11).num_shards == 5 * 7


def test_gradients_are_added_up_over_copies_shards_and_sequence() -> None:
    assert Axes(pp=2, dp_replicate=3, dp_shard=5, cp=7, tp=11).num_gradients == 3 * 5 * 7


@pytest.mark.parametrize(
    ("made", "only"), [(Axes(), True), (Axes(dp_replicate=4), True), (Axes(dp_replicate=2, tp=2), False)]
)
def test_only_copies_need_no_mesh(made: Axes, only: bool) -> None:
    assert made.only_replicates is only


@pytest.mark.parametrize(
    ("made", "said"), [(Axes(), "one process"), (Axes(dp_shard=4, tp=2, ep=2), "dp_shard 4 x tp 2 x ep 2")]
)
def test_a_mesh_is_told_by_the_axes_that_it_has(made: Axes, said: str) -> None:
    assert str(made) == said


@pytest.mark.parametrize("axis", ["pp", "dp_replicate", "dp_shard", "cp", "tp"])
def test_an_automatic_axis_takes_the_processes_that_are_left(axis: str) -> None:
    other = "tp" if axis != "tp" else "pp"
    assert axes(8, **{other: 2, axis: "auto"}) == Axes(**{other: 2, axis: 4})


def test_automatic_experts_take_all_shards() -> None:
    assert axes(8, dp_shard="auto", cp=2, tp=2, ep="auto").ep == 4


def test_sizes_that_do_not_multiply_to_the_processes_are_refused_with_the_equation() -> None:
    message = refusal(8, pp=2, dp_shard=2, tp=3)
    assert "pp*dp_replicate*dp_shard*cp*tp = 2*1*2*1*3 = 12, but there are 8 processes" in message
    assert "strategy=mine" in message


def test_sizes_whose_product_does_not_divide_the_processes_are_refused_with_the_equation() -> None:
    message = refusal(8, dp_shard="auto", tp=3)
    assert "pp*dp_replicate*dp_shard*cp*tp = 1*1*auto*1*3 is a multiple of 3, which 8 processes are not" in message


def test_a_wrong_product_names_the_axis_that_could_change() -> None:
    assert "use engine.num_processes=12 or strategy.tp=2" in refusal(8, pp=2, dp_shard=2, tp=3)


@pytest.mark.parametrize(
    ("processes", "sizes"),
    [(8, {"pp": 2, "dp_shard": 2, "tp": 3}), (6, {"tp": 4}), (8, {"dp_shard": "auto", "tp": 3}), (2, {"tp": 4})],
)
def test_each_size_that_a_refusal_names_fits(processes: int, sizes: dict[str, Any]) -> None:
    for advice in refusal(processes, **sizes).rpartition("use ")[2].split(" or "):
        key, _, value = advice.partition("=")
        changed = {key.removeprefix("strategy."): int(value)} if key.startswith("strategy.") else {}
        assert axes(processes if changed else int(value), **{**sizes, **changed})


def test_experts_that_do_not_fit_inside_the_shards_are_refused_with_both() -> None:
    message = refusal(8, dp_shard=4, tp=2, ep=3)
    assert "strategy.ep=3 must divide dp_shard*cp = 4*1 = 4" in message
    assert "use strategy.ep=1 or strategy.dp_shard=12" in message
