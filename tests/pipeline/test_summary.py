"""The line that people get: what decided, with its numbers, and what to do."""

import pytest

from keepfit.pipeline.summary import brief, decided, judged, summary


def verdict(decision, *rules):
    reason = "; ".join(rule["reason"] for rule in rules)
    return {"decision": decision, "reason": reason, "rules": list(rules)}


def rule(outcome, reason, change=""):
    return {"rule": "some", "outcome": outcome, "reason": reason, "change": change}


ACCURATE = rule("pass", "accuracy 99.25 % ≥ 97 % (95 % interval 98.38 to 99.72, 802 rows)")
WEAK = rule("fail", "accuracy 95.39 % < 97 % (95 % interval 93.70 to 96.73, 802 rows)", "an accuracy of 97 % or more")
WORSE = rule(
    "fail",
    "worse than version 6 by more than 0.5 points: −4.24 points (90 % interval −5.66 to −3.06, 802 rows)",
    "a better model",
)
SLICE = rule(
    "fail", "age < 30: accuracy 88.20 % (version before: 97.20 %) is shown to lie below 95 % (p 0.0008, 262 rows)"
)
OPEN = rule(
    "inconclusive",
    "802 rows cannot tell whether it is worse than version 6 by more than 0.5 points: +0.12 points "
    "(90 % interval −0.63 to 0.90, 802 rows, 11 decided otherwise)",
    'about 2,400 holdout rows; or gate.champion: "margin_points": 0.63 or more',
)


def test_promotion_says_its_numbers_and_the_way_back():
    assert summary(verdict("PROMOTE", ACCURATE), 6) == (
        "accuracy 99.25 % ≥ 97 %. To go back to version 6: keepfit rollback"
    )
    assert summary(verdict("PROMOTE", ACCURATE), None) == "accuracy 99.25 % ≥ 97 %"


def test_rejection_says_what_failed_what_serves_and_what_it_takes():
    assert summary(verdict("REJECT", WEAK, ACCURATE), 6) == (
        "accuracy 95.39 % < 97 %. Version 6 stays in service. What it takes: an accuracy of 97 % or more"
    )
    assert "Nothing is served yet" in summary(verdict("REJECT", WEAK), None)


def test_inconclusive_verdict_keeps_the_interval_which_decided():
    assert summary(verdict("INCONCLUSIVE", ACCURATE, OPEN), 6) == (
        "802 rows cannot tell whether it is worse than version 6 by more than 0.5 points: +0.12 points "
        "(−0.63 to 0.90). Version 6 stays in service. What it takes: about 2,400 holdout rows"
    )


@pytest.mark.parametrize(("more", "words"), [(1, "; 1 more rule failed"), (9, "; 9 more rules failed")])
def test_many_failures_are_counted(more, words):
    assert decided(verdict("REJECT", WEAK, WORSE, *more * [SLICE])) == (
        f"accuracy 95.39 % < 97 %; worse than version 6 by more than 0.5 points: −4.24 points{words}"
    )


def test_terminal_keeps_intervals_and_counts_as_well():
    assert judged(verdict("PROMOTE", ACCURATE)) == ACCURATE["reason"]
    assert judged(verdict("REJECT", WEAK, ACCURATE, WORSE, SLICE)) == (
        f"{WEAK['reason']}; {WORSE['reason']}; 1 more rule failed"
    )
    assert judged(verdict("INCONCLUSIVE", OPEN, OPEN, OPEN)).endswith("; 1 more rule cannot tell")


def test_brief_reason_is_never_cut():
    assert brief(WEAK["reason"]) == "accuracy 95.39 % < 97 %"
    assert brief("x" * 5_000) == "x" * 5_000


def test_names_with_brackets_stay_and_endless_reasons_end():
    assert decided(verdict("REJECT", rule("fail", "f(rows): too low (7 rows)"))) == "f(rows): too low"
    assert decided(verdict("REJECT", SLICE)) == "age < 30: accuracy 88.20 % is shown to lie below 95 %"
    assert len(summary(verdict("REJECT", *5 * [rule("fail", "x" * 5_000, "y" * 5_000)]), 6)) < 800


def test_record_of_an_older_version_has_a_line_too():
    old = {"rule": "min_accuracy_percent", "passed": False, "reason": "accuracy 90.00 % < 97 %"}
    assert summary(verdict("REJECT", old), 2) == "accuracy 90.00 % < 97 %. Version 2 stays in service"
