import sys

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from launcher.config.compose import compose, run_app, to_plain, to_yaml
from launcher.errors import RequestError


def seeds(argv):
    return run_app(argv, lambda cfg: cfg.trainer.seed)


def test_the_default_config_composes():
    cfg = compose()
    assert isinstance(cfg, DictConfig)
    assert cfg.model._target_ == "models.gpt.GPT"
    assert "hydra" not in cfg


def test_it_composes_several_times_in_a_process():
    assert [compose([f"trainer.seed={seed}"]).trainer.seed for seed in (1, 2)] == [1, 2]


def test_a_composed_config_knows_no_new_keys():
    with pytest.raises(AttributeError):
        compose().trainer.max_stepz = 3


def test_hydras_own_values_are_filled_in():
    assert compose(["tracker.group=${hydra:runtime.choices.model}"]).tracker.group == "gpt_tiny"


def test_a_users_own_groups_stand_beside_ours(groups):
    root = groups(model__mine="defaults: [linear]\nnum_outputs: 3\n", optimizer__slow="defaults: [sgd]\nlr: 1e-6\n")
    cfg = compose(["model=mine", "dataset=wine", "optimizer=slow"], config_dir=root)
    assert (cfg.model._target_, cfg.model.num_outputs, cfg.optimizer.lr) == ("models.linear.Linear", 3, 1e-6)


@pytest.mark.filterwarnings("ignore:The version_base parameter is deprecated")  # since Hydra 1.4
def test_a_users_own_hydra_is_left_as_it_was(tmp_path):
    (tmp_path / "theirs.yaml").write_text("x: 1\n")
    with initialize_config_dir(str(tmp_path), version_base="1.3", job_name="theirs"):
        before = GlobalHydra.instance().hydra
        compose()
        assert GlobalHydra.instance().hydra is before
        assert hydra_compose("theirs", return_hydra_config=True).hydra.job.name == "theirs"
    assert not HydraConfig.initialized()


@pytest.mark.parametrize(
    ("overrides", "task", "steps"),
    [
        (["dataset=wine", "model=mlp"], "classification", None),
        (["dataset=wine", "model=mlp", "experiment=mine"], "regression", 7),
        (["dataset=wine", "model=mlp", "experiment=mine", "debug=mine"], "regression", 8),
        (["dataset=wine", "model=mlp", "experiment=mine", "task=classification"], "classification", 7),
        (["dataset=wine", "model=mlp", "debug=mine", "trainer.max_steps=9"], "classification", 9),
    ],
)
def test_the_command_line_wins_over_debug_over_experiment_over_the_dataset(groups, overrides, task, steps):
    root = groups(
        experiment__mine="# @package _global_\ndefaults: [{override /task: regression}]\ntrainer: {max_steps: 7}\n",
        debug__mine="# @package _global_\ntrainer: {max_steps: 8}\n",
    )
    cfg = compose(overrides, config_dir=root)
    assert cfg.task._target_.endswith(task.capitalize())
    assert cfg.trainer.max_steps == steps


def test_an_app_calls_its_task_once_and_returns_what_it_returned():
    assert seeds(["trainer.seed=3"]) == [3]


@pytest.mark.parametrize(
    "argv",
    [
        ["-m", "trainer.seed=1,2"],
        ["trainer.seed=1,2", "-m", "engine.max_restarts=1"],
        ["trainer.seed=1,2", "hydra.mode=MULTIRUN"],
    ],
)
def test_a_multirun_runs_each_combination_in_turn(argv):
    assert seeds(argv) == [1, 2]


def test_a_multirun_says_which_combination_runs(capsys):
    run_app(["-m", "trainer.seed=1,2"], lambda cfg: print("task", file=sys.stderr))
    assert capsys.readouterr().err == "run 1: trainer.seed=1\ntask\nrun 2: trainer.seed=2\ntask\n"


def test_a_multirun_is_checked_whole_before_its_first_run():
    ran = []
    with pytest.raises(RequestError, match=r"trainer\.seed=abc"):
        run_app(["-m", "trainer.seed=1,abc"], ran.append)
    assert ran == []


def test_runs_of_a_multirun_can_be_named_by_their_number():
    assert run_app(["-m", "trainer.seed=5,6", "run_id=s-${hydra:job.num}"], lambda cfg: cfg.run_id) == ["s-0", "s-1"]


@pytest.mark.parametrize(
    ("argv", "error"),
    [([], ValueError), ([], RequestError), ([], KeyboardInterrupt), (["-m", "trainer.seed=1,2"], ValueError)],
)
def test_what_a_task_raises_ends_the_app_and_comes_through(argv, error, capsys):
    calls = []

    def task(cfg):
        calls.append(cfg)
        raise error("from the task")

    with pytest.raises(error, match="from the task"):
        run_app(argv, task)
    assert len(calls) == 1
    assert "Error executing job" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv", [["trainer.seed=1"], ["-m", "trainer.seed=1,2"], ["--cfg", "job"], ["--info", "config"], ["--help"]]
)
def test_hydra_writes_nothing_into_the_working_directory(argv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_app(argv, lambda cfg: None)
    assert list(tmp_path.iterdir()) == []


def test_help_lists_groups_options_and_keys(capsys):
    assert run_app(["--help"], print) == []
    text = capsys.readouterr().out
    assert "model: bert, cnn, gpt2, gpt_tiny" in text
    assert "dataset: breast_cancer, csv" in text
    assert "_base" not in text
    assert "max_steps: 1500" in text


def test_cfg_prints_the_config_that_the_overrides_describe(capsys):
    assert run_app(["--cfg", "job", "--package", "trainer", "trainer.seed=3"], print) == []
    text = capsys.readouterr().out
    assert text.startswith("# @package trainer\n")
    assert OmegaConf.create(text).seed == 3


def test_cfg_shows_a_config_that_cannot_run_yet(capsys):
    run_app(["--cfg", "job", "dataset=csv"], print)
    assert "path: ???" in capsys.readouterr().out


def test_resolve_keeps_what_only_the_data_know(capsys):
    run_app(["--cfg", "job", "--resolve", "tracker.group=seed-${trainer.seed}"], print)
    text = capsys.readouterr().out
    assert "group: seed-0" in text
    assert "vocab_size: ${data.vocab_size}" in text


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["--cfg", "hydra"], "sweeper:"),
        (["--cfg", "all", "--package", "hydra.job"], "name: windlass"),
        (["--info", "defaults"], "| dataset/python_stdlib"),
        (["--info", "searchpath"], "conf"),
        (["--hydra-help"], "Hydra ("),
    ],
)
def test_hydras_own_questions_are_answered(argv, word, capsys):
    assert run_app(argv, print) == []
    assert word in capsys.readouterr().out


def test_a_config_dir_of_the_users_own_is_searched(groups):
    root = groups(trainer__tiny="defaults: [default]\nseed: 11\n")
    assert seeds(["--config-dir", str(root), "trainer=tiny"]) == [11]


def test_another_primary_config_can_be_named(groups):
    root = groups(other="defaults: [config, _self_]\ntrainer: {seed: 12}\n")
    assert seeds(["--config-dir", str(root), "--config-name", "other"]) == [12]


AMBIGUOUS = [
    "1e-3",
    "1e3",
    ".5",
    "yes",
    "null",
    "~",
    "0o17",
    "0x1f",
    "1_000",
    "12:30",
    "2020-01-01",
    "-.inf",
    "a: b",
    "=",
    "",
]


def test_a_config_is_read_as_it_was_written(tmp_path):
    numbers = [1e-3, 1e-05, 1e20, -0.0, 3, True, None, float("inf")]
    values = {"text": AMBIGUOUS, "numbers": numbers, "é": {"deep": [{"x": "中"}, []], "empty": {}}}
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(values), encoding="utf-8")
    assert to_plain(path) == values
    assert [type(value) for value in to_plain(path)["numbers"]] == [type(value) for value in numbers]
