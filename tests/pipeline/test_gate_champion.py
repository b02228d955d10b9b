"""Champion against challenger, slices, behaviour and the holdout's use, as tables of evidence and outcome."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepfit.config import GateConfig
from keepfit.pipeline.evaluate import Evaluation
from keepfit.pipeline.gate import Evidence, decide
from keepfit.pipeline.gate.evidence import (
    Champion,
    Comparison,
    Estimate,
    Footprint,
    HoldoutUse,
    MetricEvidence,
    SliceEvidence,
)
from keepfit.pipeline.statistics import clopper_pearson


def classified(correct, rows):
    low, high = clopper_pearson(correct, rows, 0.95)
    return Evaluation("binary", rows, True, 0.1, correct, 100 * correct / rows, 100 * low, 100 * high, 50.0)


def measured(r2=0.9):
    return Evaluation("regression", 1000, True, 1.0, r2=r2, mae=1.0, rmse=1.0)


def against(gained, lost, rows=2000, correct=1960, **more):
    champion = Champion(7, Comparison(classified(correct - gained + lost, rows), gained + lost, gained, lost))
    return Evidence(classified(correct, rows), replace(champion, **more))


def rule(verdict, name):
    return next(result for result in verdict.rules if result.rule == name)


def gate(**sections):
    return GateConfig.model_validate({"min_accuracy_percent": 90, **sections})


@pytest.mark.parametrize(
    ("gained", "lost", "rows", "test", "outcome"),
    [
        (0, 0, 2000, "non_inferiority", "pass"),
        (0, 0, 183, "non_inferiority", "inconclusive"),
        (5, 5, 2000, "non_inferiority", "pass"),
        (15, 30, 2000, "non_inferiority", "inconclusive"),
        (10, 60, 2000, "non_inferiority", "fail"),
        (40, 10, 2000, "non_inferiority", "pass"),
        (40, 10, 2000, "superiority", "pass"),
        (12, 8, 2000, "superiority", "inconclusive"),
        (0, 0, 2000, "superiority", "inconclusive"),
        (10, 40, 2000, "superiority", "fail"),
        (10, 40, 2000, "not_shown_worse", "fail"),
        (1, 4, 183, "not_shown_worse", "pass"),
        (0, 0, 100, "not_shown_worse", "pass"),
    ],
)
def test_champion_rule(gained, lost, rows, test, outcome):
    evidence = against(gained, lost, rows, correct=rows - 5)
    verdict = decide(evidence, gate(champion={"test": test}))
    found = rule(verdict, "champion")
    assert found.outcome == outcome
    assert verdict.decision == {"pass": "PROMOTE", "fail": "REJECT", "inconclusive": "INCONCLUSIVE"}[outcome]
    assert found.value == pytest.approx(100 * (gained - lost) / rows)
    assert (found.change == "") == (outcome == "pass")
    if outcome == "inconclusive":
        assert found.rows_needed is None or found.rows_needed > rows


def test_reason_has_the_numbers():
    reason = rule(decide(against(10, 60), gate()), "champion").reason
    assert reason.startswith("worse than version 7 by more than 0.5 points: −2.50 points (90 % interval −3.")
    assert reason.endswith(", 2,000 rows, 70 decided otherwise)")
    few = rule(decide(against(0, 0, 183, correct=180), gate()), "champion")
    assert few.reason.startswith(
        "183 rows cannot tell whether it is worse than version 7 by more than 0.5 points: 0.00"
    )
    assert few.change.startswith("about 1,")
    assert '"margin_points": 1.' in few.change


def test_margin_named_by_the_reason_decides():
    few = rule(decide(against(1, 2, 183, correct=180), gate()), "champion")
    margin = float(few.change.partition('"margin_points": ')[2].split()[0])
    assert decide(against(1, 2, 183, correct=180), gate(champion={"margin_points": 1.1 * margin})).promotes


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.1, 3))
def test_what_passes_still_passes_with_a_wider_margin(gained, lost, margin):
    evidence = against(gained, lost)
    if decide(evidence, gate(champion={"margin_points": margin})).promotes:
        assert decide(evidence, gate(champion={"margin_points": 2 * margin})).promotes


@pytest.mark.parametrize(
    ("champion", "unusable", "new_schema", "decision"),
    [
        (Champion(3, problem="it cannot be loaded"), "inconclusive", False, "INCONCLUSIVE"),
        (Champion(3, problem="it cannot be loaded"), "inconclusive", True, "INCONCLUSIVE"),
        (Champion(3, problem="it cannot be loaded"), "ignore", False, "PROMOTE"),
        (Champion(3, mismatch="it takes an input 'a'"), "inconclusive", False, "REJECT"),
        (Champion(3, mismatch="it takes an input 'a'"), "ignore", False, "REJECT"),
        (Champion(3, mismatch="it takes an input 'a'"), "inconclusive", True, "PROMOTE"),
        (None, "inconclusive", False, "PROMOTE"),
    ],
)
@pytest.mark.parametrize("test", ["non_inferiority", "off"])
def test_champion_that_cannot_be_compared(champion, unusable, new_schema, decision, test):
    evidence = Evidence(classified(1960, 2000), champion, new_schema=new_schema)
    assert decide(evidence, gate(champion={"unusable": unusable, "test": test})).decision == decision


def test_champion_that_saw_the_rows_never_rejects_and_a_pass_stands():
    leak = "data.holdout_fraction has grown since"
    assert decide(against(10, 60, leak=leak), gate()).decision == "INCONCLUSIVE"
    verdict = decide(against(5, 5, leak=leak), gate())
    assert verdict.promotes
    assert leak in verdict.warnings[0]


@pytest.mark.parametrize(
    ("ratio", "test", "outcome"),
    [
        (Estimate(1.0, 0.98, 1.02), "non_inferiority", "pass"),
        (Estimate(1.0, 0.9, 1.1), "non_inferiority", "inconclusive"),
        (Estimate(1.2, 1.1, 1.3), "non_inferiority", "fail"),
        (Estimate(1.03, 1.01, 1.049), "non_inferiority", "pass"),
        (Estimate(0.9, 0.8, 0.99), "superiority", "pass"),
        (Estimate(1.0, 0.9, 1.1), "superiority", "inconclusive"),
        (Estimate(1.2, 1.1, 1.3), "not_shown_worse", "fail"),
        (Estimate(1.2, 0.9, 1.5), "not_shown_worse", "pass"),
        (None, "non_inferiority", "inconclusive"),
    ],
)
def test_champion_rule_of_numbers(ratio, test, outcome):
    evidence = Evidence(measured(), Champion(2, Comparison(measured(), 0, error_ratio=ratio)))
    assert rule(decide(evidence, gate(champion={"test": test})), "champion").outcome == outcome


@pytest.mark.parametrize(
    ("correct", "rows", "decision"),
    [(1960, 2000, "PROMOTE"), (1945, 2000, "INCONCLUSIVE"), (1935, 2000, "INCONCLUSIVE"), (1900, 2000, "REJECT"),
     (100, 100, "PROMOTE"), (98, 100, "INCONCLUSIVE")],
)  # fmt: skip
def test_strict_gates_on_the_bounds(correct, rows, decision):
    verdict = decide(Evidence(classified(correct, rows)), GateConfig(strict=True))
    assert verdict.decision == decision
    if decision == "INCONCLUSIVE":
        assert verdict.rules[0].rows_needed > rows
        reached = float(verdict.rules[0].change.split("gate.min_accuracy_percent: ")[1].split()[0])
        rules = GateConfig(strict=True, min_accuracy_percent=reached)
        assert decide(Evidence(classified(correct, rows)), rules).decision == "PROMOTE"


METRIC = MetricEvidence("auc", Estimate(0.92, 0.9, 0.94), 0.93, Estimate(-0.01, -0.03, 0.01))


@pytest.mark.parametrize(
    ("found", "config", "strict", "outcome"),
    [
        (METRIC, {"min": 0.92}, False, "pass"),
        (METRIC, {"min": 0.93}, False, "fail"),
        (METRIC, {"min": 0.91}, True, "inconclusive"),
        (METRIC, {"min": 0.90}, True, "pass"),
        (METRIC, {"min": 0.95}, True, "fail"),
        (METRIC, {"max": 0.95}, False, "pass"),
        (METRIC, {"margin": 0.03}, False, "pass"),
        (METRIC, {"margin": 0.02}, False, "inconclusive"),
        (replace(METRIC, difference=Estimate(-0.1, -0.12, -0.08)), {"margin": 0.02}, False, "fail"),
        (MetricEvidence("auc", None, problem="auc is undefined"), {"min": 0.5}, False, "inconclusive"),
        (MetricEvidence("auc", None, problem="auc is undefined"), {"margin": 0.5}, False, "inconclusive"),
    ],
)
def test_named_metric(found, config, strict, outcome):
    evidence = replace(against(5, 5, correct=1999), metrics=(found,))
    verdict = decide(evidence, gate(metrics={"auc": config}, strict=strict))
    assert [result.outcome for result in verdict.rules if result.subject == "auc"] == [outcome]


def test_smaller_is_better_for_losses():
    found = MetricEvidence("log_loss", Estimate(0.3, 0.28, 0.32), 0.2, Estimate(0.1, 0.08, 0.12))
    evidence = replace(against(5, 5), metrics=(found,))
    assert rule(decide(evidence, gate(metrics={"log_loss": {"margin": 0.15}})), "metric_against_champion").passed
    assert decide(evidence, gate(metrics={"log_loss": {"margin": 0.05}})).decision == "REJECT"


def part(name="a", rows=200, value=90.0, **more):
    return SliceEvidence(name, rows, 50, value, **more)


@pytest.mark.parametrize(
    ("parts", "decision"),
    [
        ((part(),), "PROMOTE"),
        ((part(worse=0.001),), "REJECT"),
        ((part(worse=0.03),), "REJECT"),
        ((part(worse=0.03), part("b", worse=0.5)), "PROMOTE"),
        ((part(bound=95.0, below=0.001),), "REJECT"),
        ((part(bound=95.0, below=0.2),), "PROMOTE"),
        ((part(rows=10, worse=0.001),), "INCONCLUSIVE"),
        ((part(rows=0, value=None),), "INCONCLUSIVE"),
        ((part(rows=0, value=None, optional=True),), "PROMOTE"),
    ],
)
def test_slices(parts, decision):
    evidence = replace(against(5, 5), slices=parts)
    assert decide(evidence, gate()).decision == decision


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (part(value=3.0), "pass"),
        (part(value=3.0, champion=2.0, worse=0.001), "fail"),
        (part(value=3.0, bound=2.5, below=0.001), "fail"),
        (part(value=3.0, bound=2.5, below=0.2), "pass"),
    ],
)
def test_slices_of_numbers(found, outcome):
    verdict = decide(Evidence(measured(), slices=(found,)), gate())
    assert rule(verdict, "slice").outcome == outcome
    assert "RMSE 3.0000" in rule(verdict, "slice").reason


def test_slice_that_disappeared_fails_until_a_person_accepts_it():
    evidence = replace(against(5, 5, slices=("a", "gone")), slices=(part(),))
    verdict = decide(evidence, gate())
    assert verdict.decision == "REJECT"
    assert rule(verdict, "slice_disappeared").subject == "gone"
    assert decide(replace(evidence, new_schema=True), gate()).promotes


def test_behaviour_is_bounded():
    light, heavy = Footprint(1000, 0.1), Footprint(3100, 0.31)
    evidence = replace(against(5, 5, footprint=light), footprint=heavy)
    verdict = decide(evidence, gate())
    assert {result.rule for result in verdict.rules if result.outcome == "fail"} == {"size", "latency"}
    assert decide(replace(evidence, footprint=light), gate()).promotes
    loose = {"max_size_factor": None, "max_latency_factor": 4.0}
    assert decide(evidence, gate(behaviour=loose)).promotes


def test_many_changed_predictions_are_for_a_person():
    evidence = against(900, 900)
    changed = Comparison(classified(1960, 2000), 1800, 900, 900)
    verdict = decide(replace(evidence, champion=Champion(1, changed)), gate(champion={"test": "not_shown_worse"}))
    assert (verdict.decision, rule(verdict, "changed_predictions").value) == ("INCONCLUSIVE", 45.0)


@pytest.mark.parametrize(
    ("earlier", "looks", "warned"), [(19, None, False), (20, None, True), (5, 5, True), (0, 1, False)]
)
def test_holdout_warns_when_its_looks_are_spent_and_decides_nothing(earlier, looks, warned):
    evidence = replace(against(5, 5), holdout=HoldoutUse("f", earlier, 1.0))
    verdict = decide(evidence, gate(holdout_looks=looks))
    assert verdict.promotes
    assert bool(verdict.warnings) == warned
    assert verdict.holdout["error_bound"] == pytest.approx(min(1.0, 0.05 * (earlier + 1)))


def test_verdict_is_json_ready():
    evidence = replace(against(5, 5, footprint=Footprint(1, 0.1)), slices=(part(),), metrics=(METRIC,))
    text = json.dumps(decide(evidence, gate(metrics={"auc": {"min": 0.5}})).to_dict())
    assert json.loads(text)["champion"]["version"] == 7
