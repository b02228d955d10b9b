"""How often the gate errs: many weeks of models whose true accuracy is known, judged by the real `decide`.

    python benchmarks/gate_simulation.py [--years 200] [--seed 1]

The champion is right on 98 % of all rows; 97 % is asked for, and no more than half a point may be lost. Each year has
52 candidates of one kind; kinds and gates are described where they stand. The control is the bare point gate.
Prints Markdown, which stands in docs/gate.md.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from keepfit.config import GateConfig
from keepfit.pipeline.evaluate import Evaluation
from keepfit.pipeline.gate import Decision, Evidence, decide
from keepfit.pipeline.gate.evidence import Champion, Comparison
from keepfit.pipeline.statistics import chance_to_pass, clopper_pearson, critical_value

WEEKS = 52
ROWS = (200, 1_000, 2_000, 5_000)
CHAMPION = 0.98


@dataclass(frozen=True)
class Kind:
    """A kind of candidate: its true accuracy, the share of rows on which it differs from the champion, what it is."""

    name: str
    accuracy: float
    differing: float


BAD = Kind("true accuracy 96 %, 2 points below the champion", 0.96, 0.03)
EDGE = Kind("true accuracy 97.5 %, worse by exactly the margin", 0.975, 0.02)
BELOW = Kind("true accuracy just below 97 %, in a field without champion", 0.9699999, 0.0)
GOOD = Kind("as good as the champion, differing on 0.4 % of the rows", 0.98, 0.004)
BETTER = Kind("true accuracy 98.5 %, half a point better", 0.985, 0.012)

POINT = GateConfig.model_validate({"champion": {"test": "off"}})
STRICT = GateConfig.model_validate({"strict": True, "champion": {"test": "off"}})
OURS = GateConfig()
OURS_STRICT = GateConfig(strict=True)
YEARLY = GateConfig(confidence=1 - 0.05 / WEEKS)
GATES = {"point gate": POINT, "strict": STRICT, "with champion": OURS, "both": OURS_STRICT, "at 0.999": YEARLY}


@dataclass(frozen=True)
class Counts:
    """What one week's holdout shows."""

    rows: int
    correct: int
    gained: int
    lost: int


def verdict(counts: Counts, rules: GateConfig, *, has_champion: bool) -> Decision:
    """The real gate's decision on these counts."""
    return _judge(counts, rules.model_dump_json(), has_champion)


@cache
def _judge(counts: Counts, rules: str, has_champion: bool) -> Decision:
    mine = _evaluation(counts.rows, counts.correct)
    champion = None
    if has_champion:
        before = _evaluation(counts.rows, counts.correct - counts.gained + counts.lost)
        comparison = Comparison(before, counts.gained + counts.lost, counts.gained, counts.lost)
        champion = Champion(1, comparison)
    return decide(Evidence(mine, champion), GateConfig.model_validate_json(rules)).decision


def _evaluation(rows: int, correct: int) -> Evaluation:
    low, high = clopper_pearson(correct, rows, 0.95)
    return Evaluation("binary", rows, True, 0.1, correct, 100 * correct / rows, 100 * low, 100 * high, 50.0)


def draw(kind: Kind, rows: int, weeks: int, random: np.random.Generator) -> list[Counts]:
    """Weeks with fresh rows each."""
    chances = _chances(kind)
    return [
        Counts(rows, int(both + gained), int(gained), int(lost))
        for both, gained, lost, _ in random.multinomial(rows, chances, weeks)
    ]


def draw_reused(kind: Kind, rows: int, weeks: int, random: np.random.Generator) -> list[Counts]:
    """Weeks with the same rows: the champion's answers stay, and some rows are harder for every candidate."""
    both, gained, lost, _ = _chances(kind)
    champion = random.random(rows) < both + lost
    hardness = random.beta(0.5, 0.5, rows) * 2
    wrong = np.minimum(1.0, np.where(champion, hardness * lost / (both + lost), 0.0))
    right = np.minimum(1.0, np.where(champion, 0.0, hardness * gained / max(1 - both - lost, 1e-12)))
    weeks_counts = []
    for _week in range(weeks):
        chance = random.random(rows)
        lost_rows, gained_rows = int(np.sum(chance < wrong)), int(np.sum(chance < right))
        correct = int(champion.sum()) - lost_rows + gained_rows
        weeks_counts.append(Counts(rows, correct, gained_rows, lost_rows))
    return weeks_counts


def _chances(kind: Kind) -> tuple[float, float, float, float]:
    """Of: both right, only the candidate, only the champion, none."""
    if kind.differing == 0:
        return kind.accuracy, 0.0, 0.0, 1 - kind.accuracy
    gained = (kind.differing + kind.accuracy - CHAMPION) / 2
    lost = kind.differing - gained
    return CHAMPION - lost, gained, lost, 1 - CHAMPION - gained


@dataclass(frozen=True)
class Shares:
    """Of all weeks, and of all years that have at least one such week."""

    promoted: float
    rejected: float
    inconclusive: float
    years_with_promotion: float


Draw = Callable[[Kind, int, int, np.random.Generator], list[Counts]]


def simulate(
    kind: Kind, rules: GateConfig, rows: int, years: int, random: np.random.Generator, how: Draw = draw
) -> Shares:
    """Judge so many years of weekly candidates of one kind."""
    has_champion = kind.differing > 0
    decisions: NDArray[np.str_] = np.array(
        [[verdict(week, rules, has_champion=has_champion) for week in how(kind, rows, WEEKS, random)]
         for _ in range(years)]
    )  # fmt: skip
    promoted = decisions == "PROMOTE"
    return Shares(
        float(promoted.mean()),
        float((decisions == "REJECT").mean()),
        float((decisions == "INCONCLUSIVE").mean()),
        float(promoted.any(axis=1).mean()),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    print(f"{arguments.years} years of 52 candidates each, seed {arguments.seed}\n")
    for kind in (BAD, EDGE, BELOW):
        _table(f"Bad: {kind.name}. Promoted, a look", kind, lambda s: s.promoted, arguments.years, random)
    for kind in (GOOD, BETTER):
        _table(f"Good: {kind.name}. Promoted", kind, lambda s: s.promoted, arguments.years, random)
        _table(
            f"Good: {kind.name}. Rejected (the rest is inconclusive)",
            kind,
            lambda s: s.rejected,
            arguments.years,
            random,
        )
    _year_table(BAD, arguments.years, random)
    _year_table(EDGE, arguments.years, random)
    _power_table()


def _table(title: str, kind: Kind, value: Callable[[Shares], float], years: int, random: np.random.Generator) -> None:
    gates = {name: gate for name, gate in GATES.items() if kind.differing or name in ("point gate", "strict")}
    print(f"{title}:\n\n| rows | {' | '.join(gates)} |\n| ---: |{' ---: |' * len(gates)}")
    for rows in ROWS:
        cells = [_percent(value(simulate(kind, gate, rows, years, random))) for gate in gates.values()]
        print(f"| {rows:,} | {' | '.join(cells)} |")
    print()


def _year_table(kind: Kind, years: int, random: np.random.Generator) -> None:
    """Whether a year of bad candidates only lets one through: fresh rows every week, or the same rows all year."""
    print(f"Years of 52 bad candidates ({kind.name}) with a promotion, fresh rows a week / the same rows all year:\n")
    print(f"| rows | {' | '.join(GATES)} |\n| ---: |{' ---: |' * len(GATES)}")
    for rows in ROWS:
        cells = []
        for gate in GATES.values():
            fresh = simulate(kind, gate, rows, years, random).years_with_promotion
            reused = simulate(kind, gate, rows, years, random, draw_reused).years_with_promotion
            cells.append(f"{_percent(fresh)} / {_percent(reused)}")
        print(f"| {rows:,} | {' | '.join(cells)} |")
    print()


def _power_table() -> None:
    """Exact, not simulated."""
    shares = (0.002, 0.004, 0.01, 0.02, 0.05)
    print("Chance that a candidate as good as the champion passes with the default margin, by rows that differ:\n")
    print(f"| rows | {' | '.join(f'{100 * share:g} %' for share in shares)} |\n| ---: |{' ---: |' * len(shares)}")
    for rows in (*ROWS, 10_000, 20_000):
        critical = critical_value(rows, 0.005, 0.05)
        found = chance_to_pass(rows, 0.005, 0.0, np.array(shares), critical)
        print(f"| {rows:,} | {' | '.join(_percent(float(value)) for value in found)} |")


def _percent(share: float) -> str:
    digits = 0 if share == 0 or share >= 0.0995 else 1 if share >= 0.00095 else 2
    return "0" if share == 0 else f"{100 * share:.{digits}f} %"


if __name__ == "__main__":
    main()
