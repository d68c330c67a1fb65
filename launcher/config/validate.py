"""From a composed config to the typed one that the rest of Windlass reads."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf, flag_override

from launcher.config.checks import check
from launcher.config.groups import Groups
from launcher.config.interpolation import REFERS_TO_DATA, check_resolvable, leaves, plain
from launcher.config.nearest import listed
from launcher.config.schema import Config, DatasetConfig
from launcher.config.targets import check_target
from launcher.config.typed import field_names, typed, unknown_key
from launcher.errors import RequestError

_MAY_NEED_DATA = ("model", "task", "optimizer", "data")
_PLACEHOLDERS = {"path": "PATH", "name": "NAME", "target": "COLUMN", "column": "COLUMN", "tokenizer": "NAME"}


def to_config(cfg: DictConfig, *, groups: Groups | None = None) -> Config:
    """The typed config, with every mistake refused that the config alone shows.

    `${data...}` stays as written; `groups` lets errors name options.

    Raises:
        RequestError: unknown, missing or wrong keys and values, targets that do not exist, sections at odds.
    """
    values = plain(cfg)
    _check_sections(values, groups or Groups())
    _check_missing(values)
    _check_data_is_not_needed(values)
    config = from_plain(values)
    check(config, groups or Groups())
    check_target(config.model, path="model")
    check_target(config.task, path="task")
    check_target(config.optimizer, path="optimizer", positional=1)
    check_target(config.dataset.source, path="dataset", also=field_names(DatasetConfig))
    return config


def from_composed(cfg: DictConfig) -> Config:
    """The typed config of one that `to_config` has accepted; its values are not checked against each other again."""
    return from_plain(plain(cfg))


def from_plain(values: Mapping[str, Any]) -> Config:
    """The typed config from plain values; keys of `dataset` that the schema does not know are its source's.

    Raises:
        RequestError: a key is unknown, missing, of a wrong type or outside its limits.
    """
    sections = {key: value for key, value in values.items() if key != "data"}
    dataset = sections.get("dataset")
    if isinstance(dataset, Mapping):
        known = set(field_names(DatasetConfig)) - {"source"}
        source = {key: value for key, value in dataset.items() if key not in known}
        sections["dataset"] = {key: value for key, value in dataset.items() if key in known} | {"source": source}
    return typed(Config, sections, path="")


def resolve(cfg: DictConfig, data: Mapping[str, Any]) -> DictConfig:
    """A copy with the section `data` added and every interpolation replaced by its value.

    Raises:
        RequestError: an interpolation to something that does not exist, also in `data`.
    """
    whole = copy.deepcopy(cfg)
    with flag_override(whole, ["struct", "readonly"], [False, False]):
        whole["data"] = _as_text(data)
        for path, value in leaves(OmegaConf.to_container(whole, resolve=False)):
            if isinstance(value, str) and "${" in value:
                check_resolvable(whole, path)
        OmegaConf.resolve(whole)
    return whole


def _check_sections(values: Mapping[str, Any], groups: Groups) -> None:
    known = field_names(Config)
    for key, value in values.items():
        if key not in known and key != "data":
            raise unknown_key(key, {*known, *groups.names()}, value)


def _check_missing(values: Mapping[str, Any]) -> None:
    missing = [path for path, value in leaves(values) if isinstance(value, str) and value == "???"]
    if missing:
        typing = " ".join(f"{path}={_PLACEHOLDERS.get(path.rpartition('.')[2], 'VALUE')}" for path in missing)
        raise RequestError(f"{listed(missing, conjunction='and')} must be given; type {typing}")


def _check_data_is_not_needed(values: Mapping[str, Any]) -> None:
    for path, value in leaves({key: value for key, value in values.items() if key not in _MAY_NEED_DATA}):
        if isinstance(value, str) and REFERS_TO_DATA.search(value):
            raise RequestError(
                f"{path}={value}: sizes of the data are known only once they are prepared, and "
                f"{path.partition('.')[0]} is read before; type {path}=VALUE"
            )


def _as_text(value: Any) -> Any:
    """Names that come from the data are text: OmegaConf would read `${` in them as an interpolation."""
    if isinstance(value, Mapping):
        return {str(key): _as_text(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_text(item) for item in value]
    return value.replace("${", "$ {") if isinstance(value, str) else value
