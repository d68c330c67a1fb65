"""What each process holds, measured: its share, and never the whole model."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.launcher.parallel.cases import Case

_SIZES = ["width=192", "mlp_width=576", "num_layers=16", "num_heads=4", "num_kv_heads=4", "sequence_length=8"]
LARGE = tuple(f"model.{size}" for size in _SIZES)
"""So many parameters that a micro batch of 8 tokens weighs little against them."""


def made(name: str, processes: int, *strategy: str, data: int = 1, micros: int = 1) -> Case:
    """A case of a large model and a small batch."""
    return Case(name=name, processes=processes, model="deep", strategy=(*strategy, *LARGE), data=data, micros=micros)


SHARDED = [
    (made("fsdp", 2, "strategy=fsdp", data=2), 2),
    (made("pp", 2, "strategy=pp", micros=2), 2),
    (made("tp", 2, "strategy=tp"), 2),
    (made("hsdp", 4, "strategy=hsdp", data=4), 2),
    (made("fsdp x tp", 4, "strategy=fsdp_tp", data=2), 4),
]
FOUR_WAYS = [
    made("fsdp over 4", 4, "strategy=fsdp", data=4),
    made("pp over 4", 4, "strategy=pp", micros=8),
    made("tp over 4", 4, "strategy=tp", micros=8),
]


def marks(case: Case) -> list[pytest.MarkDecorator]:
    """Many processes start slowly."""
    return [pytest.mark.slow] if case.processes > 2 else []


TOLERANCE = 0.02

Held = Callable[[Case], list[dict[str, int]]]
"""What each process of a case measured, see footprint.py."""


@pytest.mark.parametrize(
    ("case", "shards"), [pytest.param(case, n, id=case.name, marks=marks(case)) for case, n in SHARDED]
)
@pytest.mark.parametrize(("kind", "copies"), [("parameters", 1), ("gradients", 1), ("optimizer", 2)])
def test_each_process_holds_its_share(case: Case, shards: int, kind: str, copies: int, held: Held) -> None:
    for process in held(case):
        # Scales of norms are not split by tensor parallelism.
        whole = process["vectors"] if case.name == "tp" else 0
        share = copies * ((process["total"] - whole) / shards + whole)
        assert process[kind] == pytest.approx(share, rel=TOLERANCE)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name, marks=marks(case)) for case, _ in SHARDED])
def test_no_process_holds_the_whole_model_while_it_is_built(case: Case, held: Held) -> None:
    for process in held(case):
        assert process["built"] < process["total"]


@pytest.mark.slow
@pytest.mark.parametrize("case", FOUR_WAYS, ids=[case.name for case in FOUR_WAYS])
def test_no_process_ever_holds_as_much_as_the_model_gradients_and_activations_included(case: Case, held: Held) -> None:
    for process in held(case):
        assert process["stepped"] < process["total"]


@pytest.mark.parametrize("case", [made("one process", 1, "strategy=single")], ids=["single"])
def test_one_process_holds_the_whole_model_so_the_measure_sees_it(case: Case, held: Held) -> None:
    (process,) = held(case)
    assert process["total"] <= process["built"] < 1.2 * process["total"]
