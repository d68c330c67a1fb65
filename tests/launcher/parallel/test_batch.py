"""Micro batches of one process, with and without a pipeline."""

from __future__ import annotations

import re
from typing import Any

import pytest

from launcher.errors import RequestError
from launcher.parallel.axes import Axes
from launcher.parallel.batch import divide_batch, least_microbatches
from tests.launcher.parallel.configs import config


def divided(axes: Axes, batch: int, micro: int | None = None, **values: Any) -> tuple[int, int]:
    values = {f"strategy__{name}": value for name, value in values.items()}
    made = config(**values, trainer__global_batch_size=batch, trainer__micro_batch_size=micro)
    return divide_batch(made, axes)


def refusal(axes: Axes, batch: int, micro: int | None = None, **values: Any) -> str:
    with pytest.raises(RequestError) as error:
        divided(axes, batch, micro, **values)
    return str(error.value)


def test_processes_that_share_samples_count_once() -> None:
    assert divided(Axes(dp_shard=2, cp=2, tp=2), 12, 2) == (2, 3)


def test_a_batch_that_does_not_divide_over_the_data_axes_is_refused_with_the_equation() -> None:
    message = refusal(Axes(dp_replicate=2, dp_shard=3), 8)
    assert "trainer.global_batch_size=8 does not divide over dp_replicate*dp_shard = 2*3 = 6 data shares" in message
    assert message.endswith("use trainer.global_batch_size=6")


def test_a_share_that_does_not_divide_into_micro_batches_is_refused_with_the_number_that_does() -> None:
    message = refusal(Axes(dp_shard=2), 24, 5)
    assert "trainer.micro_batch_size=5 does not divide the 12 samples that each of 2 data shares takes" in message
    assert message.endswith("use trainer.micro_batch_size=4")


def test_a_pipeline_takes_about_two_micro_batches_a_stage() -> None:
    assert divided(Axes(pp=4), 32) == (4, 8)


def test_a_pipeline_takes_as_many_micro_batches_as_it_is_told() -> None:
    assert divided(Axes(pp=2), 24, pp_microbatches=6) == (4, 6)


def test_a_micro_batch_size_says_how_many_flow_through_a_pipeline() -> None:
    assert divided(Axes(pp=2, dp_shard=2), 24, 2) == (2, 6)


def test_micro_batches_of_a_pipeline_that_do_not_divide_its_samples_are_refused_with_a_number_that_does() -> None:
    message = refusal(Axes(pp=2), 8, pp_microbatches=3)
    assert "strategy.pp_microbatches=3 does not divide the 8 samples" in message
    assert message.endswith("use strategy.pp_microbatches=2")


def test_a_size_and_a_number_of_micro_batches_that_disagree_are_refused_with_both() -> None:
    message = refusal(Axes(pp=2), 8, 2, pp_microbatches=2)
    assert "trainer.micro_batch_size=2 makes 4 micro batches" in message
    assert message.endswith("use trainer.micro_batch_size=4 or strategy.pp_microbatches=auto")


def test_fewer_micro_batches_than_stages_are_refused_with_the_rule() -> None:
    message = refusal(Axes(pp=4), 2)
    assert (
        "strategy.pp_schedule=1f1b over pp=4 stages needs at least 4 micro batches a step, but there are 2" in message
    )


def test_interleaved_stages_want_a_multiple_of_their_number() -> None:
    message = refusal(Axes(pp=2), 10, 2, pp_schedule="interleaved_1f1b")
    assert "at least 2, best a multiple of 2, micro batches a step, but there are 5" in message


def test_two_way_pipelines_need_twice_as_many_micro_batches() -> None:
    assert least_microbatches("dualpipev", 4) == 2 * least_microbatches("1f1b", 4)


@pytest.mark.parametrize(
    ("axes", "batch", "micro", "values"),
    [
        (Axes(pp=4), 2, None, {}),
        (Axes(pp=2), 8, 2, {"pp_microbatches": 2}),
        (Axes(pp=2), 8, None, {"pp_microbatches": 3}),
        (Axes(pp=2), 10, 2, {"pp_schedule": "interleaved_1f1b"}),
        (Axes(pp=4), 4, None, {"pp_schedule": "dualpipev"}),
        (Axes(pp=2, dp_shard=2), 12, 4, {}),
        (Axes(dp_replicate=2, dp_shard=3), 8, None, {}),
        (Axes(dp_shard=3), 16, 4, {}),
    ],
)
def test_what_a_refusal_says_to_use_works(axes: Axes, batch: int, micro: int | None, values: dict[str, Any]) -> None:
    for advice in refusal(axes, batch, micro, **values).rpartition("use ")[2].split(" or "):
        asked: dict[str, Any] = {"batch": batch, "micro": micro, **values}
        for key, value in re.findall(r"(\w+)=(\w+)", advice):
            name = {"global_batch_size": "batch", "micro_batch_size": "micro"}.get(key, key)
            asked[name] = int(value) if value.isdigit() else value
        assert divided(axes, **asked), advice
