"""A sweep on two slots as a command: what it costs, how long its trials trained, and ours."""

from __future__ import annotations

import json
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from tests.benchmarks.launches import Command, Started, windlass
from tests.benchmarks.plain_trial import SUMMARY
from tests.benchmarks.report import Cost

NUM_SLOTS = 2
OVERRIDES = (
    "model=mlp",
    "dataset=digits",
    "scheduler=cosine",
    "checkpoint=none",
    "tracker=none",
    "engine.device=cpu",
    "engine.num_processes=1",
    "trainer.max_epochs=null",
)
RUN_ID = "rates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """A sweep that has ended."""

    cost: Cost  # from the command to its end
    train_seconds: list[float]  # of each trial's loop
    at_once: int  # trials that run side by side
    runs: Path  # where those of Windlass are

    @property
    def overhead(self) -> Cost:
        """What a trial costs beyond its loop, everything shared out."""
        trained = sum(self.train_seconds)
        return Cost((self.cost.value * self.at_once - trained) / len(self.train_seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """The same model at so many learning rates."""

    space: Path  # a directory for each command that runs it
    trials: int
    steps: int

    @property
    def overrides(self) -> list[str]:
        """What all trials have."""
        return [*OVERRIDES, f"trainer.max_steps={self.steps}"]

    @property
    def rates(self) -> list[str]:
        """The learning rate of each trial."""
        return [f"{1e-3 * 10 ** (number / self.trials):.6f}" for number in range(self.trials)]

    def run(self, words: list[str], *, at_once: int) -> Swept:
        """A command that runs it, in a new directory in which each trial leaves a summary.

        Raises:
            RuntimeError: it failed, or trials are missing.
        """
        directory = Path(mkdtemp(prefix="sweep-", dir=self.space))
        runs, log = directory / "runs", directory / "log"
        environment = {"WINDLASS_RUNS_DIR": str(runs)}
        before, begun = cpu_of_children(), time.perf_counter()
        started = Started(Command(words=words, events=directory / "events", log=log, environment=environment))
        try:
            code = started.process.wait()
            seconds = time.perf_counter() - begun
        finally:
            started.end()
        trained = [json.loads(path.read_text())["train_seconds"] for path in sorted(directory.rglob(SUMMARY))]
        if code or len(trained) != self.trials:
            raise RuntimeError(
                f"{words} ended with {code} after {len(trained)} of {self.trials} trials:\n{started.printed()}"
            )
        cost = Cost(seconds, cpu_of_children() - before)
        return Swept(cost=cost, train_seconds=trained, at_once=at_once, runs=runs)

    def run_ours(self) -> Swept:
        """`windlass train -m`."""
        words = [*windlass(), "train", "-m", *self.overrides, f"optimizer.lr={','.join(self.rates)}"]
        return self.run([*words, f"sweep.slots={NUM_SLOTS}", f"run_id={RUN_ID}"], at_once=NUM_SLOTS)


def cpu_of_children() -> float:
    """CPU seconds of all processes that this one started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
