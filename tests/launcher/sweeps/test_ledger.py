"""The ledger tells what happened, whatever cut it off."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.sweeps.ledger import FAILED, FINISHED, PAUSED, RUNNING, STOPPED, WAITING, Ledger


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
