"""What ranks leave when an attempt hangs."""

from __future__ import annotations

from pathlib import Path

from launcher.runs.hang import flight_path, gave_up_path, hang_path, hang_paths, stacks_path, stacks_paths


def test_what_each_rank_leaves_is_found_again_and_nothing_else(tmp_path: Path) -> None:
    for rank in (1, 0):
        for path in (hang_path(tmp_path, rank), stacks_path(tmp_path, rank), flight_path(tmp_path, rank)):
            path.touch()
    gave_up_path(tmp_path).touch()
    assert hang_paths(tmp_path) == [hang_path(tmp_path, 0), hang_path(tmp_path, 1)]
    assert stacks_paths(tmp_path) == [stacks_path(tmp_path, 0), stacks_path(tmp_path, 1)]
    assert len(list(tmp_path.iterdir())) == 7
