"""Where a model is cut, and what a stage keeps of it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from launcher.parallel.model_plan import ModelPlan
from launcher.parallel.stages import cut, multiplied, num_stages, place_of_last, stage_module, stages_of


class Tower(nn.Module):
    """A table, blocks of given widths, and an output layer."""

    parallel_plan = {"blocks": "blocks", "stages": {"first": ["embed"], "last": ["head"]}}  # noqa: RUF012

    def __init__(self, *widths: int, outputs: int = 1) -> None:
        super().__init__()
        self.embed: nn.Embedding | None = nn.Embedding(1000, 1)
        self.blocks = nn.ModuleDict({str(i): nn.Linear(1, width, bias=False) for i, width in enumerate(widths)})
        self.head: nn.Linear | None = nn.Linear(1, outputs, bias=False)


def lengths(model: nn.Module, stages: int, *, by: str = "layers") -> list[int]:
    return [len(blocks) for blocks in cut(model, ModelPlan.of(model), stages, by=by)]


def test_equal_blocks_are_dealt_evenly() -> None:
    assert lengths(Tower(*[1] * 8), 4) == [2, 2, 2, 2]


def test_blocks_that_are_left_over_go_to_different_stages() -> None:
    assert sorted(lengths(Tower(*[1] * 10), 4)) == [2, 2, 3, 3]


def test_blocks_stay_in_their_order() -> None:
    model = Tower(*[1] * 5)
    stages = cut(model, ModelPlan.of(model), 2, by="layers")
    assert [name for stage in stages for name in stage] == [f"blocks.{i}" for i in range(5)]


def test_by_number_a_heavy_block_counts_as_any_other() -> None:
    assert lengths(Tower(9, 1, 1, 1), 2) == [2, 2]


def test_by_cost_a_heavy_block_stands_for_several() -> None:
    assert lengths(Tower(3, 1, 1, 1), 2, by="cost") == [1, 3]


def test_by_cost_the_output_layer_counts_in_the_last_stage() -> None:
    assert lengths(Tower(*[2] * 4, outputs=4), 2, by="cost") == [3, 1]


def test_every_stage_has_a_block_however_heavy_the_output_layer_is() -> None:
    assert lengths(Tower(1, 1, 1, outputs=100), 3, by="cost") == [1, 1, 1]


def test_tables_that_are_looked_up_cost_nothing() -> None:
    assert multiplied(Tower(3, 4)) == 3 + 4 + 1


def test_a_stage_keeps_the_names_of_the_whole() -> None:
    model = Tower(1, 1, 1)
    stage = stage_module(model, ModelPlan.of(model), ["blocks.1"], is_first=False, is_last=True)
    assert [name for name, _ in stage.named_parameters()] == ["blocks.1.weight", "head.weight"]


def test_the_whole_model_keeps_what_a_stage_leaves_out() -> None:
    model = Tower(1, 1)
    stage_module(model, ModelPlan.of(model), ["blocks.0"], is_first=True, is_last=False)
    assert len(list(model.parameters())) == 4


def test_a_stage_shares_its_modules_with_the_whole() -> None:
    model = Tower(1, 1)
    stage = stage_module(model, ModelPlan.of(model), ["blocks.0"], is_first=True, is_last=False)
    assert stage.get_submodule("blocks.0") is model.get_submodule("blocks.0")


def test_a_block_of_another_stage_hands_its_input_on() -> None:
    model = Tower(1, 1)
    stage = stage_module(model, ModelPlan.of(model), ["blocks.0"], is_first=True, is_last=False)
    assert torch.equal(stage.get_submodule("blocks.1")(torch.ones(2), "ignored"), torch.ones(2))


@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.parametrize(
    "schedule", ["1f1b", "gpipe", "looped_bfs", "interleaved_1f1b", "zbv_zero_bubble", "dualpipev"]
)
def test_each_stage_lies_on_one_process(schedule: str, processes: int) -> None:
    held = [stage for index in range(processes) for stage in stages_of(schedule, index=index, processes=processes)]
    assert sorted(held) == list(range(num_stages(schedule, processes)))


@pytest.mark.parametrize(("schedule", "place"), [("1f1b", 3), ("interleaved_1f1b", 3), ("zbv_zero_bubble", 0)])
def test_the_last_stage_lies_where_its_schedule_ends(schedule: str, place: int) -> None:
    assert place_of_last(schedule, processes=4) == place
    assert num_stages(schedule, 4) - 1 in stages_of(schedule, index=place, processes=4)
