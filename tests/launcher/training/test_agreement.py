"""What processes agree on between two steps: alone, and three real ones that are asked different things."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
import torch.distributed as dist

from launcher.training.agreement import INTERVAL_S, Agreement, Asked
from tests.launcher.parallel.processes import start, wait

RANKS = 3
# What each process knows in each round: the signal, whether it wants a checkpoint, whether it is still writing one.
ROUNDS = [
    [(0, False, False), (0, False, False), (0, False, False)],
    [(0, False, False), (0, True, False), (0, False, False)],
    [(0, True, False), (0, False, False), (0, False, True)],
    [(0, False, False), (2, False, False), (15, True, False)],
]
NUM_STEPS = 800


def worker(directory: Path) -> None:
    """One of the processes: rank 2 is slow, and its steps take as long as all others wait for it."""
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    agreement = Agreement(dist.group.WORLD, first_step=0)
    answers = []
    for index, known in enumerate(ROUNDS):
        signum, save, busy = known[rank]
        answers.append(agreement.ask(10 * index + 1, signum=signum, save=save, busy=busy))
        time.sleep(0.002)
    asked_at, begun = [], time.monotonic()
    agreement = Agreement(dist.group.WORLD, first_step=0)
    for done in range(1, NUM_STEPS):
        time.sleep(0.003 if rank == 2 else 0.0)
        if agreement.is_due(done):
            agreement.ask(done, signum=0, save=False, busy=False)
            asked_at.append(done)
    seconds = time.monotonic() - begun
    found = {"answers": answers, "asked_at": asked_at, "seconds": seconds}
    (directory / f"{rank}.json").write_text(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    directory = tmp_path_factory.mktemp("agreement")
    trouble = wait(start(RANKS, [__file__, str(directory)], directory), progress=lambda: 0, patience_s=100)
    assert trouble is None, "\n".join(path.read_text() for path in directory.glob("rank*.log"))
    return [json.loads((directory / f"{rank}.json").read_text()) for rank in range(RANKS)]


@pytest.mark.parametrize(
    ("index", "asked"),
    [
        (0, Asked(0, save=False, busy=False)),
        (1, Asked(0, save=True, busy=False)),
        (2, Asked(0, save=True, busy=True)),
        (3, Asked(15, save=True, busy=False)),
    ],
)
def test_what_one_knows_all_hear(found: list[dict], index: int, asked: Asked) -> None:
    assert [Asked(*of_rank["answers"][index]) for of_rank in found] == [asked] * RANKS


def test_all_speak_after_the_same_steps_however_fast_each_is(found: list[dict]) -> None:
    assert found[0]["asked_at"] == found[1]["asked_at"] == found[2]["asked_at"]
    assert found[0]["asked_at"][0] == 1


def test_they_speak_now_and_then_and_not_at_every_step(found: list[dict]) -> None:
    often = found[2]["seconds"] / INTERVAL_S
    assert 0.3 * often < len(found[2]["asked_at"]) < 2 * often + 5


def test_one_process_alone_looks_after_every_step_and_asks_nobody() -> None:
    agreement = Agreement(None, first_step=4)
    assert not agreement.is_due(4)
    for done in (5, 6, 7):
        assert agreement.is_due(done)
        assert agreement.ask(done, signum=2, save=True, busy=False) == Asked(2, save=True, busy=False)
        assert not agreement.is_due(done)


if __name__ == "__main__":
    worker(Path(sys.argv[1]))
