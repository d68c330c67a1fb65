"""What the workers of a run read: its config with what is known of the data, where these lie, and the plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from launcher.config.compose import to_yaml
from launcher.config.validate import resolve
from launcher.data.cache import cache_dir
from launcher.data.prepare import prepare
from launcher.errors import DataError
from launcher.jobs.replan import plan_again
from launcher.jobs.weights import with_weights
from launcher.parallel.plan import make_plan

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from launcher.config.schema import Config
    from launcher.data.prepare import Prepared
    from launcher.jobs.view import View
    from launcher.parallel.devices import Devices
    from launcher.parallel.plan import Plan
    from launcher.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """All of it, before anything is written."""

    resolved: DictConfig
    text: str  # the same as YAML
    prepared: Prepared
    plan: Plan

    def write(self, run: Run) -> None:
        """Write all but the plan, which comes last: with it a run has begun."""
        run.config_path.write_text(self.text, encoding="utf-8")
        self.prepared.manifest.save(run.data_path)


def make_inputs(
    composed: DictConfig, config: Config, devices: Devices, view: View, *, earlier: Run | None = None
) -> Inputs:
    """Those of a new run on devices, or of one that goes on with an earlier run; data are prepared.

    Raises:
        RequestError: the config does not fit the devices, the data or the weights to begin with.
    """
    plan = make_plan(config, devices) if earlier is None else plan_again(config, devices)
    prepared = prepare_data(config, view)
    return fill_in(with_weights(composed, earlier, view), prepared, plan)


def fill_in(composed: DictConfig, prepared: Prepared, plan: Plan) -> Inputs:
    """The inputs of a config with what is known of the data."""
    resolved = resolve(composed, prepared.data)
    return Inputs(resolved=resolved, text=to_yaml(resolved), prepared=prepared, plan=plan)


def prepare_data(config: Config, view: View) -> Prepared:
    """Prepare the data, or find them prepared.

    Raises:
        DataError: the data are wrong, or fewer than one global batch.
    """
    labels = config.task.get("_labels_", "values")
    prepared = prepare(config.dataset, labels=labels, cache_dir=cache_dir(), report=view.stage)
    rows, batch = prepared.manifest.data["num_rows"]["train"], config.trainer.global_batch_size
    if rows < batch:
        raise DataError(
            f"the training split has {rows} samples, fewer than one global batch of "
            f"trainer.global_batch_size={batch}; use trainer.global_batch_size={rows} or less"
        )
    best = config.checkpoint.keep_best
    if best and not prepared.manifest.data["num_rows"].get("validation"):
        raise DataError(
            f"checkpoint.keep_best={best} needs a validation split, and there is none; use "
            "dataset.split.validation=0.1 or checkpoint.keep_best=0"
        )
    for note in prepared.manifest.notes:
        view.line(f"data: {note}", "dim")
    return prepared
