"""What a person should make of a rule's interval and bound. Pure; one or two sentences a rule."""

from keepfit.pipeline.report.ruling import MAIN, Ruling
from keepfit.pipeline.report.wording import count, number

_WIDE = {"percent": 5.0, "": 0.2}
"""An interval of a main rule that is wider than this needs a word of care."""


def meaning_of(ruling: Ruling) -> str:
    """In words, where the interval lies; "" if there is none or nothing to hold it against."""
    if ruling.low is None or ruling.high is None or ruling.bound is None:
        return ""
    worst, best = _ends(ruling)
    if ruling.is_difference:
        return _against(ruling, worst, best)
    care = _care(ruling, ruling.high - ruling.low) if ruling.rule in MAIN else ""
    return _beside_bound(ruling, worst, best) + care


def _ends(ruling: Ruling) -> tuple[bool, bool]:
    """Whether the interval's worst and best ends keep the bound."""
    low, high, bound = ruling.low, ruling.high, ruling.bound
    if low is None or high is None or bound is None:
        return False, False
    if ruling.direction == "at_most":
        return high <= bound, low <= bound
    return (low > bound, high > bound) if ruling.direction == "above" else (low >= bound, high >= bound)


def _against(ruling: Ruling, worst: bool, best: bool) -> str:
    if worst:
        least, most = (ruling.low or 0.0), (ruling.high or 0.0)
        if least > 0 if ruling.direction != "at_most" else most < 0:
            return "The whole interval lies on the better side of 0: it is better, not only no worse."
        return "Even the worse end of the interval stays within what is allowed."
    if best:
        return "The interval reaches to both sides of the bound: these rows cannot tell on which side the truth lies."
    return "Even the better end of the interval lies beyond what is allowed."


def _beside_bound(ruling: Ruling, worst: bool, best: bool) -> str:
    if worst:
        return "The whole interval is on the right side of the bound: that it passes is hardly a matter of luck."
    if not best:
        return "The whole interval is on the wrong side of the bound: that it fails is hardly a matter of luck."
    if ruling.outcome == "pass":
        return "The interval reaches across the bound: with other rows of the same kind it might have failed."
    if ruling.outcome == "fail":
        return "The interval reaches across the bound: with other rows of the same kind it might have passed."
    return "The interval reaches across the bound: these rows cannot tell on which side the truth lies."


def _care(ruling: Ruling, width: float) -> str:
    if ruling.rows is None or width <= _WIDE.get(ruling.unit, float("inf")):
        return ""
    unit = " points" if ruling.unit == "percent" else ""
    return f" {count(ruling.rows)} are few: the interval is {number(width, 2)}{unit} wide, so read the score with care."
