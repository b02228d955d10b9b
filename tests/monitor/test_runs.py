"""The figures of runs, from events alone."""

import pytest
from tests.monitor.events import BEGAN, event, samples

from keepfit.monitor.runs import consecutive_rejections, run_metrics

SUCCESS = ("keepfit_last_successful_retraining_timestamp_seconds",)


def figures(*events):
    return samples(run_metrics("m", events))


def test_a_project_without_runs_says_never():
    found = figures()
    assert found[SUCCESS] == 0
    assert found["keepfit_last_promotion_timestamp_seconds",] == 0
    assert found["keepfit_last_run_timestamp_seconds",] == 0
    assert found["keepfit_runs_total", "promoted"] == 0
    assert found["keepfit_last_run_verdict", "promoted"] == 0


@pytest.mark.parametrize("verdict", ["promoted", "rejected", "inconclusive"])
def test_any_verdict_is_a_success(verdict):
    assert figures(event("failed", "a"), event(verdict, "b", hours=1))[SUCCESS] == BEGAN.timestamp() + 3600


@pytest.mark.parametrize("ending", ["failed", "invalid_data", "interrupted", "staged", "started", "rolled_back"])
def test_an_ending_without_a_verdict_is_none(ending):
    assert figures(event("rejected", "a"), event(ending, "b", hours=1))[SUCCESS] == BEGAN.timestamp()


def test_the_last_run_is_shown_with_its_time_and_stages():
    found = figures(
        event("started", "a"),
        event("failed", "a", hours=1),
        event("started", "b", hours=2),
        event("rejected", "b", hours=2.5, durations_s={"data": 1.5, "training": 60}),
        event("staged", "c", hours=3),
    )
    assert found["keepfit_last_run_timestamp_seconds",] == BEGAN.timestamp() + 2.5 * 3600
    assert found["keepfit_last_run_seconds",] == 1800
    assert found["keepfit_last_run_stage_seconds", "training"] == 60
    assert found["keepfit_last_run_verdict", "rejected"] == 1
    assert found["keepfit_last_run_verdict", "failed"] == 0
    assert found["keepfit_runs_total", "failed"] == 1
    assert found["keepfit_runs_total", "rejected"] == 1


@pytest.mark.parametrize(
    ("kinds", "count"),
    [
        ((), 0),
        (("rejected", "rejected", "rejected"), 3),
        (("rejected", "promoted", "rejected"), 1),
        (("rejected", "rejected", "overridden"), 0),
        (("rejected", "failed", "inconclusive", "staged", "rolled_back", "rejected"), 2),
    ],
)
def test_rejections_count_since_the_last_publication(kinds, count):
    assert consecutive_rejections([event(kind, str(number)) for number, kind in enumerate(kinds)]) == count
