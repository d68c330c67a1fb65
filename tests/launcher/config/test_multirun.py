"""What `-m` asks for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from launcher.config.compose import compose
from launcher.config.composer import Composer
from launcher.config.multirun import Multirun, to_settings
from launcher.config.space import Choices
from launcher.config.sweep_app import change_multirun, read_multirun
from launcher.config.validate import from_composed
from launcher.errors import RequestError
from launcher.sweeps.check import check_sweep

LR = "optimizer.lr=1e-3,3e-4"


def asked(*argv: str) -> Multirun:
    found = read_multirun(["-m", *argv])
    assert found is not None
    return found


def composer(found: Multirun) -> Callable[[list[str]], DictConfig]:
    return Composer(found.place, found.fixed).compose


def test_overrides_are_parted_into_what_is_searched_how_and_what_all_trials_have() -> None:
    found = asked("model=mlp", "dataset=digits", LR, "run_id=first", "sweep.seed=3")
    assert found.run_id == "first"
    assert found.fixed == ("model=mlp", "dataset=digits")
    assert found.space.dimensions == {"optimizer.lr": Choices(("0.001", "0.0003"))}
    assert (found.settings.algorithm, found.settings.seed) == ("grid", 3)
    assert found.settings.objectives == {"validation/loss": "min"}


def test_a_trial_is_composed_as_a_run_of_its_own() -> None:
    composed = composer(asked("model=mlp", "dataset=digits", LR))(["optimizer.lr=0.5"])
    assert composed.optimizer.lr == 0.5
    assert "sweep" not in composed


@pytest.mark.parametrize(
    "trial",
    [
        ["optimizer.lr=0.5", "run_id=one-000"],
        ["model=linear", "optimizer.lr=1e-3"],
        ["tracker.tags=[${model.width},'a,b']", "model.width=8"],
        ["tracker=mine", "trainer.seed=3"],
    ],
)
def test_what_trials_share_is_composed_once_and_makes_no_difference(tmp_path: Path, trial: list[str]) -> None:
    (tmp_path / "tracker").mkdir()
    (tmp_path / "tracker" / "mine.yaml").write_text("defaults: [none]\ngroup: ${hydra:job.override_dirname}\n")
    fixed = ["model=mlp", "dataset=digits", "trainer.max_steps=3"]
    compose_trial = composer(asked("--config-dir", str(tmp_path), *fixed, LR))
    compose_trial(["optimizer.lr=0.1", "trainer.max_steps=7", "model.width=99"])  # leaves nothing behind
    assert compose_trial(trial) == compose([*fixed, *trial], config_dir=tmp_path)


@pytest.mark.parametrize(
    ("trial", "said"),
    [("optimizer.lt=0.5", "optimizer.lt"), ("optimizer.lr=fast", "optimizer.lr"), ("optimizer.lr=[1", "optimizer.lr")],
)
def test_what_is_wrong_with_a_trial_is_explained_as_of_a_run_of_its_own(trial: str, said: str) -> None:
    with pytest.raises(RequestError, match=said) as of_trial:
        from_composed(composer(asked("model=mlp", "dataset=digits", LR))([trial]))
    with pytest.raises(RequestError) as of_run:
        from_composed(compose(["model=mlp", "dataset=digits", trial]))
    assert str(of_trial.value) == str(of_run.value)


def test_a_yaml_may_hold_the_space(tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "mine.yaml").write_text(
        "defaults: [random]\nspace:\n  optimizer.lr: tag(log, interval(1e-5, 1e-1))\n  model.width: 16,32\n"
    )
    found = asked("--config-dir", str(tmp_path), "sweep=mine", "model=mlp", "dataset=digits", "model.width=8,64")
    assert list(found.space.dimensions) == ["optimizer.lr", "model.width"]
    assert found.space.dimensions["model.width"] == Choices(("8", "64"))  # the command line wins


def test_a_glob_names_the_options_of_a_group() -> None:
    model = asked("model=glob(gpt*)").space.dimensions["model"]
    assert isinstance(model, Choices)
    assert {"gpt_tiny", "gpt2"} <= set(model.values)


@pytest.mark.parametrize(
    "argv", [["model=mlp"], ["-m", "--help"], ["-m", "--cfg", "job"], ["-m", "hydra/launcher=basic", "--info"]]
)
def test_what_is_no_sweep_is_left_to_hydra(argv: list[str]) -> None:
    assert read_multirun(argv) is None


def test_a_sweeper_of_the_users_own_is_left_to_hydra() -> None:
    assert read_multirun(["-m", LR, "hydra.launcher._target_=hydra_plugins.mine.Launcher"]) is None


@pytest.mark.parametrize("line", ["hydra/launcher=basic", "hydra/sweeper=basic"])
def test_hydras_own_sweeper_and_launcher_are_had_by_name(line: str) -> None:
    assert read_multirun(["-m", LR, line]) is None


def test_a_sweep_is_kept_in_json() -> None:
    found = asked("model=mlp", "dataset=digits", LR, "sweep=tpe")
    assert Multirun.from_plain(json.loads(json.dumps(found.to_plain()))) == found


def test_a_sweep_may_be_asked_for_otherwise_and_keeps_the_rest_as_it_was_found() -> None:
    before = asked("model=glob(gpt*)", LR, "run_id=first", "sweep=random")
    after = change_multirun(before, ["sweep.num_trials=7", "optimizer.lr=0.5,0.6"])
    assert (after.run_id, after.settings.num_trials, after.settings.algorithm) == ("first", 7, "random")
    assert after.space.dimensions["model"] == before.space.dimensions["model"]
    assert after.space.dimensions["optimizer.lr"] == Choices(("0.5", "0.6"))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("sweep.num_trails=3", "sweep.num_trials"),
        ("sweep=bayes", "sweep=bayes: group sweep has no such option"),
        ("sweep.metric=loss", "must name what is reported, such as validation/loss"),
        ("sweep.direction=down", "sweep.direction=down must be min or max"),
        ("sweep.metric=[validation/loss,validation/accuracy] sweep.direction=[min]", "one for each metric"),
        ("sweep=asha sweep.metric=[validation/loss,validation/f1]", "use sweep=tpe or sweep=random"),
        ("sweep=random sweep.num_trials=null", "use sweep.num_trials=50"),
        ("sweep.slots=none", "sweep.slots=none must be auto, a number of devices, or a list"),
        ("sweep.slots=[0,0]", "must be auto"),
        ("sweep.reduction_factor=1", "sweep.reduction_factor=1 must be"),
        ("optimizer.lrr=1,2", "optimizer.lrr"),
        ("run_id=${hydra:job.num}", "trials add their number; type run_id=NAME"),
        ("optimizer.lr=choice()", "nothing to choose from; give values, such as optimizer.lr=choice"),
        ("optimizer.lr=range(3,1)", "nothing to choose from"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_type(override: str, said: str) -> None:
    with pytest.raises(RequestError) as refusal:
        check_sweep(asked("model=mlp", "dataset=digits", *override.split()))
    assert said in str(refusal.value)


@pytest.mark.parametrize("line", ["sweep=tpe", "sweep.num_trials=3"])
def test_words_about_a_sweep_are_refused_in_a_single_run(line: str) -> None:
    from launcher.config.compose import compose

    with pytest.raises(RequestError, match="is about a sweep, and this is one run; type -m"):
        compose(["model=mlp", "dataset=digits", line])


def test_one_direction_holds_for_several_metrics() -> None:
    values: dict[str, Any] = {**asked(LR).to_plain()["settings"], "metric": ["train/loss", "test/loss"]}
    assert to_settings(values | {"direction": "max"}).objectives == {"train/loss": "max", "test/loss": "max"}


@pytest.mark.parametrize("line", ["run_id=a,b", "run_id=x-${hydra:job.num}"])
def test_a_sweep_has_one_name(line: str) -> None:
    with pytest.raises(RequestError, match="it is the sweep's name, to which trials add their number"):
        asked("model=mlp", LR, line)
