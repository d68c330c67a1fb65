"""Writes runs into trackio's data base, as many and as long as it is told; where that lies, TRACKIO_DIR says."""

from __future__ import annotations

import argparse

from trackio.sqlite_storage import SQLiteStorage

from tests.benchmarks.dashboard_runs import FEW_METRICS, few_rows


def main() -> None:
    """Each run in one transaction, which is the quickest way that it has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project")
    parser.add_argument("runs", type=int)
    parser.add_argument("steps", type=int)
    arguments = parser.parse_args()
    for number in range(arguments.runs):
        rows = [{name: row[name] for name in FEW_METRICS} for row in few_rows(number, arguments.steps)]
        SQLiteStorage.bulk_log(arguments.project, f"run{number:02}", rows)


if __name__ == "__main__":
    main()
