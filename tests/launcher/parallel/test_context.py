"""Which positions of a sequence a process holds."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from launcher.parallel.context import positions, sequence_order, split_position_buffers, split_sequence
from launcher.parallel.model_plan import ModelPlan

EITHER = pytest.mark.parametrize("balanced", [True, False])


@EITHER
@pytest.mark.parametrize("size", [1, 2, 4])
def test_each_position_lies_on_one_process(size: int, balanced: bool) -> None:
    held = torch.cat([positions(16, rank=rank, size=size, balanced=balanced) for rank in range(size)])
    assert sorted(held.tolist()) == list(range(16))


@EITHER
def test_positions_of_a_process_ascend(balanced: bool) -> None:
    for rank in range(4):
        held = positions(16, rank=rank, size=4, balanced=balanced)
        assert torch.equal(held, held.sort().values)


def test_unbalanced_parts_are_contiguous() -> None:
    assert positions(8, rank=1, size=2, balanced=False).tolist() == [4, 5, 6, 7]


def test_balanced_parts_come_from_both_ends() -> None:
    assert positions(8, rank=0, size=2, balanced=True).tolist() == [0, 1, 6, 7]


def test_balanced_parts_see_equally_many_keys() -> None:
    seen = [int((positions(32, rank=rank, size=4, balanced=True) + 1).sum()) for rank in range(4)]
    assert len(set(seen)) == 1


@EITHER
def test_joined_parts_are_put_back_in_order(balanced: bool) -> None:
    joined = torch.cat([positions(16, rank=rank, size=4, balanced=balanced) for rank in range(4)])
    assert joined[sequence_order(16, 4, balanced=balanced)].tolist() == list(range(16))


class Positioned(nn.Module):
    """What goes into `inner` and comes out of `outer` is the whole sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Identity(), nn.Identity()
        self.register_buffer("table", torch.arange(4.0)[:, None], persistent=False)


PLAN = ModelPlan(context={"split_inputs": ["inner"], "split_outputs": ["outer"], "position_buffers": ["table"]})
MINE = torch.tensor([0, 3])


@pytest.mark.parametrize("name", ["inner", "outer"])
def test_modules_of_whole_sequences_take_or_give_what_lies_here(name: str) -> None:
    model = Positioned()
    split_sequence(model, PLAN, MINE)
    assert model.get_submodule(name)(torch.tensor([[5, 6, 7, 8]])).tolist() == [[5, 8]]


def test_tables_keep_the_rows_of_the_positions_here() -> None:
    model = Positioned()
    split_position_buffers(model, PLAN, MINE)
    assert model.table.tolist() == [[0.0], [3.0]]


def test_tables_stay_out_of_the_saved_state() -> None:
    model = Positioned()
    split_position_buffers(model, PLAN, MINE)
    assert model.state_dict() == {}
