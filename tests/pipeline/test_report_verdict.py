"""The verdict's part of the report: what decided, with pictures, champion, slices, budget, and what would change it."""

import json
import re
import time
from dataclasses import replace

import pytest

from keepfit.pipeline.evaluate import Evaluation
from keepfit.pipeline.gate.evidence import Comparison, GoldenEvidence
from keepfit.pipeline.report import amend, render
from keepfit.pipeline.statistics import clopper_pearson

from .challenged import AUC, AUC_RULES, BAD_PART, GOOD_PARTS, SMALL_PART, Challenge, part, used
from .reports import numeric_table, reportable
from .test_report import Page

PROMOTED = {
    "challenge": Challenge(gained=9, lost=2, metrics=(AUC,), slices=GOOD_PARTS, holdout=used(3)),
    "gate": AUC_RULES,
}


@pytest.fixture
def page_of(tmp_path):
    def make(change_metrics=None, **options):
        found = reportable(tmp_path, **options)
        if change_metrics is not None:
            change_metrics(found.metrics)
        return Page(render(found.metrics, found.schema, found.truth, found.predictions))

    return make


def pictures(page):
    """What the pictures of rules say, by the rule's title."""
    return dict(re.findall(r'<div class="gauge [^"]*" role="img" aria-label="(.*?): (.*?)"', page.source))


def place(page, title, kind):
    """Where on the line of a rule its point or bound is drawn, in percent."""
    gauge = page.source.split(f'role="img" aria-label="{title}')[1]
    return float(re.search(rf'<i class="{kind}" style="left: ([\d.]+)%', gauge)[1])


def test_promotion_shows_both_main_rules_and_all_others_as_passed(page_of):
    page = page_of(**PROMOTED)
    assert "What decided all 13 rules passed" in page.text
    for title in ("Accurate enough", "As good as version 6", "Area under ROC", "Better than guessing", "Latency"):
        assert f"{title}: passed" in page.text
    assert "What would change it" not in page.text
    assert "cannot tell" not in page.text
    assert "And 3 slices" in page.text


def test_every_rule_with_numbers_has_its_value_interval_and_bound_as_a_picture(page_of):
    found = pictures(page_of(**PROMOTED))
    assert re.fullmatch(r"99\.\d+ %; 95 % interval 98\.\d+ % to 99\.\d+ %; at least 97 %\.", found["Accurate enough"])
    assert re.fullmatch(
        r"\+0\.87 points; 90 % interval [+−]0\.\d+ points to \+1\.\d+ points; at least −0\.5 points\.",
        found["As good as version 6"],
    )
    assert found["Area under ROC"] == "0.9991; 90 % interval 0.9980 to 0.9997; at least 0.98."
    assert found["Area under ROC beside version 6"].startswith("+0.0006; 90 % interval −0.0003 to +0.0014")
    assert found["Latency"] == "1.00 times; at most 3 times."
    assert "Finite predictions" not in found


def test_point_is_drawn_on_its_side_of_the_bound(page_of):
    page = page_of(**PROMOTED)
    assert place(page, "As good as version 6", "least") < place(page, "As good as version 6", "point")
    assert place(page, "Latency", "point") < place(page, "Latency", "least")
    rejected = page_of(noise=0.9)
    assert place(rejected, "Accurate enough", "point") < place(rejected, "Accurate enough", "least")


def test_rejection_leads_with_what_failed_and_says_what_would_change_it(page_of):
    page = page_of(challenge=Challenge(lost=12, slices=(BAD_PART, *GOOD_PARTS), slow=9), noise=0.7)
    assert re.search(r"What decided 4 failed, (1 cannot tell, )?\d+ passed", page.text)
    order = [page.text.index(word) for word in (
        "Rejected", "What decided", "Accurate enough: failed", "As good as version 6: failed",
        "Slice contract = two years: failed", "Latency: failed", "What would change it", "Passed",
        "Better than guessing: passed",
    )]  # fmt: skip
    assert order == sorted(order)
    assert "2 more rules failed" in page.text
    assert "version 6 stays in service" in page.text
    assert "a model that reaches 95 % on contract = two years" in page.text


def test_inconclusive_verdict_says_how_many_rows_would_tell(page_of):
    page = page_of(challenge=Challenge(gained=3, lost=4))
    assert page.source.count("Inconclusive") == 1
    assert "As good as version 6: cannot tell" in page.text
    assert "these rows cannot tell on which side the truth lies" in page.text
    assert re.search(r"What would change it .*?about [\d,]+ holdout rows", page.text)
    assert "It is not served; version 6 stays in service." in page.text


def test_champion_and_candidate_stand_side_by_side(page_of):
    page = page_of(**PROMOTED)
    assert re.search(r"Accuracy 98\.\d+ % 99\.\d+ % \+0\.87 points better", page.text)
    assert re.search(r"Area under ROC 0\.9985 0\.9991 \+0\.0006 better", page.text)
    assert "Size on disk 183 kB 191 kB 1.04 times" in page.text
    assert "Time for one row 0.41 ms 0.41 ms 1.00 times" in page.text
    assert re.search(r"2 became wrong 9 became right", page.text)
    assert re.search(r"Accuracy with its 95 % interval: version 6 98\.\d+ % .*?; candidate 99\.\d+ %", page.source)
    assert "McNemar's exact p 0.065" in page.text.replace("&#39;", "'")


def test_first_version_has_nobody_beside_it(page_of):
    page = page_of()
    assert 'id="champion"' not in page.source
    assert 'id="slices"' not in page.source
    assert "How often these holdout rows" not in page.text


def test_champion_that_does_not_load_is_told_and_nothing_is_made_up(page_of):
    page = page_of(challenge=Challenge(problem="its SavedModel does not load"))
    assert "Version 6 cannot be compared with: its SavedModel does not load." in page.text
    assert "Not compared" in page.text
    assert "became right" not in page.text
    assert "<code>keepfit rollback</code>" in page.source


def test_client_that_would_break_is_told(page_of):
    page = page_of(challenge=Challenge(mismatch="the input x1 is missing"))
    assert "Clients can stay: failed" in page.text
    assert "Clients of version 6 would break: the input x1 is missing." in page.text


def test_slices_are_a_table_with_the_worst_first(page_of):
    page = page_of(challenge=Challenge(gained=3, slices=(*GOOD_PARTS, BAD_PART, SMALL_PART)))
    table = page.source.split('<table class="slices">')[1].split("</table>")[0]
    names = re.findall(r'<th scope="row">(.*?)</th>', table)
    assert names == [
        "contract = two years", "city = &#34;Rome&#34;", "tenure_months &lt; 12", "contract = monthly",
        "contract = one year",
    ]  # fmt: skip
    assert re.findall(r"</svg>(passed|failed|cannot tell)<", table) == ["failed", "cannot tell", *3 * ["passed"]]
    assert 'aria-label="88.20 %, 95 % interval 83.' in table
    assert "Only 12 rows where 50 are needed to judge." in table
    assert "−9.00 <small" in table


def test_slice_that_disappeared_is_in_the_table(page_of):
    page = page_of(challenge=Challenge(gained=3, slices=GOOD_PARTS, judged_on=("contract = two years",)))
    assert "Slice contract = two years still there: failed" in page.text
    assert re.search(r'<th scope="row">contract = two years</th><td[^>]*>0</td><td[^>]*>–</td>', page.source)


def test_many_slices_leave_the_page_short(page_of):
    parts = tuple(part(f"site = {number}", 60, 99 - number / 40) for number in range(200))
    bad = tuple(part(f"ward = {number}", 60, 50.0, below=1e-9) for number in range(30))
    page = page_of(challenge=Challenge(gained=3, slices=parts + bad))
    assert page.source.count('<th scope="row">ward = ') == 30
    assert "190 more slices stand in metrics.json" in page.text
    assert "20 more slices below" in page.text
    assert "and 22 more, in metrics.json" in page.text
    assert len(page.source) < 200_000


def test_thousands_of_bad_slices_are_rendered_in_no_time(tmp_path):
    parts = tuple(part(f"user = {number}", 60, 50.0, below=1e-9) for number in range(3_000))
    found = reportable(tmp_path, challenge=Challenge(gained=3, slices=(*parts, *3_000 * [SMALL_PART])))
    started = time.process_time()
    page = render(found.metrics, found.schema, found.truth, found.predictions)
    assert time.process_time() - started < 5
    assert len(page) < 200_000


def test_regression_is_compared_by_its_error(page_of):
    parts = (part("contract = monthly", 300, 21.5, champion=22.7, bound=25.0),)
    page = page_of(labels=None, noise=20, challenge=Challenge(ratio=0.9, slices=parts, holdout=used(0)))
    assert pictures(page)["As good as version 6"].startswith("−10.00 %; 90 % interval −13.00 % to −6.00 %; at most 5 %")
    assert re.search(r"Root mean square error \d+\.?\d* 1?\d+\.?\d* −", page.text)
    assert 'data-name="RMSE">21.5<' in page.source


@pytest.mark.parametrize(
    ("looks", "words"),
    [
        (0, "This is the first decision on these rows, of 20 that they are good for."),
        (3, "These rows have now decided 4 times, and are good for 20."),
        (25, "These rows have now decided 26 times, and are good for 20: what the gate promises holds no more."),
    ],
)
def test_use_of_the_holdout_is_told_and_drawn(page_of, looks, words):
    page = page_of(challenge=Challenge(gained=9, holdout=used(looks)))
    assert words in page.text
    assert f'aria-label="{looks + 1} of 20 decisions"' in page.source
    assert page.source.count("<i class=used>") == min(20, looks + 1)
    assert ("nothing is promised any more" in page.text) == (looks > 19)


def golden_of(correct, rows, looks=0, **more):
    """What the candidate does on a golden set, which version 6 answers with 4 rows more wrong."""
    low, high = (100 * end for end in clopper_pearson(correct, rows, 0.95))
    found = Evaluation("binary", rows, True, 0.1, correct, 100 * correct / rows, low, high, 50.0)
    return GoldenEvidence(found, replace(used(looks), fingerprint="golden"), Comparison(found, 8, 6, 2), **more)


def test_golden_set_is_named_with_its_rules_pictures_and_budget(page_of):
    page = page_of(challenge=Challenge(gained=9, lost=2, holdout=used(3), golden=golden_of(1_985, 2_000, 30)))
    assert "Accurate enough on the golden set: passed" in page.text
    assert "As good as version 6 on the golden set: passed" in page.text
    assert pictures(page)["As good as version 6 on the golden set"].startswith("+0.20 points; 90 % interval ")
    assert page.text.index("Accurate enough: passed") < page.text.index("Accurate enough on the golden set")
    assert "How often these golden rows have decided" in page.text
    assert "These rows have now decided 31 times" in page.text
    assert "The same golden rows have decided 31 times" in page.text


def test_golden_set_that_rejects_leads(page_of):
    page = page_of(challenge=Challenge(gained=9, lost=2, golden=golden_of(1_800, 2_000)))
    leading = page.source.split('class="leading fail"')[1].split("</div>")[0]
    assert "Accurate enough on the golden set: failed" in leading
    assert "Golden: accuracy 90.00 % &lt; 97 %" in page.source


def test_budget_of_very_many_looks_is_a_bar(page_of):
    page = page_of(challenge=Challenge(gained=9, holdout=used(99)), gate={"holdout_looks": 1_000})
    assert (
        '<p class="meter" role="img" aria-label="100 of 1000 decisions"><i style="width: 10.0%"></i></p>' in page.source
    )


def test_champion_that_saw_the_rows_is_warned_of(page_of):
    page = page_of(challenge=Challenge(gained=2, lost=3, leak="it was trained on some of these rows"))
    assert "Version 6 may look better than it is: it was trained on some of these rows." in page.text


def test_person_who_promoted_is_named_before_the_gate(page_of):
    def override(metrics):
        metrics["version"] = 8
        metrics["override"] = {"reason": "the old one was trained on <wrong> labels", "at": "2026-03-01T02:00:09+00:00"}

    page = page_of(override, noise=0.9)
    assert page.text.index("Version 8") < page.text.index("Promoted by a person") < page.text.index("The gate said: ")
    assert "Promoted by a person: the old one was trained on <wrong> labels." in page.text
    assert "Accurate enough: failed" in page.text


def test_rule_that_this_report_does_not_know_is_shown_with_its_numbers(page_of):
    def add(metrics):
        metrics["verdict"]["rules"].append({
            "rule": "fairness_gap", "outcome": "pass", "reason": "the gap between groups is small", "subject": "age",
            "value": 1.5, "unit": "points", "interval": {"low": 0.5, "high": 2.5, "confidence": 0.9, "method": "exact"},
            "bound": {"value": 4, "direction": "at_most"},
        })  # fmt: skip

    page = page_of(add)
    assert "Fairness gap (age): passed" in page.text
    assert "The gap between groups is small." in page.text
    assert (
        pictures(page)["Fairness gap (age)"]
        == "1.50 points; 90 % interval 0.50 points to 2.50 points; at most 4 points."
    )


def test_record_of_an_older_version_is_shown_as_far_as_it_goes(page_of):
    def old(metrics):
        verdict = metrics["verdict"]
        rules = [{key: rule[key] for key in ("rule", "passed", "reason")} for rule in verdict["rules"]]
        metrics["verdict"] = {"decision": verdict["decision"], "reason": verdict["reason"], "rules": rules}

    page = page_of(old)
    assert "Promoted" in page.text
    assert pictures(page)["Accurate enough"].endswith("at least 97 %.")
    assert "Finite predictions: passed" in page.text
    rejected = page_of(old, labels=None, noise=300)
    assert "Accurate enough: failed" in rejected.text
    assert pictures(rejected)["Accurate enough"].endswith("at least 0.5.")


@pytest.mark.parametrize("extreme", [1e300, -1e300, 0.0])
def test_extreme_numbers_stay_on_the_page(page_of, extreme):
    def change(metrics):
        for rule in metrics["verdict"]["rules"]:
            rule.update(value=extreme, bound={"value": 1e-300, "direction": "at_most"}, unit="ratio")
            rule["interval"] = {"low": extreme, "high": None, "confidence": 0.9, "method": ""}

    page = page_of(change)
    styles = "".join(re.findall(r'style="[^"]*"', page.source))
    assert "nan" not in styles
    assert all(-0.01 <= float(at) <= 100.01 for at in re.findall(r"(?:left|width): ([^%;\"]+)%", styles))
    assert max(len(word) for word in page.text.split()) < 120


def test_names_of_slices_and_reasons_of_people_are_text(page_of):
    hostile = "</script><img src=x onerror=\"alert('&')\">"

    def override(metrics):
        metrics["override"] = {"reason": hostile, "at": "2026-03-01T02:00:09+00:00"}

    bad = part(hostile, 120, 50.0, below=1e-9)
    page = page_of(override, challenge=Challenge(gained=1, slices=(bad,), leak=hostile), table=numeric_table(2))
    assert f"Slice {hostile}: failed" in page.text
    assert not {"script", "img"} & set(page.tags)


def test_verdict_of_a_record_is_read_from_its_file(tmp_path):
    found = reportable(tmp_path, **PROMOTED)
    again = json.loads(json.dumps(found.metrics))
    assert render(again, found.schema, found.truth, found.predictions) == render(
        found.metrics, found.schema, found.truth, found.predictions
    )


@pytest.mark.parametrize("hostile", ["<!--/heading-->", "the old one is worse"])
def test_report_amended_after_an_override_is_the_one_that_would_be_made_anew(tmp_path, hostile):
    found = reportable(tmp_path, noise=0.9, target=f"y{hostile}")
    page = render(found.metrics, found.schema, found.truth, found.predictions)
    override = {"at": "2026-03-01T02:00:09+00:00", "by": {"user": "ada"}, "reason": hostile}
    later = {**found.metrics, "version": 8, "override": override}
    amended = amend(page, later)
    assert amended == render(later, found.schema, found.truth, found.predictions)
    assert amended != page
    assert f"Promoted by ada: {hostile}." in Page(amended).text


def test_report_without_marks_is_left_as_it_is(tmp_path):
    found = reportable(tmp_path)
    assert amend("<!doctype html><title>old</title>", found.metrics) == "<!doctype html><title>old</title>"
