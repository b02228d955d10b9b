"""A verdict in one line that a person on a phone understands: what decided, with its numbers, and what to do. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_MOST_REASONS = 2
_LONGEST = 200
_INTERVAL = re.compile(r"\([\d.]+ % interval ([^(),]+)[^()]*\)")
_ASIDE = re.compile(r" \([^()]*\b(?:interval|rows?|version before)\b[^()]*\)")
"""What the gate's sentences say in passing: intervals and counts. They stand in the report."""


def decided(verdict: Mapping[str, Any]) -> str:
    """What the verdict rests on, in the gate's words without asides; at most two rules, the others counted."""
    if verdict["decision"] == "PROMOTE":
        return _short(verdict["reason"])
    # where the rows cannot tell, the interval is what decided
    kept = r"(\1)" if verdict["decision"] == "INCONCLUSIVE" else r"\g<0>"
    return _listed(verdict, [_short(_INTERVAL.sub(kept, reason)) for reason in _reasons(verdict)])


def judged(verdict: Mapping[str, Any]) -> str:
    """The same for a terminal: with intervals and counts."""
    return verdict["reason"] if verdict["decision"] == "PROMOTE" else _listed(verdict, _reasons(verdict))


def summary(verdict: Mapping[str, Any], served: int | None) -> str:
    """The line for notifications; `served` is the version that was in service, None if none was."""
    if verdict["decision"] == "PROMOTE":
        undo = "" if served is None else f". To go back to version {served}: keepfit rollback"
        return f"{decided(verdict)}{undo}"
    stays = "Nothing is served yet" if served is None else f"Version {served} stays in service"
    change = _first_change(verdict)
    return f"{decided(verdict)}. {stays}{f'. What it takes: {change}' if change else ''}"


def brief(reason: str) -> str:
    """A reason of the gate without what it says in passing."""
    return _ASIDE.sub("", reason)


def _short(reason: str) -> str:
    """And not longer than a few lines."""
    text = brief(reason)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _outcome(rule: Mapping[str, Any]) -> str:
    outcome: str = rule.get("outcome", "pass" if rule.get("passed") else "fail")
    return outcome


def _reasons(verdict: Mapping[str, Any]) -> list[str]:
    deciding = "fail" if verdict["decision"] == "REJECT" else "inconclusive"
    return [rule["reason"] for rule in verdict["rules"] if _outcome(rule) == deciding]


def _listed(verdict: Mapping[str, Any], reasons: Sequence[str]) -> str:
    more = len(reasons) - _MOST_REASONS
    if more > 0:
        words = "failed" if verdict["decision"] == "REJECT" else "cannot tell"
        return f"{'; '.join(reasons[:_MOST_REASONS])}; {more} more rule{'s' if more > 1 else ''} {words}"
    return "; ".join(reasons)


def _first_change(verdict: Mapping[str, Any]) -> str:
    """The first way out of the first rule that has one."""
    deciding = "fail" if verdict["decision"] == "REJECT" else "inconclusive"
    changes = [rule.get("change", "") for rule in verdict["rules"] if _outcome(rule) == deciding]
    return _short(next((change.partition("; or")[0] for change in changes if change), ""))
