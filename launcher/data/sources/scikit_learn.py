"""Small real data sets that come with scikit-learn."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING

from launcher.errors import RequestError

if TYPE_CHECKING:
    from datasets import Dataset

NAMES = ("digits", "breast_cancer", "wine", "iris", "diabetes")


class ScikitLearn:
    """One of `digits` (column `image`), `breast_cancer`, `wine`, `iris`, `diabetes` (a column a feature).

    The label stands in the column `target`: a name, or a number for `digits` and `diabetes`.
    """

    def __init__(self, name: str) -> None:
        if name not in NAMES:
            raise RequestError(f"dataset.name={name} is unknown; use {', '.join(NAMES)}")
        self.name = name

    def fingerprint(self) -> str:
        """The version of scikit-learn."""
        return importlib.metadata.version("scikit-learn")

    def load(self) -> Dataset:
        """The rows as scikit-learn has them; the features of `diabetes` in their own units."""
        from datasets import Dataset
        from sklearn import datasets as bundled

        options = {"scaled": False} if self.name == "diabetes" else {}
        bunch = getattr(bundled, f"load_{self.name}")(**options)
        target = bunch.target
        if self.name == "digits":
            return Dataset.from_dict({"image": bunch.images.tolist(), "target": target})
        if self.name != "diabetes":
            target = [str(bunch.target_names[label]) for label in target]
        columns = {str(name): bunch.data[:, index] for index, name in enumerate(bunch.feature_names)}
        return Dataset.from_dict({**columns, "target": target})
