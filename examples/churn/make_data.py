"""Writes data.csv, customers who leave by a known rule, and best_possible.json, what the best model could reach.

Because the rule is known, so is the best accuracy that any model can have: the mean of max(p, 1 - p).
"""

import json
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

ROWS = 12_000
SEED = 20_240_601

CONTRACTS = {"monthly": 2.4, "yearly": -0.9, "two_years": -3.1}
PAYMENTS = {"card": -0.7, "bank_transfer": -0.3, "invoice": 1.2}
REGIONS = {"north": 0.5, "south": -0.5, "east": 1.0, "west": -1.0, "islands": 0.2}


def make(rows: int = ROWS, seed: int = SEED) -> pl.DataFrame:
    """Draw customers and whether each `churned` (yes or no) with the probability that the rule gives."""
    generator = np.random.default_rng(seed)
    customers = pl.DataFrame(
        {
            "customer_id": [f"C{number:06d}" for number in range(1, rows + 1)],
            "tenure_months": generator.gamma(2.0, 15.0, rows).round(1),
            "monthly_fee": generator.normal(60.0, 20.0, rows).clip(10).round(2),
            "support_calls": generator.poisson(1.5, rows),
            "contract": generator.choice(list(CONTRACTS), rows, p=[0.5, 0.3, 0.2]),
            "payment": generator.choice(list(PAYMENTS), rows, p=[0.5, 0.3, 0.2]),
            "region": generator.choice(list(REGIONS), rows),
            "paperless": generator.random(rows) < 0.6,
            "has_app": generator.random(rows) < 0.5,
        }
    )
    for column, share in (("tenure_months", 0.03), ("monthly_fee", 0.08), ("payment", 0.05), ("has_app", 0.10)):
        is_lost = pl.Series(generator.random(rows) < share)
        customers = customers.with_columns(pl.when(is_lost).then(None).otherwise(pl.col(column)).alias(column))
    leaves = generator.random(rows) < leave_probability(customers)
    return customers.with_columns(churned=pl.Series(np.where(leaves, "yes", "no").tolist()))


def leave_probability(customers: pl.DataFrame) -> NDArray[np.float64]:
    """Return the rule's probability, of what the table shows: a missing value has no effect."""
    tenure = (30.0 - pl.col("tenure_months").fill_null(30.0)) / 10.0
    fee = (pl.col("monthly_fee").fill_null(60.0) - 60.0) / 12.0
    calls = 0.9 * (pl.col("support_calls") - 1.5)
    contract = pl.col("contract").replace_strict(CONTRACTS, return_dtype=pl.Float64)
    payment = pl.col("payment").replace_strict(PAYMENTS, default=0.0, return_dtype=pl.Float64)
    region = pl.col("region").replace_strict(REGIONS, return_dtype=pl.Float64)
    app = pl.when(pl.col("has_app")).then(-0.8).when(~pl.col("has_app")).then(0.8).otherwise(0.0)
    paperless = pl.when("paperless").then(0.3).otherwise(-0.3)
    score = 1.5 * (tenure + fee + calls + contract + payment + region + app + paperless)
    return customers.select(p=1.0 / (1.0 + (-score).exp()))["p"].to_numpy()


def best_possible(customers: pl.DataFrame) -> dict[str, float | int]:
    """Return what the rule itself reaches: on average over the coin tosses, and on these very rows."""
    probability = leave_probability(customers)
    is_right = (probability > 0.5) == (customers["churned"] == "yes").to_numpy()
    return {
        "rows": customers.height,
        "expected_accuracy_percent": round(100 * float(np.maximum(probability, 1 - probability).mean()), 2),
        "accuracy_percent_on_these_rows": round(100 * int(is_right.sum()) / customers.height, 2),
    }


if __name__ == "__main__":
    here = Path(__file__).parent
    table = make()
    table.write_csv(here / "data.csv")
    (here / "best_possible.json").write_text(json.dumps(best_possible(table), indent=2) + "\n")
