"""Going on with a run that ended: which may, and what may be different."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from launcher.checkpoints.marker import published
from launcher.config.command import override_path
from launcher.config.compose import overridden, to_plain
from launcher.config.nearest import listed, shown
from launcher.config.validate import to_config
from launcher.errors import RequestError
from launcher.runs import ACTIVE, Run, locked, refuse_alias, runs_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launcher.data.manifest import Manifest

FREE_SECTIONS = ("strategy", "checkpoint", "tracker", "engine")
FREE_KEYS = (
    "trainer.max_steps",
    "trainer.max_epochs",
    "trainer.micro_batch_size",
    "trainer.log_every_steps",
    "trainer.eval_every_steps",
    "trainer.eval_samples",
    "trainer.on_non_finite",
    "trainer.spike_factor",
    "trainer.max_skipped_steps",
    "trainer.compile",
    "trainer.profile",
)
"""What may change between attempts: where and how long a run trains, never what is learnt from which samples."""
SETTLED = ("data", "init_from", "run_id")
"""What a run no longer looks at once it has a checkpoint, or what is compared by itself."""
LENGTH = ("trainer.max_steps", "trainer.max_epochs")


def earlier_run(run_id: str | None) -> Run | None:
    """The run of this id that a new attempt would go on with; None if there is none.

    Raises:
        RequestError: it runs at this moment, or the id means something else.
    """
    refuse_alias(run_id)
    if run_id is None or not (runs_root() / run_id).exists():
        return None
    run = Run(runs_root() / run_id)
    if run.state in ACTIVE:
        raise RequestError(f"run {run.id} is {run.state}; stop it first (windlass runs stop {run.id}), or wait")
    _refuse_unstarted(run)
    return run


def with_overrides(run: Run, overrides: Sequence[str]) -> DictConfig:
    """The run's own config with overrides, and its id also where nobody chose it.

    Raises:
        RequestError: it never started, or an override that a resumed run can't take, or that is wrong.
    """
    _refuse_unstarted(run)
    values = {**to_plain(run.config_path), "run_id": run.id}
    refused = [text for text in overrides if not _is_free(override_path(text))]
    if refused:
        raise RequestError(f"{', '.join(refused)}: {_what_may_change(run)}")
    composed = overridden({key: value for key, value in values.items() if key != "data"}, overrides)
    to_config(composed)
    return composed


def check_changes(run: Run, resolved: DictConfig, manifest: Manifest, earlier: Manifest) -> dict[str, tuple[Any, Any]]:
    """What is different from the run's config, before and after, by dotted key.

    Raises:
        RequestError: something that must stay the same, or nothing that would let a finished run go on.
    """
    before = _leaves(to_plain(run.config_path))
    after = _leaves(OmegaConf.to_container(resolved))
    changes = {
        key: (before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and key.partition(".")[0] not in SETTLED
    }
    refused = [f"{key}={shown(new)} (was {shown(old)})" for key, (old, new) in changes.items() if not _is_free(key)]
    if refused:
        raise RequestError(f"{', '.join(refused)}: {_what_may_change(run)}")
    if manifest.sha256 != earlier.sha256:
        raise RequestError(
            f"the data are not those that run {run.id} was trained on: samples would be seen twice or never; "
            f"bring the old data back, or begin anew with its weights: windlass train init_from={run.id}"
        )
    _refuse_nothing_to_do(run, resolved, manifest, longer=any(key in changes for key in LENGTH))
    return changes


def claimed(run: Run) -> contextlib.AbstractContextManager[None]:
    """Hold a run, so that no second process goes on with it; the system lets go when this process ends.

    Raises:
        RequestError: another process holds it.
    """
    return locked(run.lock_path, refusal=f"run {run.id} is held by another process at this moment")


def _refuse_unstarted(run: Run) -> None:
    if not run.config_path.exists() or not run.plan_path.exists():
        raise RequestError(
            f"run {run.id} exists in {runs_root()}, but it never started; choose another run_id, or delete it: "
            f"windlass runs delete {run.id}"
        )


def _refuse_nothing_to_do(run: Run, resolved: DictConfig, manifest: Manifest, *, longer: bool) -> None:
    """Raise `RequestError` if the run has taken all the steps that are asked for, and more or to the very end."""
    trainer, rows = resolved.trainer, manifest.data["num_rows"]["train"]
    epochs = None if trainer.max_epochs is None else trainer.max_epochs * -(-rows // trainer.global_batch_size)
    asked = min(limit for limit in (trainer.max_steps, epochs) if limit is not None)
    done = max((checkpoint.step for checkpoint in published(run.checkpoints_dir)), default=0)
    finished = run.state == "finished"
    if finished and (not longer or asked == done):
        raise RequestError(
            f"run {run.id} is finished; to train on, type windlass runs resume {run.id} trainer.max_steps=N with more "
            f"than {run.summary.get('steps', 'its')} steps, or choose another run_id"
        )
    if asked < done:
        raise RequestError(
            f"run {run.id} has taken {done} steps, more than the {asked} that trainer.max_steps and trainer.max_epochs "
            f"ask for; type trainer.max_steps=N with {done} or more, and trainer.max_epochs=null"
        )


def _is_free(path: str) -> bool:
    return path.partition(".")[0] in FREE_SECTIONS or path in FREE_KEYS


def _what_may_change(run: Run) -> str:
    free = listed([*FREE_SECTIONS, *FREE_KEYS], conjunction="and")
    return (
        f"run {run.id} goes on with what it has learnt, so only {free} may change; for other changes begin a new run "
        f"with its weights: windlass train init_from={run.id} ..."
    )


def _leaves(values: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(values, Mapping):
        return {path: values}
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _leaves(value, f"{path}.{key}" if path else str(key))
    return found
