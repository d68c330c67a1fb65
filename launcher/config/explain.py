"""What Hydra, OmegaConf and yaml object to, said as Windlass says it: what is wrong and what to type."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig
from yaml import MarkedYAMLError, YAMLError

from launcher.config.nearest import did_you_mean, listed, shown
from launcher.config.targets import RESERVED
from launcher.config.typed import unknown_key
from launcher.errors import RequestError, WindlassError


@contextmanager
def explained(overrides: Sequence[str], *, loader: ConfigLoader, config_name: str) -> Iterator[None]:
    """Turn an error of composing into a RequestError with the override to type."""
    try:
        yield
    except (WindlassError, BrokenPipeError):  # the latter: `--help | head`
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
                return RequestError(f"{self._undecodable()} is not yaml in UTF-8: {error}; mend the file")
        for override in OverridesParser.create().parse_overrides(self.overrides):
            mistake = self._mistake(override, str(error))
            if mistake is not None:
                return mistake
        return _other(error)

    def _no_option(self, error: MissingConfigException) -> RequestError:
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        if not group:
            places = [source.path for source in self.loader.get_sources() if source.scheme() == "file"]
            return RequestError(f"--config-name={option}: there is no {option}.yaml in {listed(places)}")
        options = self._options(group)
        parent = re.match(r"In '([^']+)'", str(error))
        origin = "" if parent is None or parent.group(1) == self.config_name else f"{parent.group(1)}.yaml asks for "
        ways = f"type {listed(f'{group}={name}' for name in options)}" if options else "it has none"
        return RequestError(
            f"{origin}{group}={option}: group {group} has no such option{did_you_mean(option, options)}; {ways}"
        )

    def _undecodable(self) -> str:
        """The first config file that is not UTF-8, which Python's own error does not name."""
        for source in self.loader.get_sources():
            for path in sorted(Path(source.path).rglob("*.yaml")) if source.scheme() == "file" else ():
                try:
                    path.read_text(encoding="utf-8")
                except UnicodeDecodeError:
                    return str(path)
        return "a config file"

    def _options(self, group: str) -> list[str]:
        return self.loader.get_group_options(group)

    def _mistake(self, override: Override, message: str) -> RequestError | None:
        """The error that this override made, or None."""
        line, key = str(override.input_line), override.key_or_group
        if not key:
            return _unreadable(line, "")
        chosen: object = line.partition("=")[2] if override.is_sweep_override() else override.value()
        if override.is_sweep_override() and "--multirun" in message:
            return RequestError(
                f"{line} is several values; add -m to run each of them, or type {key}=[{chosen}] for one list"
            )
        if key in self._groups and not isinstance(chosen, (str, list, dict)) and not override.is_delete():
            options = listed(f"{key}={name}" for name in self._options(key))
            return RequestError(
                f"{line}: {key} is a group; type {options}, or set a key of it, {key}.KEY={shown(chosen)}"
            )
        if key in self._groups and override.is_add() and message.startswith(f"Multiple values for {key}."):
            return RequestError(f"{line}: a run has one {key}; type {line.lstrip('+')}")
        if key in self._groups and not isinstance(chosen, dict):
            return None
        unknown = None if override.is_add() or override.is_force_add() else self._unknown_key(override, chosen)
        if unknown is not None:
            return unknown
        if override.is_delete() and message.startswith(("Could not delete", f"Error merging override {line}")):
            return RequestError(f"{line}: {key} cannot be taken away; drop {line}, or type {key}=VALUE")
        if override.is_add() and message.startswith(f"Could not append to config. An item is already at '{key}'"):
            return RequestError(f"{line}: {key} exists already; type {line.lstrip('+')}")
        return None

    def _unknown_key(self, override: Override, value: object) -> RequestError | None:
        node: object = self._tree
        if node is None:
            return None
        parts = override.key_or_group.split(".")
        if isinstance(value, dict):  # trainer={max_stepz: 3}
            parts, value = [*parts, *list(value)[:1]], next(iter(value.values()), None)
        for depth, part in enumerate(parts):
            here, rest = ".".join(parts[: depth + 1]), "".join(f".{name}" for name in parts[depth + 1 :])
            if not isinstance(node, DictConfig):
                section = ".".join(parts[:depth])
                return RequestError(f"{override.input_line}: {section} has no keys but a value; type {section}=VALUE")
            if part not in node.keys():  # noqa: SIM118 - `in node` is False for ???
                known = {str(key) for key in node} | (self._groups if depth == 0 else set())
                return unknown_key(here, known - RESERVED - {"hydra"}, value, rest=rest)
            node = node._get_node(part)
        return None

    @cached_property
    def _groups(self) -> set[str]:
        return set(self.loader.list_groups(""))

    @cached_property
    def _tree(self) -> DictConfig | None:
        """The config with the chosen options but without the keys that were set; None if it does not compose."""
        chosen = [line for line in self.overrides if line.lstrip("+~").partition("=")[0] in self._groups]
        for overrides in (chosen, []):
            try:
                return self.loader.load_configuration(self.config_name, overrides, RunMode.RUN)
            except Exception:  # one of the choices is wrong as well; the keys of the default still help
                continue
        return None


def _unreadable(override: str, message: str) -> RequestError:
    key, equals, value = override.partition("=")
    if not key or not equals:
        return RequestError(f"{override}: an override is key=value; type {key}=VALUE")
    if "empty choice" in message:  # its grammar is sound, so quotes would not help
        return RequestError(f"{override}: there is nothing to choose from; give values, such as {key}=choice(A,B)")
    lines = [line for line in message.splitlines() if not line.startswith(("Error ", "See "))]
    caret = lines[-1].find("^") - len("LexerNoViableAltException: ") if lines[-1].strip() == "^" else None
    reason = lines[0] if caret is None else f"from {override[caret:]!r} on"
    return RequestError(
        f"{override} cannot be read ({reason}); close its brackets and quotes, or quote all of the value: "
        f"'{key}=\"{value}\"'"
    )


def _other(error: Exception) -> RequestError:
    text = str(error) or str(error.__cause__ or "") or type(error).__name__
    message = " ".join(line.strip() for line in text.splitlines() if not line.lstrip().startswith("object_type="))
    message = message.partition(" To append to your default list")[0]
    if re.search(r"'(\w+)@\w+\.\1'", message):
        message += "; in a yaml of a group, another group is overridden so: override /task@_global_.task: OPTION"
    return RequestError(message)
