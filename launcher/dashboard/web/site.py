"""What every answer is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request

from launcher.dashboard.web.answers import MissingError, Work

if TYPE_CHECKING:
    from launcher.dashboard.index.index import Index, Row
    from launcher.dashboard.reading.opened import OpenRun
    from launcher.dashboard.views.open_runs import OpenRuns
    from launcher.dashboard.views.sweep import Sweeps
    from launcher.dashboard.web.control import Control
    from launcher.dashboard.web.live import Live


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What one server shows. Runs and sweeps are reached by the index's keys alone, so by no path from outside."""

    index: Index
    runs: OpenRuns
    sweeps: Sweeps
    work: Work
    live: Live
    control: Control | None  # None where the server is read-only

    def row(self, key: str) -> Row:
        """What the index knows of a run.

        Raises:
            MissingError: there is none of this key.
        """
        row = self.index.row(key)
        if row is None:
            raise MissingError(f"there is no run {key[:40]!r} here; it may have been deleted")
        return row

    def run(self, key: str) -> OpenRun:
        """A run, read up to now; MissingError as `row`."""
        run = self.runs.get(key)
        if run is None:
            raise MissingError(f"there is no run {key[:40]!r} here; it may have been deleted")
        return run


def site_of(request: Request) -> Site:
    """The site that a request came to."""
    site: Site = request.app.state.site
    return site
