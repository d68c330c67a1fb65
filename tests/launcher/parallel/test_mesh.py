"""Where a process stands in the mesh, and whether its loss counts."""

from __future__ import annotations

import pytest
import torch

from launcher.parallel.axes import Axes
from launcher.parallel.mesh import Mesh, make_mesh

AXES = Axes(pp=2, dp_replicate=2, dp_shard=2, cp=2, tp=2)


def mesh(rank: int, axes: Axes = AXES, *, last: int = 1) -> Mesh:
    return Mesh(axes=axes, rank=rank, device=torch.device("cpu"), last=last)


@pytest.mark.parametrize("axis", ["pp", "data", "cp", "tp"])
def test_every_position_along_an_axis_is_taken_equally_often(axis: str) -> None:
    taken = [mesh(rank).index(axis) for rank in range(AXES.num_processes)]
    assert {taken.count(position) for position in set(taken)} == {len(taken) // len(set(taken))}


def test_no_two_processes_stand_in_the_same_place() -> None:
    places = {tuple(mesh(rank).index(axis) for axis in ("pp", "data", "cp", "tp")) for rank in range(32)}
    assert len(places) == AXES.num_processes


def test_neighbours_split_matrices_and_the_furthest_split_layers() -> None:
    assert [mesh(rank).index("tp") for rank in range(3)] == [0, 1, 0]
    assert [mesh(rank).index("pp") for rank in (0, 15, 16, 31)] == [0, 0, 1, 1]


def test_an_axis_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        mesh(0).index("dp")


@pytest.mark.parametrize("last", [0, 1])
def test_samples_count_once_however_a_model_is_split(last: int) -> None:
    counting = [mesh(rank, last=last) for rank in range(32) if mesh(rank, last=last).counts_terms]
    assert sorted(one.index("data") for one in counting) == list(range(AXES.num_data))
    assert {one.index("pp") for one in counting} == {last}


def test_each_part_of_a_sequence_counts_its_own_loss() -> None:
    counting = [mesh(rank) for rank in range(32) if mesh(rank).counts]
    assert len(counting) == AXES.num_data * AXES.cp


@pytest.mark.parametrize("copies", [1, 4])
def test_copies_alone_need_no_process_groups(copies: int) -> None:
    made = make_mesh(Axes(dp_replicate=copies), rank=copies - 1, device=torch.device("cpu"))
    assert (made.roles, made.dense, made.index("data"), made.counts) == (None, None, copies - 1, True)
