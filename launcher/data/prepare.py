"""Preparation: from a source's rows to columns that workers map into memory. Runs once, before any process group."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.config.schema import DatasetConfig
from launcher.data.cache import building, cache_key, is_prepared
from launcher.data.manifest import FILE_NAME, Manifest
from launcher.data.sources.base import fingerprint, open_source
from launcher.data.sources.files import find_files, fingerprint_files

if TYPE_CHECKING:
    from launcher.data.pipeline import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Prepared data on disk."""

    path: Path
    manifest: Manifest
    cached: bool  # made by an earlier preparation

    @property
    def data(self) -> dict[str, Any]:
        """Sizes that come from the data: the section `data` of a config."""
        return self.manifest.data


def prepare(dataset: DatasetConfig, *, labels: str, cache_dir: Path, report: Report) -> Prepared:
    """Columns of a data set for a kind of labels, from `cache_dir` where they were prepared before.

    Raises:
        DataError: the data are missing, unreadable, or not what the config says.
        RequestError: the config asks for something that can't be, or the disk is full or can't be written.
    """
    source = open_source(dataset.source)
    facts = [fingerprint(source), _fingerprint_tokenizer(dataset.tokenizer)]
    path = cache_dir.absolute() / cache_key(asdict(dataset), labels=labels, fingerprint=" ".join(facts))
    cached = is_prepared(path)
    if not cached:
        # Everything that is slow to import hangs on this module; data that lie ready need none of it.
        from launcher.data.pipeline import prepare_into

        with building(path) as (directory, scratch):
            prepare_into(directory, source, dataset, labels=labels, scratch=scratch, report=report)
    manifest = replace(Manifest.load(path / FILE_NAME), path=str(path))
    return Prepared(path=path, manifest=manifest, cached=cached)


def _fingerprint_tokenizer(name: str | None) -> str:
    """Changes with the files of a tokenizer on this machine."""
    if name is None or not Path(name).exists():
        return ""
    return fingerprint_files(find_files(name, suffixes=None))
