"""A sweep of many small trials on two slots: `windlass train -m` beside Hydra's launchers and Optuna.

They run the same jobs of `windlass train`, and then trials that were written by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median

from launcher.sweeps.ledger import Ledger
from tests.benchmarks import sweep_memory
from tests.benchmarks.report import Cost, Row, say
from tests.benchmarks.sweep_commands import NUM_SLOTS, RUN_ID, Sweep, Swept
from tests.benchmarks.sweep_rivals import RIVALS, by_hand, with_jobs

LIMIT = 0.25
TRIAL_LIMIT_S = 0.15
REPEATS, TRIALS, STEPS = 3, 40, 900
"""A trial trains for about a second on one core."""
RIVAL_TRIALS = 8
"""A job takes the others several seconds."""
WARM_UP_TRIALS, WARM_UP_STEPS = 2, 20

OURS = "Windlass"
BEST = "the best of these"

Name = tuple[str, str]  # what a trial is, and what runs the sweep


def measure(
    space: Path, *, repeats: int | None, steps: int | None, trials: int | None = None, rival_trials: int | None = None
) -> list[Row]:
    """Sweeps one after the other, in turns; a short one of each before fills the system's caches."""
    repeats, steps, trials = repeats or REPEATS, steps or STEPS, trials or TRIALS
    rival_trials = min(trials, rival_trials or RIVAL_TRIALS)
    say(
        f"sweeps: {repeats} times {trials} trials of {steps} steps on {NUM_SLOTS} slots; others run {rival_trials} jobs"
    )
    warm_up = Sweep(space=space, trials=WARM_UP_TRIALS, steps=WARM_UP_STEPS)
    for sweep in ways(warm_up, warm_up).values():
        sweep()
    whole, part = (Sweep(space=space, trials=number, steps=steps) for number in (trials, rival_trials))
    swept = in_turns(ways(whole, part), repeats)
    return [
        *rows_of_jobs(swept, whole, part),
        *rows_by_hand(swept, whole),
        row_of_slots(swept),
        *sweep_memory.measure(space, repeats=repeats),
    ]


def ways(whole: Sweep, part: Sweep) -> dict[Name, Callable[[], Swept]]:
    """The same sweep, each way; the others run only a part of it where a trial is a job."""
    jobs = {("jobs", other): run for other, run in with_jobs(part).items()}
    scripts = {("by hand", other): run for other, run in by_hand(whole).items()}
    return {("jobs", OURS): whole.run_ours, **jobs, **scripts}


def in_turns(sides: dict[Name, Callable[[], Swept]], repeats: int) -> dict[Name, list[Swept]]:
    """Runs every sweep so many times."""
    swept: dict[Name, list[Swept]] = {name: [] for name in sides}
    for repeat in range(repeats):
        for name in list(sides)[:: 1 if repeat % 2 == 0 else -1]:
            last = sides[name]()
            swept[name].append(last)
            wall, trained, more = last.cost.value, median(last.train_seconds), last.overhead.value
            say(f"  {', '.join(name)}: {wall:.1f} s; of a trial {trained:.2f} s training, {more:.2f} s beyond")
    return swept


def rows_of_jobs(swept: dict[Name, list[Swept]], whole: Sweep, part: Sweep) -> list[Row]:
    """The wall time of the same jobs; that of the others is multiplied where they ran a part of them."""
    factor = whole.trials / part.trials
    scaled = "" if factor == 1 else f"; others: {part.trials} jobs, times {factor:.3g}"
    theirs = {other: [times(each.cost, factor) for each in swept["jobs", other]] for other in RIVALS}
    best = [min(costs, key=lambda cost: cost.value) for costs in zip(*theirs.values(), strict=True)]
    return [
        Row(
            name=f"{whole.trials} jobs on {NUM_SLOTS} slots{scaled}",
            unit="s",
            other=other,
            ours=[each.cost for each in swept["jobs", OURS]],
            theirs=costs,
            limit=LIMIT if other == BEST else None,
        )
        for other, costs in {**theirs, BEST: best}.items()
    ]


def rows_by_hand(swept: dict[Name, list[Swept]], whole: Sweep) -> list[Row]:
    """Our jobs beside trials written by hand: wall time, and what a trial costs beyond its loop."""
    measures: dict[tuple[str, str], Callable[[Swept], Cost]] = {
        (f"{whole.trials} trials on {NUM_SLOTS} slots; others: by hand", "s"): lambda each: each.cost,
        ("of a trial, all but training; others: by hand", "ms"): lambda each: each.overhead,
    }
    return [
        Row(
            name=name,
            unit=unit,
            other=other,
            ours=[cost(each) for each in swept["jobs", OURS]],
            theirs=[cost(each) for each in swept["by hand", other]],
            limit=None,
        )
        for (name, unit), cost in measures.items()
        for other in RIVALS
    ]


def row_of_slots(swept: dict[Name, list[Swept]]) -> Row:
    """How long a trial keeps a slot that it does not use."""
    ours = [Cost(beyond(each)) for each in swept["jobs", OURS]]
    return Row(
        name="a slot held beyond training, median trial",
        unit="ms",
        other="150 ms promised",
        ours=ours,
        theirs=[Cost(TRIAL_LIMIT_S)] * len(ours),
        limit=1.0,
    )


def beyond(swept: Swept) -> float:
    """The median over trials of the seconds that they held a slot and did not train."""
    trials = Ledger(swept.runs / "sweeps" / RUN_ID / "ledger.jsonl").trials
    return median(
        trial.ended - trial.begun - trained for trial, trained in zip(trials, swept.train_seconds, strict=True)
    )


def times(cost: Cost, factor: float) -> Cost:
    """So many times as much."""
    return Cost(cost.value * factor, None if cost.cpu_s is None else cost.cpu_s * factor)
