"""Runs that share a value of a column."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from launcher.dashboard.views.columns import Column
from launcher.dashboard.views.literals import order, text_of
from launcher.dashboard.views.plain import plain

if TYPE_CHECKING:
    from launcher.dashboard.index.index import Row

MISSING = "–"
"""What the group of those without a value is called, in any language."""
LARGER_IS_BETTER = re.compile(r"acc|f1|precision|recall|auc|score|bleu|rouge|r2|mfu|reward|return|per_second", re.I)


@dataclass(slots=True, kw_only=True)
class Group:
    """All rows of one value."""

    name: str  # the value, as it is typed
    order: tuple[int, Any]
    is_expanded: bool
    metric: Column | None  # what says which run is the best
    rows: list[Row] = field(default_factory=list)

    def to_plain(self) -> dict[str, Any]:
        """As `GET /api/runs` answers it; `key_rows` is how many of its rows are in the list of rows."""
        return {
            "value": self.name,
            "count": len(self.rows),
            "states": dict(Counter(row.glance.state for row in self.rows)),
            "best": self._best(),
            "key_rows": len(self.rows) if self.is_expanded else 0,
        }

    def _best(self) -> dict[str, Any] | None:
        """The metric's best finite value and whose it is."""
        if self.metric is None:
            return None
        values = [(self.metric.value(row), row.key) for row in self.rows]
        finite = [(value, key) for value, key in values if isinstance(value, int | float) and math.isfinite(value)]
        if not finite:
            return None
        value, key = (max if LARGER_IS_BETTER.search(self.metric.name) else min)(finite)
        return {"metric": self.metric.name, "value": plain(value), "key": key}


def divide(rows: Iterable[Row], column: Column, *, expanded: Sequence[str], metric: Column | None) -> list[Group]:
    """Rows by their value of a column, in the order of values; within a group they keep theirs."""
    joined = f",{','.join(expanded)},"  # names may hold the comma that stands between them in an address
    groups: dict[str, Group] = {}
    for row in rows:
        value = column.value(row)
        name = MISSING if value is None or value == [] else text_of(value)
        if name not in groups:
            groups[name] = Group(
                name=name,
                order=order(value),
                is_expanded=name in expanded or ("," in name and f",{name}," in joined),
                metric=metric,
            )
        groups[name].rows.append(row)
    return sorted(groups.values(), key=lambda group: group.order)
