"""The ledger tells what happened, whatever cut it off."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from launcher.errors import RequestError
from launcher.sweeps.ledger import FAILED, FINISHED, PAUSED, RUNNING, STOPPED, WAITING, Ledger, sound_trials


def written(path: Path) -> Ledger:
    """Two trials: one that paused and finished, one that runs."""
    ledger = Ledger(path)
    first = ledger.propose({"optimizer.lr": "0.1", "model.name": "it's"}, bracket=1)
    second = ledger.propose({"optimizer.lr": "0.2"})
    ledger.start(first, slot=("0",))
    ledger.report(first, {"validation/loss": 2.0}, step=5)
    ledger.end(first, PAUSED, device_seconds=1.5)
    ledger.start(first, slot=("1",))
    ledger.report(first, {"validation/loss": 2.0}, step=5)  # again, after the checkpoint
    ledger.report(first, {"validation/loss": 1.0}, step=10)
    ledger.end(first, FINISHED, values={"validation/loss": 0.9}, device_seconds=2.0)
    ledger.start(second, slot=("0",))
    return ledger


def test_a_reader_finds_what_was_written(tmp_path: Path) -> None:
    ledger = written(tmp_path / "ledger")
    first, second = Ledger(tmp_path / "ledger").trials
    assert [first, second] == ledger.trials
    assert (first.state, first.bracket, first.steps, first.device_seconds) == (FINISHED, 1, [5, 10], 3.5)
    assert first.values == {"validation/loss": 0.9}
    assert (first.is_over, second.state, second.is_over) == (True, RUNNING, False)


def test_overrides_are_typed_for_a_shell(tmp_path: Path) -> None:
    first = written(tmp_path / "ledger").trials[0]
    assert first.typed() == """optimizer.lr=0.1 'model.name=it'"'"'s'"""


def test_a_ledger_that_was_cut_at_any_byte_is_read_and_continued(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    written(path)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        ledger = Ledger(path)
        sound = sum(1 for end in range(1, len(lines) + 1) if len(b"".join(lines[:end])) <= cut)
        number = len(ledger.trials)
        assert number == min(sound, 2)
        ledger.propose({"a": "1"})
        assert len(Ledger(path).trials) == number + 1
        assert path.read_bytes().startswith(b"".join(lines[:sound]))


@pytest.mark.parametrize(("state", "reason"), [(FAILED, "out of memory"), (STOPPED, None)])
def test_what_ended_a_trial_is_kept_until_it_goes_on(tmp_path: Path, state: str, reason: str | None) -> None:
    ledger = Ledger(tmp_path / "ledger")
    trial = ledger.propose({})
    assert trial.state == WAITING
    ledger.start(trial, slot=("0",))
    ledger.end(trial, state, reason=reason)
    assert (trial.state, trial.reason) == (state, reason)
    ledger.start(trial, slot=("1",))
    assert (trial.state, trial.reason, trial.slot) == (RUNNING, None, ("1",))


def test_without_a_file_there_are_no_trials(tmp_path: Path) -> None:
    assert Ledger(tmp_path / "ledger").trials == []


def test_every_stay_of_a_trial_is_kept(tmp_path: Path) -> None:
    first, second = written(tmp_path / "ledger").trials
    assert [(stay.slot, stay.state) for stay in first.stays] == [(("0",), PAUSED), (("1",), FINISHED)]
    assert all(stay.ended is not None and stay.ended >= stay.begun for stay in first.stays)
    assert [(stay.slot, stay.state, stay.ended) for stay in second.stays] == [(("0",), RUNNING, None)]


@pytest.mark.parametrize(
    "damage", [b"{no json\n", b"[]\n", b"3\n", b'{"event": "started"}\n', b'{"event": "ended", "trial": 7}\n']
)
def test_trials_are_known_up_to_a_line_that_is_damaged(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "ledger"
    written(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], damage, *lines[3:]]))
    trials, problem = sound_trials(path)
    assert [trial.state for trial in trials] == [RUNNING, WAITING]
    assert problem is not None
    assert "line 4" in problem
    with pytest.raises(RequestError, match="line 4"):
        Ledger(path)


def test_a_sound_ledger_has_no_problem(tmp_path: Path) -> None:
    trials = written(tmp_path / "ledger").trials
    assert sound_trials(tmp_path / "ledger") == (trials, None)


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "proposed", "trial": 0, "overrides": "abc", "bracket": 0}',
        '{"event": "proposed", "trial": 0, "overrides": {"a": 1}, "bracket": 0}',
        '{"event": "started", "trial": 0, "slot": "0", "time": 1}',
        '{"event": "started", "trial": 0, "slot": ["0"], "time": "x"}',
        '{"event": "started", "trial": -1, "slot": ["0"], "time": 1}',
        '{"event": "report", "trial": 0, "step": NaN, "metrics": {}, "time": 1}',
        '{"event": "report", "trial": 0, "step": 1, "metrics": {"loss": "x"}, "time": 1}',
        '{"event": "ended", "trial": 0, "state": "failed", "reason": null, "values": [], "device_seconds": 0}',
        '{"event": "ended", "trial": 0, "state": 1, "reason": null, "values": {}, "device_seconds": 0}',
        '{"event": "again", "trial": 0, "time": 1' + "0" * 400 + "}",
        "[" * 100_000,
    ],
)
def test_a_value_that_no_sweep_writes_is_damage(tmp_path: Path, line: str) -> None:
    path = tmp_path / "ledger"
    written(path)
    with path.open("a") as file:
        file.write(f"{line}\n")
    assert sound_trials(path)[1] is not None


def test_a_ledger_that_is_no_file_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ledger")
    assert sound_trials(tmp_path / "ledger") == ([], None)
