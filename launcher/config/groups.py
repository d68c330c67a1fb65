"""The options of a config group, read from its yaml files; only error messages need them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CONF_DIR = Path(__file__).parent.parent.parent / "conf"
"""The project's own config groups, beside the package in a checkout and in a wheel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Where groups live, and which option of each was chosen (empty where that is not known)."""

    roots: tuple[Path, ...] = (CONF_DIR,)
    choices: Mapping[str, str | None] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Every group."""
        folders = {path.name for root in self.roots for path in root.glob("[!._]*") if path.is_dir()}
        return sorted(folders - {"hydra"})

    def options(self, group: str) -> list[str]:
        """The options of a group; those whose name begins with an underscore are parts of others."""
        files = (path for root in self.roots for path in root.glob(f"{group}/[!_]*.yaml"))
        return sorted({path.stem for path in files})

    def chosen(self, group: str) -> str:
        """The choice as it is typed, `model=mlp`, or the group's name alone."""
        choice = self.choices.get(group)
        return group if choice is None else f"{group}={choice}"

    def values(self, group: str, option: str) -> dict[str, Any]:
        """An option's own keys and those of the options it builds on, not composed; unreadable ones are empty."""
        merged: dict[str, Any] = {}
        for values in self._chain(group, option):
            merged = {**values, **merged}
        return merged

    def chosen_by(self, group: str, option: str, other: str) -> str | None:
        """The option of the group `other` that this option brings along, `- override /other: ...`."""
        for values in self._chain(group, option):
            for entry in values.get("defaults") or []:
                for key, choice in entry.items() if isinstance(entry, dict) else ():
                    if str(key).partition("@")[0] == f"override /{other}":
                        return str(choice)
        return None

    def _chain(self, group: str, option: str) -> Iterator[dict[str, Any]]:
        for root in self.roots:
            try:
                values = yaml.safe_load((root / group / f"{option}.yaml").read_bytes())
            except (OSError, yaml.YAMLError):
                continue
            if isinstance(values, dict):
                yield values
                for base in values.get("defaults") or []:
                    if isinstance(base, str) and base not in ("_self_", option):
                        yield from self._chain(group, base)
            return
