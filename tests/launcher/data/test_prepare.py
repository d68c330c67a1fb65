"""Preparation as a whole: once, cached, told as it goes, and with errors that a user can act on."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from numpy.typing import NDArray
from PIL import Image

from launcher.config.schema import DatasetConfig
from launcher.data import pipeline
from launcher.data.prepare import Prepared, prepare
from launcher.errors import DataError, RequestError

ROWS = [{"x": float(index), "city": "abc"[index % 3], "y": ["no", "yes"][index % 2]} for index in range(40)]
TEXTS = [{"text": f"document {number} says {number * number}\n" * 3} for number in range(40)]
TEXT = {"kind": "text", "normalize": "none", "split": {"validation": 0.25, "test": 0.0}}

Config = Callable[..., DatasetConfig]
Prepare = Callable[..., Prepared]


def test_columns_sizes_and_splits_agree(
    rows_config: Config, prepare_now: Prepare, read: Callable[..., dict[str, NDArray]]
) -> None:
    prepared = prepare_now(rows_config(ROWS, target="y"))
    assert prepared.data == {
        "kind": "table",
        "labels": "classes",
        "num_rows": {"train": 24, "validation": 8, "test": 8},
        "num_features": 4,
        "num_outputs": 2,
        "class_names": ["no", "yes"],
    }
    for split, count in prepared.data["num_rows"].items():
        columns = read(prepared, split)
        assert columns["inputs"].shape == (count, 4)
        assert columns["labels"].dtype == np.int64


def test_an_empty_split_has_no_directory(rows_config: Config, prepare_now: Prepare) -> None:
    prepared = prepare_now(rows_config(ROWS, target="y", split={"test": 0.0}))
    assert prepared.data["num_rows"]["test"] == 0
    assert sorted(path.name for path in prepared.path.iterdir()) == ["manifest.json", "train", "validation"]


def test_statistics_ignore_all_but_the_training_split(
    rows_config: Config, prepare_now: Prepare, read: Callable[..., dict[str, NDArray]]
) -> None:
    rows = [{**row, "fold": "train" if index < 20 else "test"} for index, row in enumerate(ROWS)]
    config = rows_config(rows, target="y", split={"method": "column", "column": "fold", "validation": 0.0})
    prepared = prepare_now(config)
    np.testing.assert_allclose(read(prepared, "train")["inputs"][:, 0].mean(), 0, atol=1e-6)
    assert read(prepared, "test")["inputs"][:, 0].min() > 1.5


def test_a_label_of_the_test_split_alone_is_named(rows_config: Config, prepare_now: Prepare) -> None:
    rows = [{"x": 1, "y": "ab"[index % 2], "fold": "train"} for index in range(9)] + [
        {"x": 1, "y": "c", "fold": "test"}
    ]
    config = rows_config(rows, target="y", split={"method": "column", "column": "fold", "validation": 0.0})
    with pytest.raises(DataError, match="has the label 'c', which the training split does not have"):
        prepare_now(config)


def test_the_second_time_nothing_is_prepared(rows_config: Config, prepare_now: Prepare) -> None:
    config = rows_config(ROWS, target="y")
    first, second = prepare_now(config), prepare_now(config)
    assert (first.cached, second.cached) == (False, True)
    assert (first.path, first.manifest) == (second.path, second.manifest)


def test_another_config_is_prepared_anew(rows_config: Config, prepare_now: Prepare) -> None:
    first = prepare_now(rows_config(ROWS, target="y"))
    assert prepare_now(rows_config(ROWS, target="y", split={"seed": 1})).path != first.path
    assert prepare_now(rows_config(ROWS, target="x"), labels="values").path != first.path


def test_a_file_that_changed_is_prepared_anew(rows_config: Config, prepare_now: Prepare) -> None:
    first = prepare_now(rows_config(ROWS, target="y"))
    assert prepare_now(rows_config(ROWS[:-1], target="y")).data["num_rows"] != first.data["num_rows"]


def test_the_hash_of_the_rows_is_the_same_in_another_cache(rows_config: Config, tmp_path: Path) -> None:
    config = rows_config(ROWS, target="y")
    hashes = {
        prepare(config, labels="classes", cache_dir=tmp_path / name, report=lambda *_: None).manifest.sha256
        for name in "ab"
    }
    assert len(hashes) == 1


def test_stages_are_told_as_they_go(rows_config: Config, tmp_path: Path) -> None:
    told: list[tuple[str, float | None]] = []
    config = rows_config(TEXTS, **TEXT)
    prepare(config, labels="next_tokens", cache_dir=tmp_path, report=lambda *stage: told.append(stage))
    stages = list(dict.fromkeys(stage for stage, _ in told))
    assert stages == ["reading", "cleaning", "fitting", "writing train", "writing validation", "measuring floors"]
    assert told[-2] == ("writing validation", 1.0)


def test_byte_level_models_get_floors(rows_config: Config, prepare_now: Prepare) -> None:
    manifest = prepare_now(rows_config(TEXTS, **TEXT), labels="next_tokens").manifest
    assert manifest.floors is not None
    assert set(manifest.floors) == {"order_0", "bigram", "trigram", "gzip"}


def test_bytes_of_a_token_are_counted_on_the_validation_split(rows_config: Config, prepare_now: Prepare) -> None:
    rows = [{"text": "ab" * 40, "fold": "train"}, {"text": "abxx" * 40, "fold": "validation"}]
    changes = {**TEXT, "inputs": "text", "split": {"method": "column", "column": "fold"}}
    as_bytes = prepare_now(rows_config(rows, **changes), labels="next_tokens")
    as_pairs = prepare_now(rows_config(rows, **changes, tokenizer="bpe", vocab_size=258), labels="next_tokens")
    assert as_bytes.data["bytes_per_token"] == 1.0
    assert as_pairs.data["bytes_per_token"] == pytest.approx(160 / 121)


@pytest.mark.parametrize(
    ("labels", "changes"),
    [
        ("masked_tokens", {}),
        ("next_tokens", {"tokenizer": "bpe", "vocab_size": 270}),
        ("next_tokens", {"packing": False}),
        ("next_tokens", {"split": {"validation": 0.0, "test": 0.0}}),
    ],
)
def test_others_get_none(labels: str, changes: dict[str, Any], rows_config: Config, prepare_now: Prepare) -> None:
    assert prepare_now(rows_config(TEXTS, **{**TEXT, **changes}), labels=labels).manifest.floors is None


def test_what_was_done_is_noted(rows_config: Config, prepare_now: Prepare) -> None:
    rows = [*ROWS, {"x": None, "city": "a", "y": "no"}]
    assert prepare_now(rows_config(rows, target="y")).manifest.notes == [
        "dropped 1 of 41 rows: a missing value in column 'x'"
    ]
    imputed = prepare_now(rows_config(rows, target="y", clean={"missing": "impute"})).manifest.notes
    assert len(imputed) == 1
    assert imputed[0].startswith("imputed 1 value(s) of")


def test_text_shorter_than_one_row_is_refused(rows_config: Config, prepare_now: Prepare) -> None:
    with pytest.raises(DataError, match=r"the train split is too short: .* dataset\.sequence_length=100000"):
        prepare_now(rows_config(TEXTS, **TEXT, sequence_length=100_000), labels="next_tokens")


def test_nothing_is_left_of_what_failed(rows_config: Config, prepare_now: Prepare, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        prepare_now(rows_config(ROWS, target="nothing"))
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_interrupt_leaves_nothing(rows_config: Config, tmp_path: Path) -> None:
    def interrupt(stage: str, fraction: float | None) -> None:
        if stage == "writing validation":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(rows_config(ROWS, target="y"), labels="classes", cache_dir=tmp_path / "cache", report=interrupt)
    assert list((tmp_path / "cache").iterdir()) == []


def test_samples_that_were_left_out_of_files_are_noted_and_prepared_apart(
    make_config: Config, prepare_now: Prepare, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS) + '{"x": 1.0, "ci')
    source = ("launcher.data.sources.tables.Jsonl", {"path": str(file)})
    with pytest.raises(DataError, match=r"rows\.jsonl, line 41: not valid JSON"):
        prepare_now(make_config(*source, target="y"))
    prepared = prepare_now(make_config(*source, target="y", clean={"undecodable": "skip"}))
    assert sum(prepared.data["num_rows"].values()) == 40
    assert prepared.manifest.notes[0].startswith("dropped 1 sample(s) that can't be decoded, the first is ")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [prepared.path.name]


def test_an_image_without_a_name_that_is_broken_is_named_by_its_row(
    make_config: Config, prepare_now: Prepare, tmp_path: Path
) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "fine.png")
    fine = {"bytes": (tmp_path / "fine.png").read_bytes(), "path": None}
    images = [fine] * 12 + [{**fine, "bytes": fine["bytes"][:-30]}] + [fine] * 12
    Dataset.from_dict({"image": images, "y": ["a", "b", "a", "b", "a"] * 5}).to_parquet(str(tmp_path / "a.parquet"))
    source = ("launcher.data.sources.tables.Parquet", {"path": str(tmp_path / "a.parquet")})
    shape = {"kind": "image", "target": "y", "image_size": 4}
    with pytest.raises(DataError, match=r"row 13, column 'image': the image in the data can't be decoded"):
        prepare_now(make_config(*source, **shape))
    prepared = prepare_now(make_config(*source, **shape, clean={"undecodable": "skip"}))
    assert sum(prepared.data["num_rows"].values()) == 24


def test_two_at_once_do_not_disturb_each_other(rows_config: Config, prepare_now: Prepare, tmp_path: Path) -> None:
    config = rows_config(ROWS, target="y")
    inner: list[Prepared] = []

    def prepare_inside(stage: str, fraction: float | None) -> None:
        if stage == "writing test" and not inner:
            thread = threading.Thread(target=lambda: inner.append(prepare_now(config)))
            thread.start()
            thread.join()

    outer = prepare(config, labels="classes", cache_dir=tmp_path / "cache", report=prepare_inside)
    assert inner[0].manifest == outer.manifest
    assert list((tmp_path / "cache").iterdir()) == [outer.path]


def test_an_error_of_arrow_becomes_one_of_the_data(
    rows_config: Config, prepare_now: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        pipeline.pa.array([1, "x"])

    monkeypatch.setattr(pipeline, "select_rows", fail)
    with pytest.raises(DataError, match="the data can't be converted: Could not convert"):
        prepare_now(rows_config(ROWS, target="y"))


PROGRAM = """
import json, resource, sys, time
from pathlib import Path
from launcher.config.schema import CleanConfig, DatasetConfig, SplitConfig
from launcher.data.prepare import prepare
from launcher.errors import RequestError

fields = json.loads(sys.argv[1])
config = DatasetConfig(
    **{**fields, "split": SplitConfig(**fields["split"]), "clean": CleanConfig(**fields["clean"])}
)
if sys.argv[3] == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    prepared = prepare(config, labels="classes", cache_dir=Path(sys.argv[2]), report=lambda *stage: None)
    print(prepared.cached, {"torch", "datasets", "pandas", "sklearn", "transformers"} & set(sys.modules))
except RequestError as error:
    print(error)
"""


def in_another_process(config: DatasetConfig, cache: Path, disk: str = "") -> str:
    arguments = [sys.executable, "-c", PROGRAM, json.dumps(asdict(config)), str(cache), disk]
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.strip()


def test_data_that_lie_ready_need_no_slow_import(rows_config: Config, prepare_now: Prepare, tmp_path: Path) -> None:
    config = rows_config(ROWS, target="y")
    prepare_now(config)
    assert in_another_process(config, tmp_path / "cache") == "True set()"


def test_bundled_data_that_lie_ready_need_no_slow_import(
    make_config: Config, prepare_now: Prepare, tmp_path: Path
) -> None:
    config = make_config("launcher.data.sources.scikit_learn.ScikitLearn", {"name": "iris"}, target="target")
    prepare_now(config)
    assert in_another_process(config, tmp_path / "cache") == "True set()"


def test_a_disk_that_takes_no_more_names_the_variable(rows_config: Config, tmp_path: Path) -> None:
    config = rows_config(ROWS * 50, target="y")
    printed = in_another_process(config, tmp_path / "cache", "full")
    assert printed.startswith(f"prepared data can't be written to {tmp_path / 'cache'}: File too large")
    assert "WINDLASS_CACHE_DIR" in printed
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_can_not_be_made_is_a_wrong_request(rows_config: Config, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="WINDLASS_CACHE_DIR"):
        prepare(rows_config(ROWS, target="y"), labels="classes", cache_dir=tmp_path / "file", report=lambda *_: None)
