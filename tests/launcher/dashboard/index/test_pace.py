from __future__ import annotations

import time

import pytest

from launcher.dashboard.index.pace import Pace


@pytest.mark.parametrize(("took_s", "pause_s"), [(0.0, 2.0), (0.1, 10.0), (5.0, 15.0)])
def test_what_takes_long_is_done_seldom(monkeypatch: pytest.MonkeyPatch, took_s: float, pause_s: float) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    pace = Pace(least_s=2.0, share=0.01)
    assert pace.is_due
    with pace.doing():
        clock[0] += took_s
    clock[0] += pause_s - 0.01
    assert not pace.is_due
    clock[0] += 0.02
    assert pace.is_due
