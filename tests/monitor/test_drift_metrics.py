"""The figures of drift, from events alone."""

from tests.monitor.events import BEGAN, DRIFT, event, samples

from keepfit.monitor.drift_metrics import SHOWN_COLUMNS, drift_metrics


def figures(events, current=1):
    return samples(drift_metrics("m", events, current))


def test_without_a_comparison_there_is_only_its_time():
    assert figures([event("promoted", "a", 1, drift={"findings": [], "reason": "no version"})]) == {
        ("keepfit_drift_compared_timestamp_seconds",): 0
    }


def test_the_last_comparison_is_shown_and_one_is_no_alarm():
    found = figures([event("rejected", "a", hours=1, drift=DRIFT), event("failed", "b", hours=2)])
    assert found["keepfit_drift_compared_timestamp_seconds",] == BEGAN.timestamp() + 3600
    assert found["keepfit_drift_rows", "reference"] == 5000
    assert found["keepfit_drift_rows", "current"] == 800
    assert found["keepfit_drift_p_value", "age", "ks"] == 0.001
    assert found["keepfit_drift_effect", "age", "ks"] == 0.3
    assert found["keepfit_drift_significant", "age", "ks"] == 1
    assert found["keepfit_drift_significant", "city", "chi2"] == 0
    assert found["keepfit_drift_alarm", "age"] == 0


def test_the_second_in_a_row_on_new_data_alarms_until_a_version_learned_from_it():
    events = [event("rejected", "a", drift=DRIFT), event("promoted", "b", 2, drift={**DRIFT, "fingerprint": "other"})]
    assert figures(events, 1)["keepfit_drift_alarm", "age"] == 1
    assert figures(events, 1)["keepfit_drift_alarm", "city"] == 0
    assert figures(events, 2)["keepfit_drift_alarm", "age"] == 0


def test_very_many_columns_make_a_bounded_number_of_series_and_lose_no_alarm():
    findings = [
        {"column": f"c{number}", "test": "ks", "p_value": 0.0, "effect": 0.5, "drifted": True} for number in range(500)
    ]
    record = {**DRIFT, "findings": findings}
    found = figures(
        [event("rejected", "a", drift=record), event("rejected", "b", drift={**record, "fingerprint": "o"})]
    )
    assert sum(name[0] == "keepfit_drift_p_value" for name in found) == SHOWN_COLUMNS
    assert sum(value for name, value in found.items() if name[0] == "keepfit_drift_alarm") == 500
