"""What the workers of a run read, before and after it is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from launcher.config.compose import compose, from_file, to_plain
from launcher.config.validate import from_composed
from launcher.errors import DataError, RequestError
from launcher.jobs.inputs import Inputs, fill_in, make_inputs
from launcher.jobs.view import View
from launcher.parallel.devices import Devices
from launcher.runs import Run, runs_root

TABLE = ("model=linear", "dataset=iris", "tracker=none")


def inputs_of(*overrides: str, cores: int = 2) -> Inputs:
    composed: DictConfig = compose([*TABLE, *overrides])
    return make_inputs(composed, from_composed(composed), Devices(cpu_cores=cores), View(Console(quiet=True)))


def test_what_the_data_know_is_filled_in_and_nothing_of_the_run_is_written() -> None:
    inputs = inputs_of("run_id=later")
    assert inputs.resolved.model.num_features == inputs.prepared.data["num_features"] == 4
    assert "${" not in inputs.text
    assert not (runs_root() / "later").exists()


def test_the_plan_is_for_the_devices_that_are_given() -> None:
    assert inputs_of("engine.num_processes=1", cores=3).plan.threads == 3


def test_what_is_written_is_what_workers_read_and_the_plan_is_left_to_be_the_last(tmp_path: Path) -> None:
    inputs, run = inputs_of(), Run(tmp_path)
    inputs.write(run)
    assert to_plain(run.config_path) == OmegaConf.to_container(inputs.resolved)
    assert from_file(run.config_path).model["num_features"] == 4
    assert run.data_path.exists()
    assert not run.plan_path.exists()


def test_a_config_is_filled_in_for_data_that_are_prepared() -> None:
    inputs = inputs_of()
    other = fill_in(compose([*TABLE, "optimizer.lr=0.5"]), inputs.prepared, inputs.plan)
    assert (other.resolved.optimizer.lr, other.resolved.model.num_features) == (0.5, 4)


def test_weights_to_begin_with_are_given_as_a_directory_or_refused() -> None:
    with pytest.raises(RequestError, match="init_from=nowhere is neither a directory nor a run"):
        inputs_of("init_from=nowhere")


def test_fewer_samples_than_one_batch_are_refused() -> None:
    with pytest.raises(DataError, match=r"fewer than one global batch of trainer.global_batch_size=4096"):
        inputs_of("trainer.global_batch_size=4096")


def test_keeping_the_best_needs_a_split_to_tell_which_that_is() -> None:
    with pytest.raises(DataError, match=r"checkpoint.keep_best=1 needs a validation split"):
        inputs_of("checkpoint.keep_best=1", "trainer.eval_every_steps=1", "dataset.split.validation=0")
