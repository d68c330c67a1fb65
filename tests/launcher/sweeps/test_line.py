"""The order in which trials start."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from launcher.parallel.devices import Devices
from launcher.runs import create_run, write_json
from launcher.sweeps.halving import Halving
from launcher.sweeps.ledger import FAILED, FINISHED, PAUSED, RUNNING, STOPPED, Ledger, Trial
from launcher.sweeps.line import MOST_OVERTAKEN, Line
from launcher.sweeps.record import Record
from launcher.sweeps.slots import Pool, Slots
from launcher.sweeps.trial import Ready
from tests.launcher.sweeps.made import LOSS, add

Make = Callable[..., Record]
SIZE = "engine.num_processes"


class Queue:
    """A line on so many CPU slots, who runs, and what was settled without a device."""

    def __init__(self, record: Record, *, slots: int) -> None:
        multirun, self.record = record.multirun, record
        settings = multirun.settings
        self.ledger, self.settled = Ledger(record.ledger_path), list[tuple[int, str | None]]()
        self.pool = Pool(settings, Devices(cpu_cores=slots), "cpu")
        halving = Halving(
            metric=LOSS,
            direction="min",
            min_evaluations=settings.min_evaluations,
            reduction_factor=settings.reduction_factor,
        )
        self._line = Line(record, multirun, self.ledger, self.pool, halving=halving, settle=self._settle)
        self.running: dict[int, Slots] = {}

    def start(self) -> int | None:
        """The number of the trial that starts now, if one does."""
        ready = self.start_ready()
        return None if ready is None else ready.trial.number

    def start_ready(self) -> Ready | None:
        """The trial that starts now, if one does."""
        found = self._line.next(self.running)
        if found is None:
            return None
        ready, slots = found
        assert len(slots.ids) == ready.processes
        self.running[ready.trial.number] = slots
        self.ledger.start(ready.trial, slot=slots.ids)
        return ready

    def end(self, number: int, state: str = FINISHED) -> None:
        """A trial leaves its devices."""
        self.pool.give_back(self.running.pop(number))
        self.ledger.end(self.ledger.trials[number], state)

    def order(self) -> list[int]:
        """Who starts, one after another, each alone."""
        numbers: list[int] = []
        while (number := self.start()) is not None:
            numbers.append(number)
            self.end(number)
        return numbers

    def _settle(self, trial: Trial, reason: str | None) -> None:
        self.settled.append((trial.number, reason))
        self.ledger.end(trial, FINISHED if reason is None else FAILED, reason=reason)


@pytest.fixture
def queue(make_sweep: Make) -> Callable[..., Queue]:
    def make(*overrides: str, slots: int = 1) -> Queue:
        return Queue(make_sweep(*overrides), slots=slots)

    return make


def test_new_trials_start_in_order_until_none_is_left(queue: Callable[..., Queue]) -> None:
    line = queue("trainer.seed=5,6,7")
    assert line.order() == [0, 1, 2]
    assert [trial.overrides["trainer.seed"] for trial in line.ledger.trials] == ["5", "6", "7"]


def test_as_many_start_as_there_is_room_for(queue: Callable[..., Queue]) -> None:
    line = queue("trainer.seed=range(5)", slots=2)
    assert [line.start() for _ in range(3)] == [0, 1, None]
    line.end(0)
    assert [line.start() for _ in range(2)] == [2, None]


def test_a_trial_that_does_not_fit_is_overtaken_by_one_that_does(queue: Callable[..., Queue]) -> None:
    line = queue(f"{SIZE}=2,1", "trainer.seed=0", slots=2)
    taken = line.pool.take(1)
    assert taken is not None
    assert line.start() == 1
    line.pool.give_back(taken)
    line.end(1)
    assert line.start() == 0


def test_a_big_trial_is_overtaken_so_often_and_then_all_wait_for_it(queue: Callable[..., Queue]) -> None:
    line = queue("trainer.seed=range(20)", slots=2)
    ledger, most = line.ledger, MOST_OVERTAKEN * 2
    for number in range(most + 3):
        ledger.propose({SIZE: "2" if number == 1 else "1", "trainer.seed": str(number)})
    assert line.start() == 0  # holds one of two devices for the whole time
    for number in range(2, most + 2):
        assert line.start() == number
        line.end(number)
    assert line.start() is None
    line.end(0)
    assert line.start() == 1
    assert line.start() is None
    line.end(1)
    assert line.start() == most + 2


@pytest.mark.parametrize("state", [RUNNING, STOPPED])
def test_interrupted_trials_go_on_before_new_ones_start(queue: Callable[..., Queue], state: str) -> None:
    line = queue("trainer.seed=0,1,2,3")
    add(line.ledger, FINISHED, trainer__seed="0")
    add(line.ledger, state, trainer__seed="1")
    add(line.ledger, FAILED, trainer__seed="2")
    assert line.order() == [1, 3]


def test_a_trial_that_waited_when_all_broke_off_starts_before_new_ones(queue: Callable[..., Queue]) -> None:
    line = queue("trainer.seed=0,1,2")
    line.ledger.propose({"trainer.seed": "2"})
    assert line.order() == [0, 1, 2]
    assert [trial.overrides["trainer.seed"] for trial in line.ledger.trials] == ["2", "0", "1"]


def test_a_promoted_trial_goes_on_before_new_ones_that_stand_in_line(queue: Callable[..., Queue]) -> None:
    line = queue("sweep=asha", "sweep.num_trials=5", "trainer.seed=range(50)", slots=2)
    add(line.ledger, PAUSED, losses=(3.0,), trainer__seed="0")
    add(line.ledger, PAUSED, losses=(1.0,), trainer__seed="1")
    assert line.start() == 2
    assert len(line.ledger.trials) == 4  # the next one is ready
    line.ledger.report(line.ledger.trials[2], {LOSS: 2.0}, step=1)
    line.end(2, PAUSED)
    assert [line.start() for _ in range(2)] == [1, 3]


def test_where_all_paused_the_best_goes_on_to_its_end(queue: Callable[..., Queue]) -> None:
    line = queue("sweep=asha", "sweep.num_trials=2", "trainer.seed=range(50)")
    add(line.ledger, PAUSED, losses=(2.0,), trainer__seed="0")
    add(line.ledger, PAUSED, losses=(1.0,), trainer__seed="1")
    assert line.order() == [1]


@pytest.mark.parametrize("value", [None, float("nan")])
def test_trials_without_a_number_are_promoted_after_all_others(
    queue: Callable[..., Queue], value: float | None
) -> None:
    line = queue("sweep=asha", "sweep.num_trials=3", "trainer.seed=range(50)")
    for seed, loss in enumerate((value, value, 5.0)):
        add(line.ledger, PAUSED, losses=(loss,), trainer__seed=str(seed))
    assert line.start() == 2


def test_a_trial_that_no_device_could_run_is_settled_and_the_others_start(queue: Callable[..., Queue]) -> None:
    line = queue(f"{SIZE}=9,1", slots=2)
    assert line.order() == [1]
    ((number, reason),) = line.settled
    assert number == 0
    assert "a trial needs 9 devices" in (reason or "")


def test_a_trial_whose_config_is_wrong_is_settled_with_what_is(queue: Callable[..., Queue]) -> None:
    line = queue("trainer.global_batch_size=0,16")
    assert line.order() == [1]
    assert "trainer.global_batch_size=0" in (line.settled[0][1] or "")


def test_a_trial_that_finished_before_that_was_written_down_is_settled(queue: Callable[..., Queue]) -> None:
    line = queue("trainer.seed=0,1")
    trial = add(line.ledger, RUNNING, trainer__seed="0")
    run = create_run(line.record.run(trial).id)
    run.config_path.touch()
    write_json(run.plan_path, {})
    run.update_job(state="finished")
    assert line.order() == [1]
    assert line.settled == [(0, None)]


def test_a_trial_whose_run_was_removed_by_hand_begins_anew(queue: Callable[..., Queue]) -> None:
    line = queue("trainer.seed=0,1")
    trial = add(line.ledger, STOPPED, trainer__seed="0")
    assert not line.record.run(trial).path.exists()
    assert line.order() == [0, 1]


def test_what_a_trial_left_before_any_worker_started_is_removed(queue: Callable[..., Queue]) -> None:
    line = queue("trainer.seed=0,1")
    run = create_run(line.record.run(add(line.ledger, RUNNING, trainer__seed="0")).id)
    assert line.start() == 0
    assert not run.path.exists()


def test_a_new_trial_comes_with_its_inputs_and_without_a_run(queue: Callable[..., Queue]) -> None:
    ready = queue("optimizer.lr=1,2").start_ready()
    assert ready is not None
    assert ready.inputs is not None
    assert ready.inputs.result().resolved.optimizer.lr == 1
    assert not ready.run.path.exists()


def test_a_trial_that_goes_on_has_its_inputs_from_its_run(queue: Callable[..., Queue]) -> None:
    line = queue("optimizer.lr=1,2")
    run = line.record.run(add(line.ledger, STOPPED, optimizer__lr="1"))
    run.path.mkdir(parents=True)
    for path in (run.config_path, run.plan_path):
        path.touch()
    ready = line.start_ready()
    assert ready is not None
    assert (ready.run.id, ready.inputs) == (run.id, None)
