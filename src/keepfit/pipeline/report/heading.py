"""How the page is headed: what it is about, the verdict as a stamp, and in a few words why. Reads metrics.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from keepfit.pipeline.report.ruling import GOLDEN, Grouped
from keepfit.pipeline.report.wording import sentence
from keepfit.pipeline.summary import decided


@dataclass(frozen=True)
class Heading:
    """`look` is good, bad or open and stands for a colour, `icon` says the same by its shape."""

    title: str
    word: str
    look: Literal["good", "bad", "open"]
    icon: Literal["tick", "cross", "question", "person"]
    lead: str
    after: str
    tally: str


def heading_of(metrics: Mapping[str, Any], groups: Grouped) -> Heading:
    """A candidate that passed and has no version was only tried out; one that did not and has one is a person's."""
    verdict, version = metrics["verdict"], metrics["version"]
    decision, served = verdict["decision"], (verdict.get("champion") or {}).get("version")
    lead, tally = _lead(decided(verdict), groups), _tally(decision, groups)
    title = "Candidate" if version is None else f"Version {version}"
    stays = "It is not served." if served is None else f"It is not served; version {served} stays in service."
    if override := metrics.get("override"):
        who = (override.get("by") or {}).get("user") or "a person"
        why = sentence(f"promoted by {who}: {override.get('reason') or 'no reason was given'}")
        return Heading(title, "Promoted by a person", "open", "person", why, f"The gate said: {lead}", tally)
    if decision == "REJECT":
        return Heading(title, "Rejected", "bad", "cross", lead, stays, tally)
    if decision == "INCONCLUSIVE":
        return Heading(title, "Inconclusive", "open", "question", lead, stays, tally)
    if version is None:
        return Heading(title, "Passed", "good", "tick", lead, "It was tried out, and is not served.", tally)
    return Heading(title, "Promoted", "good", "tick", lead, "", tally)


def _lead(text: str, groups: Grouped) -> str:
    """As a sentence; a name of the data at its start stays as it is."""
    subject = groups.decided[0].subject if groups.decided else ""
    is_name = bool(subject) and subject != GOLDEN and text.startswith(subject)
    return f"{text}." if is_name else sentence(text)


def _tally(decision: str, groups: Grouped) -> str:
    """How many rules did what."""
    deciding, passed = len(groups.decided), len(groups.passed)
    if decision == "PROMOTE":
        rules = deciding + passed
        return "the only rule passed" if rules == 1 else f"all {rules:,} rules passed"
    undecided = len(groups.undecided) + (deciding if decision == "INCONCLUSIVE" else 0)
    failed = deciding if decision == "REJECT" else 0
    parts = [(failed, "failed"), (undecided, "cannot tell"), (passed, "passed")]
    return ", ".join(f"{number:,} {word}" for number, word in parts if number)
