"""How numbers read on the page. Pure."""

import math
from collections.abc import Iterable


def number(value: float | None, digits: int = 4) -> str:
    """So many significant digits, with thousands separators; "–" for what is no number."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if not -4 <= magnitude < 9:
        return scientific(value, digits - 1)
    text = f"{value:,.{max(0, digits - 1 - magnitude)}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")


def scientific(value: float, digits: int) -> str:
    """So many significant digits and a power of ten if the number is very large or very small: 1.2e−7."""
    mantissa, exponential, power = f"{value:.{digits}g}".partition("e")
    return (mantissa + (f"e{int(power)}" if exponential else "")).replace("-", "−")


def percent(value: float | None, digits: int = 2) -> str:
    """A percentage with its sign, with more digits if it would else read as 0 or 100 without being it; "–" for none."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{beside(value, (0.0, 100.0), digits)} %"


def beside(value: float, bounds: Iterable[float], digits: int) -> str:
    """The value in so many decimals, or in as many as it takes to read on the same side of each bound."""
    value, sides = float(value), [(bound, _side(value, bound)) for bound in bounds]
    texts = (f"{value:.{more}f}" for more in range(digits, 10))
    return next(
        (text for text in texts if all(_side(float(text), bound) == side for bound, side in sides)), repr(value)
    )


def quantity(value: float, unit: str, bounds: Iterable[float] = (), *, signed: bool = False) -> str:
    """A number of the gate with its unit: percent, points, ratio, ms, bytes, or none."""
    if not math.isfinite(value):
        return "–"
    if unit == "bytes":
        return size(value)
    if unit == "ms" or abs(value) >= 1e6 or (value == 0 and not unit):
        text = number(value, 3 if unit == "ms" else 4)
    elif unit:
        ends = (0.0, 100.0) if unit == "percent" and not signed else (0.0,)
        text = beside(value, (*bounds, *ends), 2)
    else:
        # four digits, and no more than four decimals, but never a perfect 0 or 1 that is none
        text = beside(value, (*bounds, 0.0, 1.0), min(4, max(0, 3 - math.floor(math.log10(abs(value))))))
    text += {"percent": " %", "points": " points", "ratio": " times", "ms": " ms"}.get(unit, "")
    text = text.replace("-", "−")
    return f"+{text}" if signed and value > 0 else text


def size(value: float) -> str:
    """Bytes in the unit that suits them."""
    for name, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= factor:
            return f"{number(value / factor, 3)} {name}"
    return count(round(value), "byte")


def share(part: float, digits: int = 1) -> str:
    """A share between 0 and 1 as a percentage."""
    return percent(100 * part, digits)


def count(rows: int, noun: str = "row") -> str:
    """So many of a thing, with its plural."""
    return f"{rows:,} {noun}" if rows == 1 else f"{rows:,} {noun}s"


def seconds(value: float) -> str:
    """A duration: milliseconds, seconds, or minutes and seconds."""
    if value < 0.9995:
        return f"{1000 * value:.0f} ms"
    if value < 100:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def shortened(text: str, most: int) -> str:
    """The text, its middle left out if it is longer than `most` characters."""
    if len(text) <= most:
        return text
    kept = most - 1
    return f"{text[: kept - kept // 3]}…{text[len(text) - kept // 3 :]}"


def sentence(text: str) -> str:
    """The text with a capital first letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def _side(value: float, bound: float) -> int:
    return int(value > bound) - int(value < bound)
