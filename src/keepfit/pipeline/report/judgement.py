"""The verdict ready to be laid out: which rules lead with a large picture, which follow, and what would change it."""

from collections.abc import Sequence
from dataclasses import dataclass

from keepfit.pipeline.report.gauge import Gauge, gauge_of
from keepfit.pipeline.report.meaning import meaning_of
from keepfit.pipeline.report.ruling import MAIN, Grouped, Ruling, grouped

_MOST_LEADING = 2
_MOST_SLICES = 8
"""Listed among the rules; all of them stand in a table of their own."""
_MOST_CHANGES = 8
_FEW = 4


@dataclass(frozen=True)
class Line:
    """A rule with its picture, None if it has no numbers to draw, and what to make of it."""

    ruling: Ruling
    gauge: Gauge | None
    meaning: str = ""


@dataclass(frozen=True)
class Group:
    """Rules that did the same. `hidden` of them are not listed here, for they stand among the slices."""

    name: str
    lines: tuple[Line, ...]
    hidden: int = 0


@dataclass(frozen=True)
class Change:
    """What would change the outcome of some rules, "" for all of them."""

    titles: str
    text: str


@dataclass(frozen=True)
class Judgement:
    """`leading` decided and are drawn large, `following` decided as well; `others` are all other rules."""

    groups: Grouped
    leading: tuple[Line, ...]
    following: Group
    others: tuple[Group, ...]
    changes: tuple[Change, ...]

    @property
    def few_others(self) -> bool:
        """Whether all other rules find room beside a single leading one."""
        alone = len(self.leading) == 1 and not self.following.lines and not self.changes
        return alone and len(self.others) == 1 and len(self.others[0].lines) <= _FEW


def judgement_of(rulings: Sequence[Ruling], decision: str) -> Judgement:
    """Lay out the rules of a verdict."""
    groups = grouped(rulings, decision)
    leading = _leading(groups.decided)
    following = [ruling for ruling in groups.decided if not any(ruling is one for one in leading)]
    others = (_group("Could not tell either", groups.undecided), _group(_passed(decision), groups.passed))
    return Judgement(
        groups=groups,
        leading=tuple(Line(ruling, gauge_of(ruling), meaning_of(ruling)) for ruling in leading),
        following=_group("", following),
        others=tuple(group for group in others if group.lines or group.hidden),
        changes=_changes(groups.decided),
    )


def _leading(decided: Sequence[Ruling]) -> list[Ruling]:
    """The main rules among them, or else the first; of the others none stands out."""
    main = [ruling for ruling in decided if ruling.rule in MAIN]
    return (main or list(decided))[:_MOST_LEADING]


def _changes(decided: Sequence[Ruling]) -> tuple[Change, ...]:
    """One for each rule that decided, or for all of one text together; of very many the first."""
    texts: dict[str, list[str]] = {}
    for ruling in decided:
        if ruling.outcome != "pass" and ruling.change:
            texts.setdefault(ruling.change, []).append(ruling.title)
    found = [Change("" if len(texts) == 1 else ", ".join(titles), text) for text, titles in texts.items()]
    more = len(found) - _MOST_CHANGES
    return (*found[:_MOST_CHANGES], Change("", f"and {more:,} more, in metrics.json")) if more > 0 else tuple(found)


def _passed(decision: str) -> str:
    return "Passed as well" if decision == "PROMOTE" else "Passed"


def _group(name: str, rulings: Sequence[Ruling]) -> Group:
    """A group's lines; of slices only the first ones that did not pass."""
    bad = [ruling for ruling in rulings if ruling.is_slice and ruling.outcome != "pass"]
    shown = set(map(id, bad[:_MOST_SLICES]))
    listed = [ruling for ruling in rulings if not ruling.is_slice or id(ruling) in shown]
    return Group(name, tuple(Line(ruling, gauge_of(ruling)) for ruling in listed), len(rulings) - len(listed))
