"""What Alertmanager sends, as people read it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepfit.errors import InvalidRequestError
from keepfit.monitor.alerts import read

DOWN = {
    "status": "firing",
    "labels": {"alertname": "KeepfitModelServerDown", "severity": "critical", "instance": "tfserving:8501"},
    "annotations": {"summary": "It does not answer.", "runbook_url": "docs/alerts.md#keepfitmodelserverdown"},
    "startsAt": "2026-03-01T02:00:00Z",
    "fingerprint": "1",
}
DRIFT = {
    "status": "resolved",
    "labels": {"alertname": "KeepfitDrift", "severity": "warning", "model": "keepfit"},
    "annotations": {"summary": "Column age\nis other.", "runbook_url": "docs/alerts.md#keepfitdrift"},
}


def group(*alerts, **more):
    return read(json.dumps({"version": "4", "status": "firing", "alerts": alerts, **more}).encode())


def test_each_alert_is_one_line():
    lines = [alert.line() for alert in group(DOWN, DRIFT).alerts]
    assert lines == [
        "model=- alert=KeepfitModelServerDown status=firing severity=critical reason=It does not answer.",
        "model=keepfit alert=KeepfitDrift status=resolved severity=warning reason=Column age is other.",
    ]


def test_a_group_is_one_message_with_runbooks_for_what_fires():
    found = group(DOWN, DOWN, DRIFT, truncatedAlerts=3)
    assert found.title == "Keepfit: KeepfitModelServerDown firing; KeepfitDrift resolved"
    assert (
        "KeepfitModelServerDown firing (critical): It does not answer.\nWhat to do: docs/alerts.md#keepf" in found.body
    )
    assert "What to do: docs/alerts.md#keepfitdrift" not in found.body
    assert found.body.endswith("And 3 more: see notifications.log, or Alertmanager.")


def test_a_message_of_very_many_alerts_stays_one_that_people_read():
    many = [{**DOWN, "labels": {"alertname": f"Alert{number}"}} for number in range(1000)]
    found = group(*many, truncatedAlerts=1)
    assert found.body.endswith("And 981 more: see notifications.log, or Alertmanager.")
    assert len(found.body) < 5000
    assert len(found.title) <= 500
    assert len({alert.line() for alert in found.alerts}) == 1000


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"alerts": []}', b'{"alerts": [{"status": "odd"}]}', b"\xff", b"[" * 100_000]
)
def test_anything_else_is_refused_in_a_sentence(body):
    with pytest.raises(InvalidRequestError, match="not what Alertmanager's webhook sends"):
        read(body)


@given(st.dictionaries(st.sampled_from(["alertname", "severity", "model"]), st.text()), st.text())
def test_no_text_makes_a_second_line_or_a_second_word(labels, summary):
    alert = group({"status": "firing", "labels": labels, "annotations": {"summary": summary}}).alerts[0]
    head, _, reason = alert.line().partition(" reason=")
    assert [word.split("=")[0] for word in head.split(" ")] == ["model", "alert", "status", "severity"]
    assert len(alert.line().splitlines()) == 1
    assert 0 < len(reason) <= 500


def test_a_long_text_is_cut():
    alert = group({"status": "firing", "labels": {"alertname": "x" * 10_000}, "annotations": {"summary": "y" * 10_000}})
    assert len(alert.alerts[0].line()) < 1200
