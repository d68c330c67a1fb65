"""Where the weights lie that a new run begins with; a run's are those of its last step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from launcher.checkpoints.marker import published
from launcher.config.compose import with_value
from launcher.errors import RequestError
from launcher.runs import Run, find_run

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from launcher.jobs.view import View


def with_weights(composed: DictConfig, earlier: Run | None, view: View) -> DictConfig:
    """The config with `init_from` as the directory that it means, unless the run has a checkpoint to go on from.

    Raises:
        RequestError: there are no such weights.
    """
    if composed.init_from is None or (earlier is not None and published(earlier.checkpoints_dir)):
        return composed
    view.stage(f"looking for the weights of {composed.init_from}")  # which reads a checkpoint whole
    return with_value(composed, "init_from", str(find_weights(composed.init_from)))


def find_weights(init_from: str) -> Path:
    """The directory of safetensors files that `init_from` means: itself, or a run's model or newest checkpoint.

    Raises:
        RequestError: there is none.
    """
    directory = Path(init_from).expanduser().absolute()
    if not directory.is_dir():
        try:
            return _of_run(find_run(init_from))
        except RequestError as error:
            raise RequestError(
                f"init_from={init_from} is neither a directory nor a run: {error}; use init_from=RUN or init_from=DIR"
            ) from error
    if (directory / "job.json").exists():
        return _of_run(Run(directory))
    if not any(directory.glob("*.safetensors")):
        raise RequestError(
            f"init_from={init_from} holds no safetensors file; name a run, its model/ directory, a checkpoint, or what "
            "windlass runs export-weights wrote"
        )
    return directory


def _of_run(run: Run) -> Path:
    trained = run.summary.get("steps", 0) if any(run.model_dir.glob("*.safetensors")) else None
    for checkpoint in reversed(published(run.checkpoints_dir)):
        if trained is not None and trained >= checkpoint.step:
            break
        if checkpoint.flaw() is None:
            return checkpoint.path
    if trained is not None:
        return run.model_dir
    raise RequestError(f"run {run.id} has neither a trained model nor a sound checkpoint")
