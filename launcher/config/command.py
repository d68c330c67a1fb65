"""The command that starts a run like another, as it is typed."""

from __future__ import annotations

from collections.abc import Sequence

from launcher.config.multirun import Place


def train_command(place: Place, overrides: Sequence[str]) -> list[str]:
    """The argument list of `windlass train` that starts such a run as a new one: it gets an id of its own."""
    flags = {"--config-dir": place.config_dir, "--config-path": place.config_path, "--config-name": place.config_name}
    given = [f"{flag}={value}" for flag, value in flags.items() if value is not None]
    return ["windlass", "train", *given, *(line for line in overrides if override_path(line) != "run_id")]


def with_changes(command: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """A command with more overrides, each in the place of an earlier one of the same key or group."""
    changed = {override_path(line) for line in overrides}
    kept = [word for word in command if word.startswith("--") or override_path(word) not in changed]
    return [*kept, *overrides]


def override_path(override: str) -> str:
    """The group or dotted key that an override is about."""
    return override.partition("=")[0].lstrip("+~").partition("@")[0]
