"""How often the drift comparison errs, and what it finds: pairs of runs whose true distributions are known.

    python benchmarks/drift_simulation.py [--pairs 200] [--seed 1]

A version learned from as many rows as are kept, and two runs follow on new data: without drift, or with one of twelve
columns shifted. Control: the same tests, each by itself at 5 %. Prints Markdown, which stands in docs/drift.md.
"""

import argparse
from typing import Any

import numpy as np
import polars as pl

from keepfit.config import DriftConfig
from keepfit.drift.alarm import alarming_columns
from keepfit.drift.compare import Comparison, compare
from keepfit.drift.sample import MOST_ROWS, Sample

ROWS = (100, 500, 2_000, 5_000)
SHIFTS = (0.25, 0.5)
NUMBERS = 8
CATEGORIES = np.array(list("abcdefgh"), dtype=object)
SHARES = (0.4, 0.25, 0.15, 0.1, 0.06, 0.03, 0.008, 0.002)
ANY_EFFECT, DEFAULTS = DriftConfig(min_effect=0), DriftConfig()


def table(random: np.random.Generator, rows: int, shift: float = 0.0) -> Sample:
    """Numbers of which the first is shifted, counts with ties, numbers with gaps, categories, a flag."""
    numbers = {f"n{i}": random.normal(0 if i else shift, 1, rows).astype(np.float32) for i in range(NUMBERS)}
    gaps = random.normal(size=rows).astype(np.float32)
    gaps[random.random(rows) < 0.05] = np.nan
    others: dict[str, Any] = {
        "count": random.poisson(2, rows).astype(np.float32),
        "gaps": pl.Series(gaps).fill_nan(None),
        "category": pl.Series(random.choice(CATEGORIES, rows, p=SHARES).tolist(), dtype=pl.String),
        "flag": pl.Series((random.random(rows) < 0.1).tolist()),
    }
    return pl.DataFrame({**numbers, **others})


def alarms(pair: list[Comparison]) -> list[str]:
    """The columns that alarm after two runs."""
    records = [
        {"reference_version": 1, "fingerprint": str(number), **found.to_dict()} for number, found in enumerate(pair)
    ]
    return alarming_columns(records, 1)


def naive(comparison: Comparison) -> bool:
    """Whether any test by itself would call drift; Holm multiplies the smallest p value by how many there are."""
    return min(found.p_value for found in comparison.findings) < 0.05 * len(comparison.findings)


def row(random: np.random.Generator, rows: int, shift: float, rules: DriftConfig, pairs: int) -> str:
    """One line of the table: shares of runs and of pairs, in percent."""
    each = found = both = 0
    for _ in range(pairs):
        reference = table(random, MOST_ROWS)
        pair = [compare(reference, table(random, rows, shift), rules) for _ in range(2)]
        each += sum(naive(one) for one in pair)
        found += sum(("n0" in one.drifted) if shift else bool(one.drifted) for one in pair)
        both += ("n0" in alarms(pair)) if shift else bool(alarms(pair))
    drift = f"{shift:g} standard deviations" if shift else "none"
    shown = (100 * each / (2 * pairs), 100 * found / (2 * pairs), 100 * both / pairs)
    return f"| {drift} | {rules.min_effect:g} | {rows:,} | " + " | ".join(f"{share:.1f} %" for share in shown) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    print("| drift | least effect | rows | any single test at 5 % | a run | an alarm after two |")
    print("| --- | --- | --- | --- | --- | --- |")
    for rules, shift in ((ANY_EFFECT, 0.0), (DEFAULTS, 0.0), *((DEFAULTS, shift) for shift in SHIFTS)):
        for rows in ROWS:
            print(row(random, rows, shift, rules, options.pairs), flush=True)


if __name__ == "__main__":
    main()
