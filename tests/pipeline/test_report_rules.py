"""How the report reads the gate's rules: their names, their places on a line, and what to make of them."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keepfit.pipeline.report.gauge import gauge_of
from keepfit.pipeline.report.meaning import meaning_of
from keepfit.pipeline.report.ruling import Ruling, grouped, rulings_of

FINITE = st.floats(-1e300, 1e300)


def accuracy(value, low, high, bound=97.0, rows=2_000, outcome="pass"):
    return Ruling(
        "min_accuracy_percent", "Accurate enough", "", outcome, "accuracy", value, "percent", low, high, 0.95, "exact",
        bound, "at_least", rows,
    )  # fmt: skip


def difference(value, low, high, bound=-0.5, direction="at_least"):
    return Ruling(
        "champion", "As good as it", "", "pass", "so", value, "points", low, high, 0.9, "", bound, direction, 2_000
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ruling", "words"),
    [
        (accuracy(99.0, 98.0, 99.5), "that it passes is hardly a matter of luck"),
        (accuracy(97.0, 96.0, 98.0), "might have failed"),
        (accuracy(96.0, 95.0, 97.5, outcome="fail"), "might have passed"),
        (accuracy(97.5, 96.0, 98.5, outcome="inconclusive"), "cannot tell on which side"),
        (
            accuracy(90.0, 88.0, 92.0, outcome="fail"),
            "that it fails is hardly a matter of luck",
        ),
        (accuracy(97.0, 90.0, 99.0, rows=80), "80 rows are few: the interval is 9 points wide"),
        (difference(0.3, 0.1, 0.5), "it is better, not only no worse"),
        (difference(0.1, -0.4, 0.6), "Even the worse end of the interval stays within what is allowed"),
        (difference(-0.4, -0.9, 0.1), "reaches to both sides of the bound"),
        (difference(-2.0, -2.5, -1.5), "Even the better end of the interval lies beyond what is allowed"),
        (difference(-3.0, -5.0, -1.0, 5.0, "at_most"), "it is better, not only no worse"),
        (difference(3.0, 1.0, 4.0, 5.0, "at_most"), "stays within what is allowed"),
        (difference(9.0, 7.0, 12.0, 5.0, "at_most"), "lies beyond what is allowed"),
    ],
)
def test_meaning_follows_from_where_the_interval_lies(ruling, words):
    assert words in meaning_of(ruling)
    assert ("few" in meaning_of(ruling)) == (ruling.rows == 80)


def test_nothing_is_made_of_a_rule_without_interval_or_bound():
    assert meaning_of(Ruling("x", "X", "", "pass", "fine", 1.0, bound=2.0)) == ""
    assert meaning_of(Ruling("x", "X", "", "pass", "fine", 1.0, low=0.0, high=2.0)) == ""


@given(FINITE, FINITE, FINITE, FINITE, st.sampled_from(["percent", "points", "ratio", ""]), st.booleans())
def test_places_lie_on_the_line_in_the_order_of_their_numbers(value, first, second, bound, unit, is_difference):
    rule = "champion" if is_difference else "some_rule"
    low, high = sorted((first, second))
    found = gauge_of(Ruling(rule, "T", "", "pass", "", value, unit, low, high, 0.9, "", bound, "at_most"))
    places = sorted([
        (value, found.value_at), (low, found.low_at), (high, found.high_at), (bound, found.bound_at)
    ])  # fmt: skip
    assert all(0 <= at <= 100 for _, at in places)
    assert [at for _, at in places] == sorted(at for _, at in places)
    assert found.allowed == (0.0, found.bound_at)
    assert len(found.alternative) < 250


@given(st.floats(0, 100), st.floats(0, 100))
def test_point_reads_and_lies_on_the_same_side_of_the_bound(value, bound):
    assume(abs(value - bound) > 0.01)
    found = gauge_of(accuracy(value, None, None, bound))
    assert (found.value_at > found.bound_at) == (value > bound)
    assert (found.low_at, found.high_at, found.interval) == (None, None, "")


def test_rule_without_numbers_has_no_picture():
    assert gauge_of(Ruling("signature", "T", "", "pass", "as before")) is None
    assert gauge_of(Ruling("some", "T", "", "pass", "", math.nan, bound=1.0)) is None
    assert gauge_of(Ruling("some", "T", "", "pass", "", 3.0)) is None


def test_line_of_a_difference_holds_zero_and_that_of_percent_ends_at_a_hundred():
    assert 0 < gauge_of(difference(-2.0, -2.5, -1.5)).zero_at < 100
    assert gauge_of(accuracy(99.9, 99.5, 100.0)).high_at == 100


@pytest.mark.parametrize(
    ("found", "title", "limit"),
    [
        ({"rule": "champion", "details": {"test": "superiority"}}, "Better than version 6", ""),
        ({"rule": "champion", "details": {"test": "not_shown_worse"}}, "Not shown worse than version 6", ""),
        ({"rule": "metric", "subject": "ece", "bound": {"value": 0.05, "direction": "at_most"}}, "Calibration error",
         "at most 0.05"),
        ({"rule": "metric_against_champion", "subject": "f1"}, "F1 beside version 6", ""),
        ({"rule": "slice", "subject": "age < 30"}, "Slice age < 30", ""),
        ({"rule": "golden_set"}, "Golden set", ""),
        ({"rule": "x", "bound": {"value": 51.8743, "direction": "above"}, "unit": "percent"}, "X", "more than 51.87 %"),
    ],
)  # fmt: skip
def test_rule_is_named_for_people(found, title, limit):
    (ruling,) = rulings_of({"rules": [{"passed": True, "reason": "so", **found}], "champion": {"version": 6}})
    assert (ruling.title, ruling.outcome, ruling.limit) == (title, "pass", limit)


def test_name_of_the_data_keeps_its_letters():
    rule = {"rule": "slice", "outcome": "fail", "subject": "age", "reason": "age: accuracy is too low"}
    (ruling,) = rulings_of({"rules": [rule]})
    assert ruling.sentence == "Accuracy is too low."
    (metric,) = rulings_of({"rules": [{**rule, "rule": "metric", "subject": "auc", "reason": "auc 0.97 < 0.98"}]})
    assert metric.sentence == "auc 0.97 < 0.98."


def test_failed_rules_decide_a_rejection_and_the_undecided_ones_stand_apart():
    rulings = [Ruling(name, name, "", outcome, "") for name, outcome in (
        ("a", "pass"), ("b", "fail"), ("c", "inconclusive"), ("d", "fail"))]  # fmt: skip

    def names(decision):
        found = grouped(rulings, decision)
        return [[one.rule for one in group] for group in (found.decided, found.undecided, found.passed)]

    assert names("REJECT") == [["b", "d"], ["c"], ["a"]]
    assert names("INCONCLUSIVE") == [["c"], ["b", "d"], ["a"]]
