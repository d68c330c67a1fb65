"""What mattered in a sweep."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from launcher.dashboard.places import make_key
from launcher.dashboard.views import importance
from launcher.dashboard.views.importance import Importances, find_importance
from launcher.dashboard.views.sweep import Sweeps
from launcher.sweeps.record import Record
from tests.launcher.dashboard.made import make_sweep
from tests.launcher.dashboard.views.looked_at import Listed


def test_it_is_found_beside_the_server_and_told_by_the_version(tmp_path: Path) -> None:
    path = make_sweep(tmp_path, "s", trials=6, runs=False)
    sweeps, key = Sweeps(Listed(tmp_path)), make_key(path, "s")  # type: ignore[arg-type]
    first, before = sweeps.view(key), sweeps.version(key)
    assert first is not None
    assert (first["importance"], first["importance_is_final"]) == ({}, False)
    sweeps.importances.wait()
    assert sweeps.version(key) != before
    second = sweeps.view(key)
    assert second is not None
    assert (second["importance"], second["importance_is_final"]) == ({"optimizer.lr": pytest.approx(1.0)}, True)


def test_it_is_found_once_for_the_trials_that_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(importance, "find_importance", lambda path: asked.append(path) or {"a": 1.0})
    record, importances = Record(make_sweep(tmp_path, "s", trials=6, runs=False)), Importances()
    for _ in range(3):
        importances.get(record, record.trials())
        importances.wait()
    assert (asked, importances.num_found) == ([record.path], 1)
    with record.ledger_path.open("a") as file:
        file.write(json.dumps({"event": "again", "trial": 0, "time": 1.0}) + "\n")
    assert importances.get(record, record.trials()) == ({"a": 1.0}, False)
    importances.wait()
    assert len(asked) == 2


def test_without_optuna_nothing_is_known_and_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importance, "find_spec", lambda name: None)
    record = Record(make_sweep(tmp_path, "s", trials=6, runs=False))
    assert Importances().get(record, record.trials()) == ({}, True)


def test_a_sweep_of_which_nothing_can_be_said_has_none(tmp_path: Path) -> None:
    assert find_importance(tmp_path / "nowhere") == {}


def test_a_server_that_shows_sweeps_has_not_imported_optuna_or_torch() -> None:
    import subprocess

    code = "import sys, launcher.dashboard.views.sweep, launcher.dashboard.views.report, launcher.dashboard.views.logs"
    check = "; assert not {'torch', 'optuna', 'sklearn', 'pandas', 'plotly'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code + check], check=True)


def test_modules_of_the_working_directory_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    find_importance(make_sweep(tmp_path, "s", trials=1, runs=False))
    assert not (tmp_path / "ran").exists()
