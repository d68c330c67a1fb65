"""Where a run stands, into a marker and back."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from launcher.errors import RequestError
from launcher.parallel.axes import Axes
from launcher.training.position import Position
from launcher.training.state import from_state, to_state

HERE = Position(
    step=7,
    window_losses=[0.1, 2 / 3, 1e-300],
    window_terms=12.0,
    train_seconds=1.5,
    wall_seconds=4.0,
    device_seconds=8.0,
    metrics={"loss": 0.25},
)


def job(*, seed: int = 3, batch: int = 4, rows: int = 10, axes: Axes | None = None, scaler: Any = None) -> Any:
    return SimpleNamespace(
        config=SimpleNamespace(trainer=SimpleNamespace(seed=seed)),
        plan=SimpleNamespace(global_batch_size=batch, axes=axes or Axes()),
        train_rows=range(rows),
        accelerator=SimpleNamespace(scaler=scaler),
        run=SimpleNamespace(id="the-run"),
    )


def through_json(state: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(state))


def test_a_position_comes_back_bit_by_bit_through_json() -> None:
    assert from_state(job(), through_json(to_state(job(), HERE))) == HERE


@pytest.mark.parametrize(("step", "epoch", "samples"), [(0, 0, 0), (2, 0, 8), (3, 1, 10), (4, 1, 14), (7, 2, 24)])
def test_a_marker_says_how_many_samples_were_seen_also_where_the_last_batch_is_smaller(
    step: int, epoch: int, samples: int
) -> None:
    state = to_state(job(rows=10, batch=4), Position(step=step))
    assert (state["epoch"], state["samples"]) == (epoch, samples)


def test_another_mesh_takes_the_position() -> None:
    state = to_state(job(axes=Axes(dp_shard=4)), HERE)
    assert from_state(job(axes=Axes(tp=2)), state) == HERE


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"seed": 4}, "seed 3, and now it is 4"),
        ({"batch": 5}, "global_batch_size 4, and now it is 5"),
        ({"rows": 11}, "num_samples 10, and now it is 11"),
    ],
)
def test_another_order_of_samples_is_refused_with_both_values(other: dict[str, int], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        from_state(job(**other), to_state(job(), HERE))


def test_the_loss_scale_goes_on_where_it_was() -> None:
    before, after = (torch.amp.GradScaler("cpu", init_scale=scale) for scale in (512.0, 65536.0))
    from_state(job(scaler=after), through_json(to_state(job(scaler=before), HERE)))
    assert after.state_dict() == before.state_dict()


@pytest.mark.parametrize("was", [True, False])
def test_another_precision_begins_with_a_loss_scale_of_its_own(was: bool) -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=512.0)
    state = to_state(job(scaler=scaler if was else None), HERE)
    assert from_state(job(scaler=None if was else scaler), state) == HERE
