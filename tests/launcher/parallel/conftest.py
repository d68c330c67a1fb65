"""Results of the parity matrix: processes start once for each world size and run all of its cases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from launcher.config.compose import compose, to_yaml
from tests.launcher.parallel import footprint, matrix, resharding
from tests.launcher.parallel.cases import ALONE, Case
from tests.launcher.parallel.processes import start, wait

PATIENCE_S = 240


@pytest.fixture(scope="session")
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Any]:
    """A function that gives what process 0 found when a case was trained."""
    cases = collected(request)
    alone = {ALONE[case.model].name: ALONE[case.model] for case in cases}
    return measured([*cases, *alone.values()], matrix.__file__, tmp_path_factory)


@pytest.fixture(scope="session")
def held(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Any]:
    """A function that gives what each process of a case held."""
    return measured(collected(request), footprint.__file__, tmp_path_factory, each=True)


@pytest.fixture(scope="session")
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Path]:
    """A function that gives where the checkpoint of a case lies; all of one world size are taken together."""
    place = tmp_path_factory.mktemp("saved")
    cases = with_alone(collected(request))
    saving = {
        case.name: replace(case, strategy=(*case.strategy, f"tracker.group='{place / case.name}'")) for case in cases
    }
    results = measured(list(saving.values()), resharding.__file__, tmp_path_factory)

    def directory(case: Case) -> Path:
        results(saving[case.name])
        return place / case.name

    return directory


@pytest.fixture(scope="session")
def resumed(
    request: pytest.FixtureRequest, saved: Callable[[Case], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Case], Any]:
    """A function that gives what process 0 found when a case went on from the checkpoint of the next one."""
    cases = with_alone(collected(request))

    @cache
    def loading() -> tuple[dict[str, Case], Callable[[Case], Any]]:
        found = {}
        for case in cases:
            alike = [other for other in cases if other.model == case.model]
            giver = alike[(alike.index(case) + 1) % len(alike)]
            found[case.name] = replace(case, strategy=(*case.strategy, f"init_from='{saved(giver)}'"))
        return found, measured(list(found.values()), resharding.__file__, tmp_path_factory)

    def result(case: Case) -> Any:
        going_on, results = loading()
        return results(going_on[case.name])

    return result


@pytest.fixture(scope="session")
def undisturbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Any]:
    """A function that gives what a case alone finds in its second half when nothing comes between."""
    alone = {ALONE[case.model].name: ALONE[case.model] for case in collected(request)}
    return measured(list(alone.values()), resharding.__file__, tmp_path_factory)


def with_alone(cases: list[Case]) -> list[Case]:
    """Each case once, and one process for each of their models."""
    return list({case.name: case for case in [*cases, *(ALONE[case.model] for case in cases)]}.values())


def collected(request: pytest.FixtureRequest) -> list[Case]:
    """Cases of all tests that are about to run with a fixture."""
    return [
        item.callspec.params["case"]
        for item in request.session.items
        if request.fixturename in getattr(item, "fixturenames", ()) and "case" in item.callspec.params
    ]


def measured(
    cases: list[Case], script: str, tmp_path_factory: pytest.TempPathFactory, *, each: bool = False
) -> Callable[[Case], Any]:
    """A function that gives what a case found, on `each` process or on the first, or fails with its traceback.

    Processes start once for each world size, when a case of it is asked for.
    """
    wanted = {case.name: case for case in cases}

    @cache
    def results(processes: int) -> dict[str, Any]:
        fitting = [case for case in wanted.values() if case.processes == processes]
        return run_all(fitting, script, tmp_path_factory.mktemp(f"processes{processes}_"))

    def result(case: Case) -> Any:
        found = results(case.processes)[case.name]
        if isinstance(found, str):
            pytest.fail(found, pytrace=False)
        return found if each else found[0]

    return result


def run_all(cases: list[Case], script: str, directory: Path) -> dict[str, Any]:
    """What each process found in each case, or why the case failed; the others go on in new processes."""
    for case in cases:
        (directory / f"{case.name}.yaml").write_text(to_yaml(compose(case.overrides)), encoding="utf-8")
    results: dict[str, Any] = {}
    while remaining := [case for case in cases if case.name not in results]:
        workers = start(remaining[0].processes, [script, str(directory), *(case.name for case in remaining)], directory)
        trouble = wait(workers, progress=lambda: len(list(directory.glob("*.pt"))), patience_s=PATIENCE_S)
        for case in remaining:
            files = [directory / f"{case.name}.{rank}.pt" for rank in range(case.processes)]
            if all(file.exists() for file in files):
                results[case.name] = [torch.load(file) for file in files]
        failed = next((case.name for case in remaining if case.name not in results), None)
        if failed is not None:
            errors = [path.read_text() for path in sorted(directory.glob(f"{failed}.*.error"))]
            logs = [path.read_text(errors="replace")[-2000:] for path in sorted(directory.glob("rank*.log"))]
            results[failed] = "\n\n".join([str(trouble), *(errors or logs)])
    return results
