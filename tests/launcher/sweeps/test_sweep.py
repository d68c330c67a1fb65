"""Sweeps for real: what happens to trials is recorded, and ends nothing else."""

from __future__ import annotations

import json
import signal

import pytest

from launcher.runs import Run, list_runs
from launcher.sweeps.ledger import FAILED, FINISHED, PAUSED, PRUNED, STOPPED
from tests.launcher.sweeps.harness import SETTINGS, Place, states, wait_until
from tests.launcher.wandb_file import read_records

ANONYMOUS = tuple(word for word in SETTINGS if not word.startswith("run_id="))
GOOD = "0.0,0.001,0.002,0.003,0.004,1.0,0.005,0.006,0.007"


def test_trials_that_fail_are_recorded_with_their_cause_and_the_others_go_on(place: Place) -> None:
    said = place.sweep("model.fails=never,raise,explode,die", "trainer.seed=0,1")
    trials = place.trials()
    assert states(trials) == [FINISHED] * 2 + [FAILED] * 6
    causes = [(trial.reason or "").partition(":")[0] for trial in trials[2::2]]
    assert causes[:2] == ["user code", "non-finite loss"]
    assert "as it was told" in (trials[2].reason or "")
    assert all(trial.device_seconds > 0 for trial in trials)
    assert "2 finished, 6 failed" in said
    assert place.run(0).job["state"] == "finished"
    assert place.command("sweeps", "best").split() == trials[0].typed_overrides()


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "group"), [((), "s"), (("tracker.group=mine",), "mine")])
def test_trials_are_grouped_in_wandb_under_the_sweep(place: Place, typed: tuple[str, ...], group: str) -> None:
    online = tuple(word for word in SETTINGS if word != "tracker=none")
    place.end(place.begin("trainer.seed=0,1", *typed, settings=online))
    for number in range(2):
        (file,) = place.run(number).path.glob("wandb/offline-run-*/*.wandb")
        (opened,) = [record.run for record in read_records(file.read_bytes()) if record.HasField("run")]
        assert (opened.run_id, opened.run_group) == (f"s-{number:03}", group)


@pytest.mark.slow
def test_a_trial_alone_and_in_a_warm_slot_behind_careless_ones_gives_the_same_bit_by_bit(place: Place) -> None:
    place.sweep("model.spoils=true,false", "trainer.seed=range(10)", "sweep.slots=1", "tracker.group=mine")
    for number, seed in ((10, 0), (19, 9)):
        overrides = [f"trainer.seed={seed}", f"run_id=alone{seed}", "engine.num_processes=1"]
        place.command("train", "--config-dir", "conf", *ANONYMOUS, *overrides)
        run = Run(place.path / "runs" / f"alone{seed}")
        assert run.metrics == place.run(number).metrics
        assert [e["loss"] for e in run.history()] == [e["loss"] for e in place.run(number).history()]


@pytest.mark.slow
def test_trials_are_packed_in_order_and_a_big_one_is_not_starved(place: Place) -> None:
    place.sweep("engine.num_processes=1,2", "trainer.seed=0,1,2", "model.pace_s=0.02", "sweep.slots=2")
    assert states(place.trials()) == [FINISHED] * 6
    taken: dict[str, int] = {}
    for line in place.record.ledger_path.read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "started":
            for device in event["slot"]:
                assert device not in taken
                taken[device] = event["trial"]
        elif event["event"] == "ended":
            taken = {device: trial for device, trial in taken.items() if trial != event["trial"]}
    assert [len(event["slot"]) for event in place.events("started")].count(2) == 3


def test_asha_finds_the_good_one_with_less_than_half_of_the_steps_of_the_grid(place: Place) -> None:
    said = place.sweep(
        "sweep=asha",
        "sweep.num_trials=9",
        f"model.quality={GOOD}",
        "trainer.seed=range(20)",
        "optimizer.lr=0.1",
        "trainer.max_steps=54",
        "trainer.eval_every_steps=2",
        "model.pace_s=0.01",
        "checkpoint.every_steps=2",
    )
    trials = place.trials()
    assert set(states(trials)) <= {FINISHED, PRUNED}
    steps = sum(trial.steps[-1] for trial in trials)
    assert steps < 9 * 54 / 2, said
    continued = [trial for trial in trials if len(place.run(trial.number).attempts()) > 1]
    assert all(place.run(trial.number).history("resumed") for trial in continued)
    assert all(place.run(trial.number).state == "pruned" for trial in trials if trial.state == PRUNED)


@pytest.mark.slow
def test_a_pruned_trial_frees_its_devices_within_a_second(place: Place) -> None:
    process = place.begin(
        "sweep=asha",
        "sweep.num_trials=2",
        "sweep.slots=1",
        "model.quality=0.5,1.0",
        "trainer.max_steps=1000",
        "trainer.eval_every_steps=5",
        "model.pace_s=0.05",
        "checkpoint.every_steps=5",
    )
    first = wait_until(lambda: [each for each in place.trials() if each.state == PAUSED], "a pause")[0]
    run = place.run(first.number)
    evaluated = run.history("evaluation")[0]["time"]
    assert run.job["ended"] - evaluated < 2.0
    assert run.last_step() < 60
    process.send_signal(signal.SIGINT)
    place.end(process, code=130)


@pytest.mark.slow
def test_trials_that_all_fail_alike_end_the_sweep(place: Place) -> None:
    said = place.sweep("model.fails=raise", "trainer.seed=range(20)", "sweep.slots=1", code=1)
    assert "the first 3 trials all failed alike: user code" in said
    assert "windlass sweeps resume s" in said
    assert states(place.trials()).count(FAILED) == 3
    assert place.record.state == "failed"


@pytest.mark.slow
def test_a_trial_that_takes_too_long_is_ended_and_counts_as_failed(place: Place) -> None:
    place.sweep("model.pace_s=0.0,9.0", "sweep.max_trial_minutes=0.05")
    first, second = place.trials()
    assert (first.state, second.state) == (FINISHED, FAILED)
    assert "longer than sweep.max_trial_minutes=0.05" in (second.reason or "")


@pytest.mark.slow
def test_a_metric_that_is_never_reported_is_told_at_the_first_evaluation_and_nothing_is_lost(place: Place) -> None:
    said = place.sweep(
        "sweep.metric=validation/f3",
        "trainer.seed=range(9)",
        "trainer.max_steps=100",
        "trainer.eval_every_steps=2",
        "model.pace_s=0.05",
        code=2,
    )
    assert "sweep.metric=validation/f3 is never reported; training reports validation/loss, validation/accuracy" in said
    assert set(states(place.trials())) == {STOPPED, "waiting"}
    said = place.command("sweeps", "resume", "s", "sweep.metric=validation/f1", "trainer.max_steps=4", code=2)
    assert "trainer.max_steps=4 is new" in said


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["optimizer.lrr=1,2"], "did you mean optimizer.lr"),
        (["model.fails=choice()"], "nothing to choose from"),
        (["trainer.seed=range(5000)"], "sweep.max_grid_size=5000 if you mean it"),
        (["engine.num_processes=1,64"], "a trial needs 64 devices"),
        (["sweep=asha", "trainer.seed=1,2", "trainer.eval_every_steps=null"], "use trainer.eval_every_steps=50"),
    ],
)
def test_what_no_trial_could_run_is_refused_before_anything_starts(
    place: Place, overrides: list[str], said: str
) -> None:
    assert said in place.sweep(*overrides, code=2)
    assert not (place.path / "runs").exists()


@pytest.mark.slow
def test_interrupting_a_sweep_keeps_it_and_it_goes_on(place: Place) -> None:
    slow = ("trainer.seed=range(4)", "trainer.max_steps=60", "model.pace_s=0.05", "checkpoint.every_steps=5")
    process = place.begin(*slow)
    wait_until(lambda: place.run(0).last_step(), "a step")
    assert place.command("sweeps", "resume", "s", code=2).startswith("error: sweep s is running; stop it first")
    process.send_signal(signal.SIGINT)
    place.end(process, code=130)
    assert place.record.state == "stopped"
    assert states(place.trials())[:2] == [STOPPED, STOPPED]
    place.sweep(*slow)  # the same command goes on
    assert states(place.trials()) == [FINISHED] * 4
    assert place.run(0).history("resumed")
    assert "sweep s would change: trainer.seed" in place.sweep("trainer.seed=0,1", *slow[1:], code=2)
    place.sweep("trainer.seed=range(5)", *slow[1:], "--force")
    assert states(place.trials()) == [FINISHED] * 5


@pytest.mark.slow
def test_two_sweeps_at_once_do_not_collide(place: Place) -> None:
    both = [
        place.begin("trainer.seed=range(3)", "model.pace_s=0.01", f"run_id={name}", settings=ANONYMOUS)
        for name in ("one", "two")
    ]
    for process in both:
        place.end(process)
    rows = json.loads(place.command("sweeps", "--json"))
    assert {row["id"]: row["trials"] for row in rows} == {"one": {"finished": 3}, "two": {"finished": 3}}


def test_a_sweep_is_listed_shown_exported_and_deleted_with_its_runs(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.sweep("trainer.seed=0,1")
    assert "2 finished" in place.command("sweeps")
    assert "s-001" in place.command("sweeps", "show", "latest")
    header, *rows = place.command("sweeps", "export", "s", "--csv").splitlines()
    assert header.startswith("trial,run,state,evaluations,device_seconds,reason,trainer.seed,")
    assert [row.split(",")[1] for row in rows] == ["s-000", "s-001"]
    assert place.command("sweeps", "stop", "s", code=2).startswith("error: sweep s is finished")
    monkeypatch.setenv("WINDLASS_RUNS_DIR", str(place.path / "runs"))
    assert len(list_runs()) == 2
    assert "and 2 runs" in place.command("sweeps", "delete", "s")
    assert list_runs() == []
