"""The figures of versions, from events alone."""

from tests.monitor.events import BEGAN, JUDGED, event, samples

from keepfit.monitor.published import SHOWN_VERSIONS, version_metrics


def figures(events, current):
    return samples(version_metrics("m", events, current))


def test_without_a_version_there_is_no_age():
    found = figures([], None)
    assert found["keepfit_current_version",] == 0
    assert not [name for name in found if "timestamp" in name[0] and "rollback" not in name[0]]


def test_the_current_version_has_the_age_of_its_making_and_the_time_of_its_deployment():
    events = [
        event("promoted", "a", 1),
        event("promoted", "b", 2, hours=24),
        event("rolled_back", None, 1, hours=30),
    ]
    found = figures(events, 1)
    assert found["keepfit_current_version",] == 1
    assert found["keepfit_current_version_created_timestamp_seconds",] == BEGAN.timestamp()
    assert found["keepfit_current_version_since_timestamp_seconds",] == BEGAN.timestamp() + 30 * 3600
    assert found["keepfit_rollbacks_total",] == 1
    assert found["keepfit_last_rollback_timestamp_seconds",] == BEGAN.timestamp() + 30 * 3600


def test_measures_and_gate_figures_are_shown_by_version():
    found = figures([event("promoted", "a", 1, **JUDGED), event("overridden", "b", 2, **JUDGED)], 2)
    assert found["keepfit_version_measure", "accuracy_percent", "1"] == 98.5
    assert found["keepfit_version_measure", "accuracy_percent", "2"] == 98.5
    assert ("keepfit_version_measure", "finite", "1") not in found
    assert found["keepfit_gate_value", "min_accuracy_percent", "", "2"] == 98.5
    assert found["keepfit_gate_bound", "min_accuracy_percent", "", "2"] == 97
    assert found["keepfit_gate_value", "slice", "age < 30", "2"] == 91
    assert ("keepfit_gate_value", "finite_predictions", "", "2") not in found


def test_the_last_candidate_is_shown_though_it_was_rejected():
    worse = {"evaluation": {"accuracy_percent": 60.0}}
    found = figures([event("promoted", "a", 1, **JUDGED), event("rejected", "b", **worse), event("failed", "c")], 1)
    assert found["keepfit_last_candidate_measure", "accuracy_percent"] == 60
    assert found["keepfit_version_measure", "accuracy_percent", "1"] == 98.5


def test_versions_long_gone_make_no_series():
    events = [event("promoted", str(number), number, **JUDGED) for number in range(1, 100)]
    shown = {name[2] for name in figures(events, 99) if name[0] == "keepfit_version_measure"}
    assert shown == {str(number) for number in range(100 - SHOWN_VERSIONS, 100)}


def test_records_of_other_shapes_do_no_harm():
    events = [event("promoted", "a", 1, evaluation=[1], verdict={"rules": ["x", None]}), event("rejected", "b")]
    assert figures(events, 1)["keepfit_current_version",] == 1
