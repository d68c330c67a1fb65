"""Hydra composes a config, once, in the parent; a run's config file is read and written without Hydra."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf._utils import get_omega_conf_dumper, get_yaml_loader

from launcher.config.command import override_path
from launcher.config.schema import Config
from launcher.config.validate import from_plain

T = TypeVar("T")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads scalars as OmegaConf does, ten times as fast: each process of a run reads its config."""

    yaml_implicit_resolvers = get_yaml_loader().yaml_implicit_resolvers


class _Dumper(getattr(yaml, "CDumper", yaml.Dumper)):  # type: ignore[misc]
    """Writes text as OmegaConf does, so that it is read as text."""


_Dumper.add_representer(str, get_omega_conf_dumper().str_representer)


def run_app(
    argv: Sequence[str], task: Callable[[DictConfig], T], *, metric: Callable[[T, str], float] | None = None
) -> list[T]:
    """The command line of an ordinary Hydra app; calls `task` with each config that it asks for.

    Overrides, `-m`, `--cfg`, `--info`, `--help`, `--config-dir` and shell completion are Hydra's. Returns what the
    calls returned: one, several for `-m`, none where the flags only ask a question, which is then printed.
    Every config of `-m` is checked before the first is run. What `task` raises ends the app and comes through.
    A sweeper of the user's own is told the metric of each result that `sweep.metric` names, NaN where there is none; of
    several, a tuple.

    Raises:
        RequestError: the command line or a config is wrong.
        EngineError: a launcher of the user's own ran jobs in other processes, and some have no such metric.
    """
    from launcher.config.hydra_app import run

    return run(argv, task, metric)


def compose(overrides: Sequence[str] = (), *, config_dir: Path | None = None) -> DictConfig:
    """The checked config that the overrides describe; `config_dir` holds further groups and options.

    Hydra's global state is left as it was, so it works in a notebook and inside another Hydra app.

    Raises:
        RequestError: an override or the config is wrong.
    """
    from launcher.config.hydra_app import compose_checked

    return compose_checked(overrides, config_dir, whole=True)


def job_command(argv: Sequence[str]) -> list[str]:
    """The command that starts the job that `run_app` runs at this moment; of several, this one alone."""
    from launcher.config.hydra_app import command_of_job

    return command_of_job(argv)


def overridden(values: Mapping[str, Any], overrides: Sequence[str]) -> DictConfig:
    """A stored config with sections and keys taken from what the overrides say, by Hydra's grammar.

    A group (`strategy=fsdp`) replaces its section; a key (`trainer.max_steps=100`) its value.

    Raises:
        RequestError: Hydra does not understand an override.
    """
    from launcher.config.hydra_app import compose_checked

    said = compose_checked(overrides, None, whole=False)
    result = OmegaConf.create(dict(values))
    paths = [override_path(override) for override in overrides]
    for path in sorted(paths, key=lambda path: path.count(".")):
        OmegaConf.update(result, path, OmegaConf.select(said, path), merge=False, force_add=True)
    return result


def with_value(config: DictConfig, path: str, value: Any) -> DictConfig:
    """A copy of a config with another value at a dotted key."""
    result = copy.deepcopy(config)
    with flag_override(result, ["struct", "readonly"], [False, False]):
        OmegaConf.update(result, path, value)
    return result


def to_yaml(values: DictConfig | Mapping[str, Any]) -> str:
    """The yaml text of a config or a part of one."""
    plain = OmegaConf.to_container(values if OmegaConf.is_config(values) else OmegaConf.create(dict(values)))
    return yaml.dump(plain, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=False)


def to_plain(path: Path) -> dict[str, Any]:
    """The values in a run's config file, as plain dicts and lists."""
    values = yaml.load(path.read_bytes(), _Loader)
    return {str(key): value for key, value in values.items()}


def from_file(path: Path) -> Config:
    """The typed config of a run, from the file that `to_yaml` wrote of it."""
    return from_plain(to_plain(path))
