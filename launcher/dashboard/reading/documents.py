"""Files of a run directory that are replaced as a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from launcher import words
from launcher.dashboard.reading.plain import MAX_DEPTH, TOO_DEEP, is_deep, to_finite, to_text
from launcher.dashboard.reading.records import Info
from launcher.runs import Run, open_regular

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_BYTES = 16 << 20
BEATS = ("heartbeat",)
"""Keys of job.json that change every second and say nothing else."""


class Documents:
    """job.json, summary.json and config.yaml, as they were when they could be read last; empty where there is none."""

    def __init__(self, run: Run) -> None:
        self.job: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.config: dict[str, Any] = {}
        self._run = run
        self._seen: dict[Path, tuple[int, int]] = {}
        self._problems: dict[Path, str] = {}

    @property
    def problems(self) -> list[str]:
        """What is wrong with them, for people."""
        return list(self._problems.values())

    def read(self) -> bool:
        """Read what was replaced; whether anything was, beyond a sign of life."""
        before = self._state()
        self.job = self._read(self._run.job_path, self.job)
        self.summary = self._read(self._run.summary_path, self.summary)
        self.config = self._read(self._run.config_path, self.config)
        return self._state() != before

    def _state(self) -> tuple[Any, ...]:
        job = {key: value for key, value in self.job.items() if key not in BEATS}
        others = {path: seen for path, seen in self._seen.items() if path != self._run.job_path}
        return repr(job), others, dict(self._problems)

    def _read(self, path: Path, before: dict[str, Any]) -> dict[str, Any]:
        try:
            status = path.lstat()
            seen = status.st_size, status.st_mtime_ns
            if self._seen.get(path) == seen:
                return before
            self._seen[path] = seen
            value = load(path)
            self._problems.pop(path, None)
        except (FileNotFoundError, NotADirectoryError):
            return before
        except (OSError, ValueError) as error:
            self._problems[path] = f"{path.name}: it can't be read: {str(error).splitlines()[0]}"
            return before
        return value


def load(path: Path) -> dict[str, Any]:
    """The mapping in a file of JSON or YAML, safe to walk; empty where it holds another value, or is spoilt JSON.

    Raises:
        OSError: it can't be read; FileNotFoundError: there is none, or no regular file.
        ValueError: it is spoilt, too large, nested too deeply, or refers to itself.
    """
    with open_regular(path) as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {words.size(MAX_BYTES)}")
    value = _from_json(content) if path.suffix == ".json" else _from_yaml(content)
    return value if isinstance(value, dict) else {}


def load_or_nothing(path: Path) -> dict[str, Any]:
    """The same; empty where it raises."""
    try:
        return load(path)
    except (OSError, ValueError):
        return {}


def _from_json(content: bytes) -> Any:
    """A value of JSON, None for what a power failure spoilt; ValueError where it is too deep."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if is_deep(value):
        raise ValueError(TOO_DEEP)
    return value


def _from_yaml(content: bytes) -> Any:
    """A value of YAML. The parser in C has no bound for depth of its own, and aliases make a loop, or much of little.

    Raises:
        ValueError: it is none, too deep, or has aliases, which no run writes.
    """
    depth = 0
    try:
        for event in yaml.parse(content, Loader):
            if isinstance(event, yaml.AliasEvent):
                raise ValueError("it has aliases (*), which no run writes")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise ValueError(TOO_DEEP)
        return yaml.load(content, Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def info_of(documents: Documents, name: str, started: float | None) -> Info:
    """Who ran a run directory, and where."""
    job, tracker = documents.job, documents.config.get("tracker")
    tracker = tracker if isinstance(tracker, dict) else {}
    command, tags = job.get("command"), tracker.get("tags")
    return Info(
        name=name,
        project=to_text(tracker.get("project")),
        group=to_text(tracker.get("group")),
        tags=[str(tag) for tag in tags] if isinstance(tags, list) else [],
        host=to_text(job.get("host")),
        started=to_finite(job.get("created")) if started is None else started,
        command=[str(word) for word in command] if isinstance(command, list) else None,
    )
