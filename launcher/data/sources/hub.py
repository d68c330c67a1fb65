"""Any data set on the Hugging Face hub."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from launcher.data.sources.base import SPLIT_NAMES
from launcher.data.sources.hugging_face import is_reachable
from launcher.data.sources.library import root_cause
from launcher.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset


class Hub:
    """`datasets.load_dataset(name, config_name, revision=revision)`.

    `splits` maps `train`, `validation` and `test` to splits of the data set, in the library's notation
    (`train[:10%]`); without it the splits that bear a known name are taken. Without a connection the copy in the
    library's cache is used.
    """

    def __init__(
        self,
        name: str,
        config_name: str | None = None,
        revision: str | None = None,
        splits: Mapping[str, str | None] | None = None,
    ) -> None:
        self.name = name
        self.config_name = config_name
        self.revision = revision
        self.splits = (
            None if splits is None else {ours: theirs for ours, theirs in splits.items() if theirs is not None}
        )

    def fingerprint(self) -> str:
        """Constant: asking the hub would need a connection. A `revision` pins what is loaded."""
        return "hub"

    def load(self) -> dict[str, Dataset]:
        """The chosen splits; the library caches what it downloads."""
        reachable = is_reachable(self.name, key="dataset.name", repo_type="dataset", revision=self.revision)
        try:
            with _offline_if(not reachable):
                if self.splits is not None:
                    return {ours: self._load(theirs) for ours, theirs in self.splits.items()}
                loaded = self._load(None)
        except Exception as error:
            if reachable:
                raise DataError(f"dataset.name={self.name} can't be loaded: {root_cause(error)}") from error
            raise DataError(
                f"dataset.name={self.name} can't be had: the Hugging Face hub is out of reach, and there is no copy "
                f"in the local cache ({root_cause(error)}); connect, or use a data set on this machine"
            ) from error
        known = {name: rows for name, rows in loaded.items() if name in SPLIT_NAMES}
        if not known:
            raise DataError(
                f"dataset.name={self.name} has no split of a known name, only {', '.join(loaded)}; "
                f"choose with dataset.splits={{train: {next(iter(loaded))}}}"
            )
        return known

    def _load(self, split: str | None) -> Dataset:
        from datasets import load_dataset

        return load_dataset(self.name, self.config_name, revision=self.revision, split=split)


@contextlib.contextmanager
def _offline_if(offline: bool) -> Iterator[None]:
    import datasets
    from huggingface_hub import constants

    before = (datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE)
    if offline:
        datasets.config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before
