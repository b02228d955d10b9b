"""The gate on a golden set, as tables of evidence and outcome."""

from dataclasses import replace

import pytest

from keepfit.config import GateConfig
from keepfit.pipeline.gate import decide
from keepfit.pipeline.gate.evidence import Champion, Comparison, Evidence, GoldenEvidence, HoldoutUse

from .test_gate_champion import against, classified, gate, measured


def beside(correct=1960, gained=5, lost=5, rows=2000, earlier=0, **more):
    """A candidate that is good on its holdout, beside a golden set."""
    comparison = Comparison(classified(correct - gained + lost, rows), gained + lost, gained, lost)
    golden = GoldenEvidence(classified(correct, rows), HoldoutUse("g", earlier), comparison)
    return replace(against(5, 5), golden=replace(golden, **more))


def golden_rules(verdict):
    return {result.rule: result for result in verdict.rules if result.subject == "golden"}


@pytest.mark.parametrize(
    ("correct", "gained", "lost", "rows", "rule", "decision"),
    [
        (1960, 5, 5, 2000, "", "PROMOTE"),
        (1700, 5, 5, 2000, "min_accuracy_percent", "REJECT"),
        (1960, 10, 60, 2000, "champion", "REJECT"),
        (1960, 15, 30, 2000, "champion", "INCONCLUSIVE"),
        (180, 1, 2, 183, "champion", "INCONCLUSIVE"),
    ],
)
def test_golden_rules_decide_like_those_of_the_holdout(correct, gained, lost, rows, rule, decision):
    verdict = decide(beside(correct, gained, lost, rows), gate())
    assert verdict.decision == decision
    assert list(golden_rules(verdict)) == ["min_accuracy_percent", "champion"]
    assert {name for name, result in golden_rules(verdict).items() if not result.passed} == ({rule} if rule else set())
    assert all(result.passed for result in verdict.rules if result.subject != "golden")
    if rule:
        assert verdict.reason.startswith("golden: ")


def test_strict_asks_it_of_the_golden_rows_too():
    evidence = replace(beside(correct=1810), champion=None)
    assert golden_rules(decide(evidence, gate()))["min_accuracy_percent"].passed
    assert golden_rules(decide(evidence, gate(strict=True)))["min_accuracy_percent"].outcome == "inconclusive"


def test_what_it_takes_is_said_of_golden_rows():
    verdict = decide(beside(180, 1, 2, 183), gate())
    assert verdict.change.startswith("about ")
    assert "golden rows, which would tell" in verdict.change
    assert "holdout" not in verdict.change


def test_without_a_champion_only_the_least_is_asked():
    evidence = replace(beside(comparison=None), champion=None)
    assert list(golden_rules(decide(evidence, gate()))) == ["min_accuracy_percent"]


def test_champion_that_gives_no_answers_is_told_once():
    evidence = replace(beside(comparison=None), champion=Champion(7, problem="it does not load"))
    verdict = decide(evidence, gate())
    assert verdict.decision == "INCONCLUSIVE"
    assert [result.rule for result in verdict.rules if result.outcome == "inconclusive"] == ["champion"]
    assert list(golden_rules(verdict)) == ["min_accuracy_percent"]


def test_champion_that_may_have_learned_the_golden_rows_only_helps_a_pass():
    leak = "the golden set has changed since"
    verdict = decide(beside(1960, 10, 60, leak=leak), gate())
    assert verdict.decision == "INCONCLUSIVE"
    assert f"may look better than it is, for {leak}" in verdict.reason
    assert verdict.warnings == (f"version 7 may look better on the golden rows than it is: {leak}",)
    assert decide(beside(leak=leak), gate()).promotes


def test_leak_of_the_holdout_says_nothing_of_golden_rows():
    evidence = replace(beside(1960, 10, 60), champion=replace(against(5, 5).champion, leak="the split changed"))
    assert decide(evidence, gate()).decision == "REJECT"


def test_golden_prediction_that_is_no_number_rejects():
    broken = replace(classified(1960, 2000), finite=False)
    verdict = decide(beside(candidate=broken), gate())
    assert verdict.decision == "REJECT"
    assert verdict.reason == "golden: some predictions are not finite numbers"


def test_golden_set_of_a_regression_is_held_to_its_r2():
    golden = GoldenEvidence(measured(0.4), HoldoutUse("g", 0))
    verdict = decide(Evidence(measured(), golden=golden), GateConfig())
    assert (verdict.decision, verdict.reason) == ("REJECT", "golden: R² 0.4000 < 0.5")


@pytest.mark.parametrize(("earlier", "warned"), [(19, False), (20, True)])
def test_golden_rows_have_a_budget_of_their_own(earlier, warned):
    verdict = decide(beside(earlier=earlier), gate())
    assert verdict.promotes
    assert verdict.golden["looks"] == earlier + 1
    assert bool(verdict.warnings) == warned
    if warned:
        assert verdict.warnings[0].startswith("the same golden rows have decided 21 times")


def test_golden_results_follow_the_main_rules_and_leave_the_reason_of_a_promotion_to_them():
    verdict = decide(beside(), gate())
    assert [result.rule for result in verdict.rules][:4] == ["min_accuracy_percent", "champion"] * 2
    assert "golden" not in verdict.reason
