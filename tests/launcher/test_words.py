"""Numbers in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from launcher import words
from launcher.parallel.axes import Axes
from launcher.parallel.plan import Plan
from launcher.runs import Run, write_json

STEP = {"step": 20, "num_steps": 100, "loss": 1.23456, "learning_rate": 3e-4, "samples_per_second": 1234.0}
SUMMARY = {
    "metrics": {"test/accuracy": 0.97251},
    "num_parameters": 1_234_567,
    "steps": 100,
    "train_seconds": 185.0,
    "samples_per_second": 1234.0,
    "peak_memory_bytes": 512 * 2**20,
    "device_hours": 0.05,
}


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0"),
        (999, "999"),
        (0.5, "0.5"),
        (1000, "1k"),
        (1_234_567, "1.23M"),
        (999_999, "1M"),
        (999_999_999, "1G"),
        (175e9, "175G"),
        (2.5e12, "2.5T"),
    ],
)
def test_a_count_has_three_digits_and_a_unit(number: float, said: str) -> None:
    assert words.count(number) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (3 * 2**30, "3 GiB"), (2**42, "4 TiB")],
)
def test_bytes_have_a_binary_unit(number: float, said: str) -> None:
    assert words.size(number) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "0s"),
        (12.4, "12s"),
        (59.7, "1m00s"),
        (185, "3m05s"),
        (3599.9, "1h00m"),
        (3720, "1h02m"),
        (90000, "25h00m"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


def test_metrics_are_on_one_line() -> None:
    assert words.metrics({"loss": 0.123456, "accuracy": 1.0}) == "loss 0.1235  accuracy 1"


def test_a_progress_line_tells_step_loss_rate_and_throughput() -> None:
    assert words.step(STEP) == "step 20/100  loss 1.2346  lr 3.00e-04  1.23k samples/s"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"tokens_per_second": 56789.0}, "56.8k tokens/s"),
        ({"mfu": 0.4321}, "MFU 43.2%"),
        ({"seconds_left": 185.0}, "3m05s left"),
    ],
)
def test_a_progress_line_tells_what_else_is_known(more: dict[str, Any], said: str) -> None:
    assert said in words.step({**STEP, **more})


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"event": "step", **STEP}, "step 20/100  loss 1.2346  lr 3.00e-04  1.23k samples/s"),
        (
            {"event": "evaluation", "split": "test", "step": 9, "metrics": {"loss": 0.5, "r2": 0.25}},
            "test at step 9: loss 0.5  r2 0.25",
        ),
        ({"event": "phase", "name": "training", "num_steps": 9}, "training"),
        ({"event": "warning", "message": "slow disk"}, "warning: slow disk"),
        ({"event": "resumed", "step": 40, "attempt": 1}, "resumed from the checkpoint at step 40"),
        ({"event": "resumed", "step": 0, "attempt": 1}, "begun anew: there is no checkpoint to resume from"),
        (
            {"event": "checkpoint", "step": 40, "seconds": 3.0, "bytes": 1.5 * 2**30},
            "checkpoint at step 40 (1.5 GiB in 3 s)",
        ),
        (
            {"event": "checkpoint", "step": 40, "seconds": 0.0123, "bytes": 2048},
            "checkpoint at step 40 (2 KiB in 0.0123 s)",
        ),
        (
            {"event": "restart", "attempt": 2, "cause": "user code", "message": "ValueError: no"},
            "attempt 2 after user code: ValueError: no",
        ),
        ({"event": "of another version", "value": 3}, "of another version"),
    ],
)
def test_each_event_is_told_on_one_line(event: dict[str, Any], said: str) -> None:
    assert words.event(event) == said


@pytest.mark.parametrize(
    ("processes", "device", "said"),
    [
        (1, "cpu", "1 process on cpu with 2 threads each, global batch 32 = 1 x 4 x 8"),
        (2, "cuda", "2 processes on cuda, global batch 32 = 2 x 4 x 8"),
    ],
)
def test_a_plan_tells_how_the_global_batch_is_made_up(processes: int, device: str, said: str) -> None:
    plan = Plan(
        device=device,
        num_processes=processes,
        axes=Axes(dp_replicate=processes),
        threads=2,
        global_batch_size=32,
        micro_batch_size=8,
        accumulation=4,
    )
    assert words.plan(plan).startswith(said)


def test_a_mesh_is_told_with_the_plan() -> None:
    axes = Axes(pp=2, tp=2)
    plan = Plan(
        device="cpu",
        num_processes=4,
        axes=axes,
        threads=1,
        global_batch_size=8,
        micro_batch_size=2,
        accumulation=4,
    )
    assert ", mesh pp 2 x tp 2, global batch 8 = 1 x 4 x 2" in words.plan(plan)


def rows(run: Run, **more: Any) -> dict[str, str]:
    write_json(run.summary_path, {**SUMMARY, **more})
    return dict(words.summary_rows(run))


def test_a_summary_tells_metrics_cost_and_place(make_run: Callable[..., Run]) -> None:
    run = make_run()
    assert rows(run) == {
        "test/accuracy": "0.9725",
        "parameters": "1.23M",
        "steps": "100 in 3m05s",
        "throughput": "1.23k samples/s",
        "peak memory": "512 MiB a process",
        "device-hours": "0.0500",
        "where": str(run.path),
    }


def test_a_summary_sets_bits_per_byte_beside_the_floors_of_the_same_split(make_run: Callable[..., Run]) -> None:
    run = make_run()
    write_json(run.data_path, {"floors": {"order_0": 4.66, "trigram": 2.651}})
    assert rows(run)["bits per byte to beat"] == "order-0 4.66  trigram 2.65"


def test_a_summary_tells_utilisation_where_it_is_known(make_run: Callable[..., Run]) -> None:
    assert rows(make_run(), mfu=0.4321)["model FLOPs utilisation"] == "43.2%"


def test_what_to_type_next_names_the_run(make_run: Callable[..., Run]) -> None:
    (line,) = words.next_commands(make_run())
    assert "windlass runs show the-run" in line
    assert "windlass runs logs the-run" in line


@pytest.mark.parametrize(
    ("stamps", "said"),
    [
        (["20260101_000000"], "offline-run-20260101_000000-the-run "),
        (["20260102_000000", "20260101_000000"], "offline-run-* "),
    ],
)
def test_what_to_type_next_syncs_every_attempt_of_the_tracker(
    stamps: list[str], said: str, make_run: Callable[..., Run]
) -> None:
    run = make_run()
    for stamp in stamps:
        (run.wandb_dir / f"offline-run-{stamp}-the-run").mkdir(parents=True)
    assert f"wandb sync {run.wandb_dir}/{said}" in words.next_commands(run)[1]


def test_a_summary_of_several_attempts_tells_why_there_were_several(make_run: Callable[..., Run]) -> None:
    run = make_run()
    for attempt in (1, 2):
        run.report("restart", attempt=attempt, cause=f"cause {attempt}", message="")
    assert rows(run)["restarts"] == "2, the last after cause 2"
