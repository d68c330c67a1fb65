"""Every option of the groups that belong to no model and no dataset."""

import pytest

from launcher.config.compose import compose
from launcher.config.groups import Groups
from launcher.config.sweep_app import read_multirun
from launcher.config.validate import to_config

COMPANIONS = {
    "task=classification": ["dataset=wine", "model=mlp"],
    "task=regression": ["dataset=diabetes", "model=mlp"],
    "task=masked_language_modeling": ["model=bert"],
}
OPTIONS = [
    f"{group}={option}"
    for group in Groups().names()
    if group not in ("model", "dataset", "sweep")
    for option in Groups().options(group)
]


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_composes_into_a_config_that_can_run(option):
    to_config(compose([option, *COMPANIONS.get(option, [])]))


@pytest.mark.parametrize("option", Groups().options("sweep"))
def test_every_way_to_sweep_is_complete(option):
    found = read_multirun(["-m", f"sweep={option}"])
    assert found is not None
    assert found.settings.algorithm == option


@pytest.mark.parametrize("experiment", Groups().options("experiment"))
def test_every_experiment_can_be_debugged_dry(experiment):
    config = to_config(compose([f"experiment={experiment}", "debug=dry"]))
    assert (config.trainer.max_steps, config.trainer.max_epochs, config.tracker.name) == (3, None, "none")
