"""The page of one run."""

from __future__ import annotations

import json
from pathlib import Path

from launcher.dashboard.views.run import run_view
from tests.launcher.dashboard.made import make_run, write_wandb
from tests.launcher.dashboard.views.looked_at import pair


def test_a_finished_run_has_all_its_facts(tmp_path: Path) -> None:
    make_run(tmp_path, "a", steps=40, checkpoints=(20, 40), warnings=("slow disk",))
    view = run_view(*pair(tmp_path, "a"))
    assert (view["id"], view["kind"], view["state"]) == ("a", "windlass", "finished")
    assert view["config"]["optimizer.lr"] == 0.003
    assert [each["step"] for each in view["checkpoints"]] == [20, 40]
    assert view["warnings"][0]["message"] == "slow disk"
    assert view["plan"]["global_batch_size"] == 32
    assert view["measured"]["peak_memory_bytes"] == 455868416
    assert (view["failure"], view["problems"]) == (None, [])
    assert view["command"] == "windlass train model=mlp dataset=digits"
    assert [log["name"] for log in view["logs"]] == ["attempt_0/rank_0.log"]
    json.dumps(view, allow_nan=False)


def test_checkpoints_that_were_deleted_since_are_told_from_those_that_are_kept(tmp_path: Path) -> None:
    path = make_run(tmp_path, "a", steps=40, checkpoints=(20, 40))
    (path / "checkpoints" / "step_00000040").mkdir(parents=True)
    (path / "checkpoints" / "step_00000040" / "checkpoint.json").write_text("{}")
    (path / "checkpoints" / "step_of_nobody").mkdir()
    view = run_view(*pair(tmp_path, "a"))
    assert [(each["step"], each["kept"]) for each in view["checkpoints"]] == [(20, False), (40, True)]


def test_metrics_come_with_group_count_last_and_extremes(tmp_path: Path) -> None:
    make_run(tmp_path, "a", steps=40, metrics={"validation/loss": 0.5})
    row, run = pair(tmp_path, "a")
    metrics = {metric["name"]: metric for metric in run_view(row, run)["metrics"]}
    values = run.series("train/loss").values
    assert metrics["train/loss"] == {
        "name": "train/loss",
        "group": "train",
        "count": len(values),
        "last": values[-1],
        "min": values.min(),
        "max": values.max(),
    }
    assert (metrics["validation/loss"]["group"], metrics["validation/loss"]["last"]) == ("validation", 0.5)
    assert {metric["group"] for name, metric in metrics.items() if name.startswith("system/")} == {"system"}


def test_a_command_is_ready_for_a_shell(tmp_path: Path) -> None:
    make_run(tmp_path, "a", job={"command": ["windlass", "train", "optimizer.lr=1e-3", "model.name=it's"]})
    assert run_view(*pair(tmp_path, "a"))["command"] == """windlass train optimizer.lr=1e-3 'model.name=it'"'"'s'"""


def test_a_failed_run_tells_why_in_whole(tmp_path: Path) -> None:
    make_run(tmp_path, "a", state="failed", failure={"traceback": "Traceback\n  <b>", "rank": 3})
    view = run_view(*pair(tmp_path, "a"))
    assert view["state"] == "failed"
    assert (view["failure"]["rank"], view["failure"]["traceback"]) == (3, "Traceback\n  <b>")
    assert view["failure"]["advice"] == "use optimizer.lr=1e-4"


def test_what_was_measured_until_now_is_that_of_the_last_step(tmp_path: Path) -> None:
    make_run(tmp_path, "a", steps=30, state="running")
    view = run_view(*pair(tmp_path, "a"))
    assert view["measured"]["samples_per_second"] == 1000.0 + 30 % 7
    assert view["state"] == "running"


def test_restarts_are_listed(tmp_path: Path) -> None:
    make_run(tmp_path, "a", steps=40, resumed=[(25, 20)])
    (restart,) = run_view(*pair(tmp_path, "a"))["restarts"]
    assert (restart["attempt"], restart["step"]) == (1, 20)


def test_tokens_are_an_axis_where_they_were_counted(tmp_path: Path) -> None:
    make_run(tmp_path, "a", sequence_length=8)
    make_run(tmp_path, "b")
    assert run_view(*pair(tmp_path, "a"))["axes"] == ["step", "time", "relative", "tokens"]
    assert run_view(*pair(tmp_path, "b"))["axes"] == ["step", "time", "relative"]


def test_a_foreign_run_has_no_plan_but_its_command_and_console(tmp_path: Path) -> None:
    rows = [{"loss": 1.0}, {"loss": float("nan")}]
    write_wandb(tmp_path / "wandb", run_id="b", rows=rows, config={"a": {"b": 1}}, args=["--lr", "1"], console=["hi\n"])
    view = run_view(*pair(tmp_path, "b"))
    assert (view["kind"], view["plan"], view["measured"], view["failure"]) == ("wandb", None, {}, None)
    assert view["config"] == {"a.b": 1}
    assert view["command"].endswith("train.py --lr 1")
    assert [log["name"] for log in view["logs"]] == ["console"]
    (metric,) = view["metrics"]
    assert (metric["name"], metric["group"], metric["last"], metric["max"]) == ("loss", "", "NaN", 1.0)


def test_damaged_files_are_told_and_everything_else_is_shown(tmp_path: Path) -> None:
    path = make_run(tmp_path, "a")
    for name in ("plan.json", "summary.json", "config.yaml", "failure.json"):
        (path / name).write_text("{{{")
    view = run_view(*pair(tmp_path, "a"))
    assert (view["plan"], view["failure"]) == (None, None)
    assert [metric for metric in view["metrics"] if metric["name"] == "train/loss"]


def test_files_that_no_run_wrote_are_passed_over(tmp_path: Path) -> None:
    path = make_run(tmp_path / "runs", "a", state="failed")
    (tmp_path / "secret.json").write_text('{"secret": 1}')
    (path / "plan.json").unlink()
    (path / "plan.json").symlink_to(tmp_path / "secret.json")
    (path / "failure.json").write_text('{"a": ' + "[" * 900 + "]" * 900 + "}")
    (path / "job.json").write_text('{"state": "running", "host": "elsewhere", "heartbeat": "x", "created": "x"}')
    (path / "events.jsonl").write_text('{"event": "step", "time": 1, "loss": 1}\n')
    (path / "logs").chmod(0)
    view = run_view(*pair(tmp_path / "runs", "a"))
    (path / "logs").chmod(0o700)
    assert (view["plan"], view["failure"], view["state"]) == (None, None, "lost")
    json.dumps(view, allow_nan=False)
