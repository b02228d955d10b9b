"""How much of the holdout's trust is used up, as cells and a sentence. Reads metrics.json; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keepfit.pipeline.report.wording import percent

_MOST_CELLS = 40


@dataclass(frozen=True)
class Budget:
    """Decisions that these rows have made, of those that they are good for.

    `cells` are drawn one a decision, or none if they would be too many: then `width` is the share in percent.
    """

    rows: str
    looks: int
    good_for: int
    cells: tuple[bool, ...]
    width: float
    is_spent: bool
    says: str


def budgets_of(verdict: Mapping[str, Any]) -> tuple[Budget, ...]:
    """Of the holdout and of the golden set, as far as the record has them."""
    found = (_budget(name, verdict.get(name) or {}) for name in ("holdout", "golden"))
    return tuple(budget for budget in found if budget is not None)


def _budget(name: str, holdout: Mapping[str, Any]) -> Budget | None:
    looks, good_for = holdout.get("looks"), holdout.get("budget")
    if not looks or not good_for:
        return None
    cells = tuple(cell < looks for cell in range(good_for)) if good_for <= _MOST_CELLS else ()
    return Budget(
        rows=f"{name} rows",
        looks=looks,
        good_for=good_for,
        cells=cells,
        width=round(min(100.0, 100 * looks / good_for), 1),
        is_spent=looks > good_for,
        says=_says(looks, good_for, holdout.get("error_bound"), holdout.get("bound", "")),
    )


def _says(looks: int, good_for: int, error_bound: float | None, bound: str) -> str:
    if looks == 1:
        used = f"This is the first decision on these rows, of {good_for:,} that they are good for"
    else:
        used = f"These rows have now decided {looks:,} times, and are good for {good_for:,}"
    if looks > good_for:
        return f"{used}: what the gate promises holds no more. Bring fresh rows."
    if error_bound is None:
        return f"{used}."
    source = f" ({bound})" if bound else ""
    which = "its bound has" if looks == 1 else "any of their bounds has"
    return f"{used}. The chance that {which} misled is at most {percent(100 * error_bound, 0)}{source}."
