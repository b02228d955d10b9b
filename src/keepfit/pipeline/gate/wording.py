"""How the gate's sentences write numbers. Pure."""

from collections.abc import Iterable


def beside(value: float, bounds: Iterable[float], digits: int = 2) -> str:
    """The value in so many decimals, or in as many as it takes to read on the same side of each bound."""
    near = list(bounds)
    for more in range(digits, 9):
        text = f"{value:.{more}f}"
        if all((float(text) >= bound) == (value >= bound) for bound in near):
            return text.replace("-", "−")
    return repr(value).replace("-", "−")


def signed(value: float, bounds: Iterable[float] = (), digits: int = 2) -> str:
    """The same with its sign: a difference."""
    text = beside(value, bounds, digits)
    return text if text.startswith("−") or float(text) == 0 else f"+{text}"


def number(value: float, bounds: Iterable[float] = ()) -> str:
    """A bare number in four decimals, or more beside a bound, or in four digits if it is large."""
    return f"{value:.4g}".replace("-", "−") if abs(value) >= 100 else beside(value, bounds, 4)


def interval(low: float, high: float, confidence: float, unit: str = "") -> str:
    """ "90 % interval −0.21 to 0.32"."""
    return f"{100 * confidence:g} % interval {low:.2f} to {high:.2f}{unit}".replace("-", "−")


def rows(count: int) -> str:
    """ "1 row", "2,000 rows"."""
    return f"{count:,} row{'' if count == 1 else 's'}"


def wanted(rows_needed: int | None, which: str = "holdout") -> str:
    """What a person may do about too few rows."""
    if rows_needed is None:
        return "more rows than can be had: the difference lies at the bound itself"
    return f"about {rounded_up(rows_needed):,} {which} rows, which would tell in 4 of 5 cases if it stays like this"


def rounded_up(count: int) -> int:
    """Two digits of it, upwards: for estimates."""
    step = int(10 ** max(0, len(str(count)) - 2))
    return -(-count // step) * step
