"""What a model states about how it is spread, and what is found where it states nothing."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from launcher.parallel.model_plan import ModelPlan, can_initialize, matching


class Stated(nn.Module):
    """Two blocks in each of two lists."""

    def __init__(self, plan: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.parallel_plan = {} if plan is None else plan
        self.encoder = nn.ModuleList(nn.Linear(1, 1) for _ in range(2))
        self.decoder = nn.ModuleDict({"a": nn.Linear(1, 1), "b": nn.Linear(1, 1)})


def test_a_plan_may_leave_everything_out() -> None:
    assert ModelPlan.of(Stated()) == ModelPlan()


def test_blocks_of_several_lists_stand_in_order() -> None:
    model = Stated({"blocks": ["encoder", "decoder"]})
    assert ModelPlan.of(model).block_names(model) == ["encoder.0", "encoder.1", "decoder.a", "decoder.b"]


def test_blocks_of_one_list_may_be_stated_by_its_name() -> None:
    assert ModelPlan.of(Stated({"blocks": "encoder"})).blocks == ("encoder",)


def test_a_key_that_does_not_exist_is_an_error_with_those_that_do() -> None:
    with pytest.raises(ValueError, match="parallel_plan of Stated has no key block; its keys are blocks, tensor"):
        ModelPlan.of(Stated({"block": "encoder"}))


def test_without_a_plan_the_largest_container_of_equal_children_holds_the_blocks() -> None:
    model = nn.Module()
    model.small = nn.ModuleList(nn.Linear(1, 1) for _ in range(9))
    model.large = nn.Sequential(*[nn.Linear(9, 9) for _ in range(2)])
    model.mixed = nn.Sequential(nn.Linear(99, 99), nn.ReLU())
    found = ModelPlan.of(model)
    assert found.blocks == ("large",)
    assert found.note == "Module states no parallel_plan: its blocks are taken to be large (2 x Linear)"


def test_a_model_without_repeated_layers_is_sharded_as_one() -> None:
    found = ModelPlan.of(nn.Linear(1, 1))
    assert (found.blocks, found.note) == (
        (),
        "Linear states no parallel_plan and has no repeated blocks: sharded as one",
    )


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("encoder.*", ["encoder.0", "encoder.1"]),
        ("*.a", ["decoder.a"]),
        ("encoder", ["encoder"]),
        ("*", ["encoder", "decoder"]),
        ("encoder.0.*", []),
    ],
)
def test_a_star_stands_for_one_name(pattern: str, names: list[str]) -> None:
    assert [name for name, _ in matching(Stated(), pattern)] == names


class Fills(Stated):
    """Can draw its own weights."""

    def reset_parameters(self) -> None:
        """Draw nothing."""


class Loads(Fills):
    """Has weights that it did not draw."""

    initializes = False


@pytest.mark.parametrize(
    ("model", "can"), [(Fills(), True), (Loads(), False), (Stated(), False), (nn.Linear(1, 1), False)]
)
def test_a_model_fills_itself_if_it_states_a_plan_and_draws_its_weights(model: nn.Module, can: bool) -> None:
    assert can_initialize(model) is can
