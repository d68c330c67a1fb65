import os
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.config.compose import compose, run_app
from launcher.errors import RequestError


def refused(*overrides, **options):
    with pytest.raises(RequestError) as caught:
        compose(overrides, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ("trainer.max_stepz=3", ["trainer has no key max_stepz", "did you mean trainer.max_steps=3"]),
        ("+trainer.max_stepz=3", ["did you mean trainer.max_steps=3"]),
        ("++trainer.max_stepz=3", ["did you mean trainer.max_steps=3"]),
        ("dataset.clean.missng=drop", ["did you mean dataset.clean.missing=drop"]),
        ("trainer={max_stepz: 3}", ["did you mean trainer.max_steps=3"]),
        ("trainr.seed=3", ["did you mean trainer.seed=3"]),
        ("trainer.seed.x=3", ["trainer.seed has no keys", "type trainer.seed=VALUE"]),
        ("model.widht=3", ["did you mean model.width=3"]),
        ("+model.widht=3", ["did you mean model.width=3"]),
        ("+optimizer.momentumm=1", ["optimizer has no key momentumm", "amsgrad, betas"]),
        ("modle=mlp", ["did you mean model=mlp"]),
        ("+foo/bar=x", ["no section or group foo/bar"]),
        ("hydra.foo=3", ["hydra has no key foo"]),
        ("model=gptt", ["model has no such option (did you mean gpt2?)", "model=linear"]),
        ("model=", ["model has no such option"]),
        ("trainer=3", ["trainer is a group", "trainer=default or trainer=small"]),
        ("model=[mlp,cnn]", ["a run has one model", "-m model=mlp,cnn"]),
        ("+experiment=digits_cnn", ["type experiment=digits_cnn"]),
        ("model@other=mlp", ["model@other"]),
        ("trainer.max_steps", ["an override is key=value; type trainer.max_steps=VALUE"]),
        ("=3", ["an override is key=value"]),
        ("trainer.max_steps=[1,2", ["cannot be read", "brackets"]),
        ("a b=3", ["cannot be read (from ' b=3' on)"]),
        ("trainer.seed='abc", ["cannot be read"]),
        ("trainer.seed=1,2", ["add -m to run each of them, or type trainer.seed=[1,2]"]),
        ("trainer.max_steps=abc", ["trainer.max_steps=abc must be a whole number at least 1 or null"]),
        ("optimizer.lr=fast", ["optimizer.lr=fast must be a number"]),
        ("trainer.seed=${nope.x}", ["trainer.seed=${nope.x}", "no key nope.x"]),
        ("~trainer.seed", ["trainer.seed is missing", "drop ~trainer.seed"]),
        ("~trainer", ["trainer is missing"]),
        ("~trainer.sed", ["trainer has no key sed; did you mean trainer.seed"]),
        ("~model.vocab_size", ["model.vocab_size"]),
        ("+trainer.seed=3", ["trainer.seed exists already; type trainer.seed=3"]),
        ("+data.vocab_size=3", ["preparation fills this section in"]),
        ("run_id=${hydra:job.num}", ["Hydra has no ${hydra:job.num} in this run"]),
    ],
)
def test_a_wrong_override_is_answered_with_what_to_type(overrides, words):
    message = refused(overrides)
    assert [word for word in words if word not in message] == []


def test_a_value_that_must_be_given_says_what_to_type():
    assert "type dataset.path=PATH" in refused("dataset=csv", "model=mlp")


def test_a_model_that_does_not_fit_is_answered_with_the_options_as_typed():
    assert "model=cnn takes image/classes or image/values, but dataset=iris" in refused("dataset=iris", "model=cnn")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1\nb: 2\n", ["mine.yaml, line 2 is not yaml"]),
        ("a:\n\t- 2\n", ["mine.yaml, line 2"]),
        ("a: 1\na: 2\n", ["mine.yaml, line 2", "duplicate key a"]),
        ("defaults: [nowhere]\n", ["model/mine.yaml asks for model=nowhere"]),
        ("- 1\n", ["model=[1] must be a section"]),
        ("", ["model._target_ is missing"]),
        ("_target_: windlass_nowhere.Model\n", ["no windlass_nowhere"]),
        ("_target_: models.mlp.MLP\nnum_features: ${nope}\n", ["model.num_features=${nope}"]),
        ("_target_: models.mlp.MLP\nnum_features: ${nope\n", ["num_features"]),
        ("defaults:\n  - override /task: classification\n", ["override /task@_global_.task: OPTION"]),
    ],
)
def test_a_users_own_yaml_that_is_wrong_is_named(groups, text, words):
    message = refused("model=mine", config_dir=groups(model__mine=text))
    assert [word for word in words if word not in message] == []


def test_a_yaml_that_asks_for_several_runs_is_refused(groups):
    root = groups(experiment__many="# @package _global_\nhydra: {mode: MULTIRUN}\n")
    with pytest.raises(RequestError, match=r"hydra\.mode"):
        run_app(["--config-dir", str(root), "experiment=many"], lambda cfg: None)


def test_a_yaml_that_is_not_utf8_is_named(groups):
    root = groups(model__mine="x: 1\n")
    (root / "model" / "mine.yaml").write_bytes(b"name: caf\xe9\n")
    assert "mine.yaml is not yaml in UTF-8" in refused("model=mine", config_dir=root)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--config-dir", "nowhere"], ["--config-dir=nowhere", "there is no directory"]),
        (["--config-path", "nowhere"], ["--config-path=nowhere"]),
        (["--config-name", "nowhere"], ["there is no nowhere.yaml"]),
        (["--model=mlp"], ["unrecognized arguments: --model=mlp", "key=value"]),
        (["--info", "nothing"], ["invalid choice"]),
        (["--cfg", "job", "--package", "nothing"], ["--package=nothing", "run_id, init_from, task, model"]),
        (["--cfg", "job", "-m"], ["--multirun and --cfg"]),
        (["--resolve"], ["--cfg job --resolve"]),
        (["--experimental-rerun", "x"], ["not supported"]),
        (["-sc", "install=ksh"], ["shells are bash, fish, zsh"]),
        (["--help", "trainer.sed=3"], ["did you mean trainer.seed=3"]),
        (["-m", "trainer.max_stepz=1,2"], ["did you mean trainer.max_steps=1,2"]),
    ],
)
def test_a_wrong_command_line_is_answered_with_what_to_type(argv, words):
    with pytest.raises(RequestError) as caught:
        run_app(argv, lambda cfg: None)
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_wrong_request_imports_nothing_slow_and_prints_no_traceback(tmp_path):
    program = (
        "import sys\n"
        "from launcher.config.compose import run_app\n"
        "from launcher.errors import RequestError\n"
        "try:\n"
        "    run_app(sys.argv[1:], print)\n"
        "except RequestError as error:\n"
        "    slow = {'torch', 'transformers', 'datasets', 'wandb'} & set(sys.modules)\n"
        "    print(error, slow or 'nothing slow', file=sys.stderr)\n"
        "    sys.exit(error.exit_code)\n"
    )
    root = Path(__file__).parents[3]
    process = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, "model=gpt_tiny", "+model.widht=3"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    assert process.stdout == ""
    assert process.stderr == ("model.widht: model has no key widht; did you mean model.width=3? nothing slow\n")
    assert list(tmp_path.iterdir()) == []
