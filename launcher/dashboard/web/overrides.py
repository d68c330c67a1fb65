"""Which configs a page may ask for: those that the project's own groups can describe, and nothing that names code."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.dashboard.reading.documents import load
from launcher.errors import RequestError

if TYPE_CHECKING:
    from omegaconf import DictConfig

MAX_OVERRIDES = 500
MAX_LENGTH = 10_000  # characters of one
TARGET = "_target_"
_IN_TERMINAL = "type the command in a terminal instead"
_KEY = re.compile(r"(\+\+|\+|~)?[A-Za-z_][\w./@-]*(=.*)?", re.DOTALL)
_composing = threading.Lock()
"""Hydra keeps its state in the process."""


def checked_overrides(value: object) -> list[str]:
    """Overrides as a page sent them.

    A `_target_` names code that is called, `${...}` can make one of parts, a key of Hydra's can name a launcher; and a
    word with dashes would be a flag. On the command line all of it is allowed.

    Raises:
        RequestError: it is no list of overrides, or one does more than to choose options and values.
    """
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value) or len(value) > MAX_OVERRIDES:
        raise RequestError(f'overrides must be a list of at most {MAX_OVERRIDES} texts, such as ["model=mlp"]')
    for override in value:
        shown = override[:100]
        key = override.partition("=")[0].lstrip("+~")
        if len(override) > MAX_LENGTH or re.search(r"[\0\ud800-\udfff]", override):
            raise RequestError(
                f"{shown}: an override has at most {MAX_LENGTH} characters, and no NUL or half of a character"
            )
        if not _KEY.fullmatch(override) or (not override.startswith("~") and "=" not in override):
            raise RequestError(f"{shown}: an override is key=value; flags are for the command line")
        if TARGET in override:
            raise RequestError(f"{shown}: {TARGET} names code, and the page only chooses options; {_IN_TERMINAL}")
        if re.search(r"\$\\*\{", override):  # Hydra takes the backslash out
            raise RequestError(f"{shown}: the page takes no ${{...}}; give the value itself, or {_IN_TERMINAL}")
        if re.search(r"\bhydra\b", key):
            raise RequestError(f"{shown}: Hydra's own settings are not for the page; {_IN_TERMINAL}")
    return list(value)


def composed(overrides: Sequence[str]) -> DictConfig:
    """The config that checked overrides describe, by the code that the command line goes through.

    Raises:
        RequestError: it is wrong, or calls what the project's own configs do not name.
    """
    from launcher.config.compose import compose
    from launcher.config.interpolation import plain

    try:
        with _composing:
            config = compose(overrides)
            check_targets(plain(config))
    except RecursionError as error:
        raise RequestError("an override has more brackets in each other than can be read; use fewer") from error
    except ValueError as error:  # Hydra lets some through, such as that of a number with too many digits
        raise RequestError(f"an override can't be read: {error}") from error
    return config


def check_stored(path: Path) -> None:
    """Refuse the config file of a run that calls what the project's own configs do not name, also by `${...}`.

    Raises:
        RequestError: it does, or it can't be read.
    """
    from launcher.config.interpolation import DATA_REFERENCE, leaves

    try:
        config = load(path)
    except (OSError, ValueError) as error:
        raise RequestError(f"{path} can't be read: {error}") from error
    check_targets(config)
    for key, value in leaves(config):
        if isinstance(value, str) and "${" in DATA_REFERENCE.sub("", value):
            raise RequestError(f"{path}: {key}={value[:100]} may stand for anything; {_IN_TERMINAL}")


def check_targets(config: Mapping[str, Any]) -> None:
    """Refuse a config with a `_target_` that none of the project's own yaml files names.

    Raises:
        RequestError: it has one.
    """
    known = set(_known_targets())
    for target in _targets(config):
        if target not in known:
            raise RequestError(f"{TARGET}={target} is in none of the project's own configs; {_IN_TERMINAL}")


def _known_targets() -> Iterator[object]:
    import yaml

    from launcher.config.groups import CONF_DIR

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in CONF_DIR.rglob("*.yaml"):
        yield from _targets(yaml.load(path.read_bytes(), loader))


def _targets(value: Any) -> Iterator[object]:
    if isinstance(value, Mapping):
        if TARGET in value:
            yield value[TARGET]
        for item in value.values():
            yield from _targets(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _targets(item)
