"""The configs of many trials, of which each differs from the others in a few values."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence

from hydra._internal.config_loader_impl import get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from launcher.config.hydra_app import CONFIG_NAME, checked, compose_at, open_app, own_state, typed_overrides
from launcher.config.multirun import Place
from launcher.errors import RequestError

_VALUE = re.compile(r"(run_id|(?!hydra\.)\w+(\.\w+)+)=")
"""An override of a key that can't be a group, since these have slashes in their names."""


class Composer:
    """Composes the configs of one sweep: what trials share, down to the choices of groups, is composed once."""

    def __init__(self, place: Place, fixed: Sequence[str]) -> None:
        self._place, self._fixed = place, tuple(fixed)
        self._shared: dict[tuple[str, ...], DictConfig] = {}

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The checked config of one trial, as `compose_at` gives it.

        Raises:
            RequestError: an override or the config is wrong.
        """
        values = [line for line in overrides if _VALUE.match(line)]
        others = tuple(line for line in overrides if line not in values)
        try:
            with own_state():
                if others not in self._shared:
                    app = open_app(self._place)
                    name = self._place.config_name or CONFIG_NAME
                    lines = [*self._fixed, *others]
                    self._shared[others] = app.compose_config(name, lines, RunMode.RUN, from_shell=False)
                return checked(_with_values(self._shared[others], values))
        except (RequestError, HydraException, OmegaConfBaseException):
            return compose_at(self._place, [*self._fixed, *overrides])  # which explains what is wrong


def _with_values(whole: DictConfig, lines: Sequence[str]) -> DictConfig:
    """A composed config with more overrides, of which each gives a key a value, as Hydra's loader applies them."""
    result = copy.deepcopy(whole)
    parser = OverridesParser.create()
    for override in parser.parse_overrides(list(lines)):
        OmegaConf.update(result, override.key_or_group, override.value(), merge=True)
    result.hydra.overrides.task.extend(lines)
    dirname = result.hydra.job.config.override_dirname
    result.hydra.job.override_dirname = get_overrides_dirname(
        overrides=parser.parse_overrides(typed_overrides(result.hydra)),
        kv_sep=dirname.kv_sep,
        item_sep=dirname.item_sep,
        exclude_keys=dirname.exclude_keys,
    )
    return result
