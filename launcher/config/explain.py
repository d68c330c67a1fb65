"""What Hydra, OmegaConf and yaml object to, said as Windlass says it: what is wrong and what to type."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig
from yaml import MarkedYAMLError, YAMLError

from launcher.config.nearest import listed, nearest, shown
from launcher.config.targets import RESERVED
from launcher.config.typed import unknown_key
from launcher.errors import RequestError


@contextmanager
def explained(overrides: Sequence[str], *, loader: ConfigLoader, config_name: str) -> Iterator[None]:
    """Turn an error of composing into a RequestError with the override to type."""
    try:
        yield
    except RequestError:
        raise
    except Exception as error:
        raise _Explainer(list(overrides), loader, config_name).explain(error) from error


class _Explainer:
    """Looks for the override, group or file that an error of Hydra's speaks of."""

    def __init__(self, overrides: list[str], loader: ConfigLoader, config_name: str) -> None:
        self.overrides = overrides
        self.loader = loader
        self.config_name = config_name

    def explain(self, error: Exception) -> RequestError:
        match error:
            case OverrideParseException():
                return _unreadable(error.override, str(error))
            case MissingConfigException():
                return self._no_option(error)
            case MarkedYAMLError():
                mark = error.problem_mark or error.context_mark
                where = "a config file" if mark is None else f"{mark.name}, line {mark.line + 1}"
                return RequestError(f"{where} is not yaml: {error.problem}; mend the file")
            case YAMLError() | UnicodeDecodeError():
                return RequestError(f"a config file is not yaml in UTF-8: {error}; mend the file")
        groups = set(self.loader.list_groups(""))
        for override in OverridesParser.create().parse_overrides(self.overrides):
            mistake = self._mistake(override, groups, str(error))
            if mistake is not None:
                return mistake
        return _other(error)

    def _no_option(self, error: MissingConfigException) -> RequestError:
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        if not group:
            places = [source.path for source in self.loader.get_sources() if source.scheme() == "file"]
            return RequestError(f"--config-name={option}: there is no {option}.yaml in {listed(places)}")
        options = [name for name in self.loader.get_group_options(group) if not name.startswith("_")]
        best = nearest(option, options)
        hint = f"did you mean {group}={best}? " if best is not None else ""
        parent = re.match(r"In '([^']+)'", str(error))
        origin = "" if parent is None or parent.group(1) == self.config_name else f"{parent.group(1)}.yaml asks for "
        return RequestError(
            f"{origin}{group}={option}: group {group} has no option {option}; {hint}It has {listed(options, conjunction='and')}"
        )

    def _mistake(self, override: Override, groups: set[str], message: str) -> RequestError | None:
        """The error that this override made, or None."""
        line, key = str(override.input_line), override.key_or_group
        if override.is_sweep_override():
            if "--multirun" not in message:
                return None
            value = line.partition("=")[2]
            return RequestError(
                f"{line} is several values; add -m to run each of them, or type {key}=[{value}] for one list"
            )
        value = override.value()
        if key in groups and not isinstance(value, (str, list, dict)) and not override.is_delete():
            options = listed(f"{key}={name}" for name in self.loader.get_group_options(key))
            return RequestError(f"{line}: {key} is a group; choose {options}, or set a key of it, {key}.KEY={shown(value)}")
        if key in groups and not isinstance(value, dict):
            return None
        return self._wrong_key(override, value, groups)

    def _wrong_key(self, override: Override, value: object, groups: set[str]) -> RequestError | None:
        node: object = self._tree(groups)
        parts = override.key_or_group.split(".")
        if isinstance(value, dict):  # trainer={max_stepz: 3}
            parts, value = [*parts, *list(value)[:1]], next(iter(value.values()), None)
        for depth, part in enumerate(parts):
            here, rest = ".".join(parts[: depth + 1]), "".join(f".{name}" for name in parts[depth + 1 :])
            if not isinstance(node, DictConfig):
                section = ".".join(parts[:depth])
                return RequestError(f"{override.input_line}: {section} is a value and has no keys; type {section}=VALUE")
            if part not in node:
                if override.is_add() or override.is_force_add():
                    return None
                known = {str(key) for key in node} - RESERVED - {"hydra"}
                if override.is_delete():
                    return RequestError(f"{override.input_line}: there is no {here} to take away; drop the override")
                return unknown_key(here, known | groups - {"hydra"} if depth == 0 else known, value, rest=rest)
            node = node._get_node(part)
        if override.is_add():
            line = str(override.input_line)
            return RequestError(f"{line}: {override.key_or_group} exists already; type {line.lstrip('+')}")
        return None

    def _tree(self, groups: set[str]) -> DictConfig:
        """The config with the chosen options but without the keys that were set."""
        chosen = [line for line in self.overrides if line.lstrip("+~").partition("=")[0] in groups]
        for overrides in (chosen, []):
            try:
                return self.loader.load_configuration(self.config_name, overrides, RunMode.RUN)
            except Exception:  # one of the choices is wrong as well; the keys of the default still help
                continue
        return DictConfig({})


def _unreadable(override: str, message: str) -> RequestError:
    key, equals, value = override.partition("=")
    if not equals:
        return RequestError(f"{override}: an override is key=value; type {key}=VALUE")
    reason = next((line for line in message.splitlines() if not line.startswith("Error ")), message)
    reason = reason.removeprefix("LexerNoViableAltException: ")
    hint = "close its brackets and quotes, or quote all of it"
    return RequestError(f"{override} cannot be read ({reason}); {hint}: '{key}=\"{value}\"'")


def _other(error: Exception) -> RequestError:
    text = str(error) or str(error.__cause__ or "") or type(error).__name__
    message = " ".join(line.strip() for line in text.splitlines() if not line.lstrip().startswith("object_type="))
    if re.search(r"'(\w+)@\w+\.\1'", message):
        message += "; in a yaml of a group, another group is overridden so: override /task@_global_.task: OPTION"
    return RequestError(message)
