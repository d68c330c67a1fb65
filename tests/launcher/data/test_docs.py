"""The data set that the documentation shows can be had by copying it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.config.compose import compose
from launcher.config.groups import CONF_DIR
from launcher.config.validate import from_composed
from launcher.data.prepare import Prepared

PAGE = CONF_DIR.parent / "docs" / "datasets.md"


def test_the_class_and_the_yaml_work_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare_now: Callable[..., Prepared]
) -> None:
    page = PAGE.read_text(encoding="utf-8")
    module = re.search(r"`my_data\.py`:\n\n```python\n(.*?)```", page, re.DOTALL)
    yaml = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert module is not None
    assert yaml is not None
    (tmp_path / "conf" / "dataset").mkdir(parents=True)
    (tmp_path / "conf" / "dataset" / "waves.yaml").write_text(yaml[1])
    (tmp_path / "my_data.py").write_text(module[1])
    monkeypatch.syspath_prepend(tmp_path)
    config = from_composed(compose(["dataset=waves", "model=mlp"], config_dir=tmp_path / "conf"))
    prepared = prepare_now(config.dataset)
    sys.modules.pop("my_data")
    assert prepared.data["class_names"] == ["cosine", "sine"]
    assert prepared.data["num_rows"] == {"train": 240, "validation": 80, "test": 80}
    assert any("imputed" in note for note in prepared.manifest.notes)
