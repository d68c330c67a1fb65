"""Which configs a page may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.config.compose import compose, to_yaml
from launcher.config.interpolation import plain
from launcher.dashboard.web.overrides import (
    MAX_LENGTH,
    MAX_OVERRIDES,
    check_stored,
    check_targets,
    checked_overrides,
    composed,
)
from launcher.errors import RequestError

SOUND = ["model=mlp", "dataset=digits", "optimizer.lr=3e-4", "+tracker.tags=[a,'b c']", "~debug", "run_id=a-b_c.d"]


def test_options_and_values_are_taken_as_they_are() -> None:
    assert checked_overrides(SOUND) == SOUND


@pytest.mark.parametrize(
    "override",
    [
        "model._target_=os.system",
        "+model._target_=os.system",
        "++model._target_=os.system",
        "~model._target_",
        "model={_target_: os.system, command: id}",
        "+model.inner={a: {_target_: subprocess.Popen}}",
        "+model.list=[{_target_: subprocess.Popen}]",
        "dataset={'_target_': os.system}",
        'dataset={"_target_": os.system}',
        "model.width=${oc.env:HOME}",
        "model.inner=${oc.create:'{_tar${x}get_: os.system}'}",
        r"tracker.project=$\{oc.env:HOME\}",
        r"tracker.project=$\\{oc.env:HOME}",
        "tracker.project='\ud800'",
        "+model@hydra.sweeper=mlp",
        "+model@_global_.hydra=mlp",
        "hydra/launcher=submitit",
        "+hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
        "hydra.mode=MULTIRUN",
        "++hydra.searchpath=[file:///tmp/evil]",
        "hydra={a: 1}",
        "--multirun",
        "-m",
        "-cd=/tmp/evil",
        "--config-dir=/tmp/evil",
        "--config-dir /tmp/evil",
        "",
        "=",
        "model",
        "; id",
        "$(id)=1",
        "`id`=1",
        "a b=1",
        "model=mlp\0",
        f"model.width={'1' * MAX_LENGTH}",
    ],
)
def test_what_names_code_or_is_no_override_is_refused(override: str) -> None:
    with pytest.raises(RequestError):
        checked_overrides(["model=mlp", override])


@pytest.mark.parametrize(
    "value", [None, "model=mlp", {"model": "mlp"}, [1], [None], [["a=1"]], ["a=1"] * (MAX_OVERRIDES + 1)]
)
def test_what_is_no_list_of_texts_is_refused(value: object) -> None:
    with pytest.raises(RequestError, match="list"):
        checked_overrides(value)


def test_what_is_wrong_is_told_as_the_command_line_tells_it() -> None:
    with pytest.raises(RequestError) as told:
        compose(["model=mlp", "dataset=digits", "model.widht=3"])
    with pytest.raises(RequestError) as shown:
        composed(["model=mlp", "dataset=digits", "model.widht=3"])
    assert str(shown.value) == str(told.value)
    assert "model.width" in str(shown.value)


@pytest.mark.parametrize("value", ["[" * 3000, "[" * 3000 + "]" * 3000, "{a:" * 1500, "(" * 3000])
def test_brackets_without_end_are_refused(value: str) -> None:
    with pytest.raises(RequestError):
        composed(["model=mlp", "dataset=digits", f"model.width={value}"])


def test_several_values_are_no_run() -> None:
    with pytest.raises(RequestError):
        composed(["model=mlp", "dataset=digits", "optimizer.lr=1e-3,1e-2"])


def test_a_config_of_the_projects_own_options_is_composed() -> None:
    assert composed(["model=mlp", "dataset=digits", "model.width=32"]).model.width == 32


@pytest.mark.parametrize("path", ["model", "optimizer", "task", "dataset"])
def test_a_target_that_no_config_of_the_project_names_is_refused(path: str) -> None:
    config = plain(compose(["model=mlp", "dataset=digits"]))
    check_targets(config)
    config[path]["_target_"] = "os.system"
    with pytest.raises(RequestError, match=r"os\.system"):
        check_targets(config)


def test_a_target_deep_inside_is_found() -> None:
    with pytest.raises(RequestError, match=r"os\.system"):
        check_targets({"model": {"layers": [{"inner": {"_target_": "os.system"}}]}})


def test_a_number_of_too_many_digits_is_a_wrong_request() -> None:
    with pytest.raises(RequestError, match="digits"):
        composed(["model=mlp", "dataset=digits", f"seed={'9' * 5000}"])


@pytest.mark.parametrize(
    "content",
    [
        "model: {_target_: os.system}",
        "model: ${oc.create:'{_target_: os.system, command: id}'}",
        "model: ['${data.rows}${oc.create:x}']",
        "&a {x: *a}",
    ],
)
def test_a_stored_config_that_may_call_anything_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(RequestError, match=r"terminal|read"):
        check_stored(tmp_path / "config.yaml")


def test_a_stored_config_of_the_projects_own_is_taken(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(to_yaml(compose(["model=mlp", "dataset=digits"])))
    check_stored(tmp_path / "config.yaml")
