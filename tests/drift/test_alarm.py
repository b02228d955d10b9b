"""Two comparisons in a row, on different data, with the version that is current."""

import pytest

from keepfit.drift.alarm import alarming_columns


def seen(fingerprint, *drifted, version=3):
    findings = [{"column": name, "test": "ks", "drifted": name in drifted} for name in ("age", "income")]
    return {"reference_version": version, "fingerprint": fingerprint, "findings": findings}


NOTHING = {"reference_version": 3, "fingerprint": "x", "findings": [], "reason": "too few rows"}


@pytest.mark.parametrize(
    ("records", "alarm"),
    [
        ([], []),
        ([seen("a", "age")], []),
        ([seen("a", "age"), seen("b", "age")], ["age"]),
        ([seen("a", "age", "income"), seen("b", "income", "age")], ["age", "income"]),
        ([seen("a", "age"), seen("b", "income")], []),
        ([seen("a", "age"), seen("b", "age"), seen("c")], []),
        ([seen("a", "age"), seen("a", "age")], []),
        ([seen("a", "age"), seen("b"), seen("a", "age")], []),
        ([seen("a", "age"), NOTHING, seen("b", "age")], ["age"]),
        ([seen("a", "age", version=2), seen("b", "age")], []),
        ([seen("a", "age", version=2), seen("b", "age", version=2)], []),
        ([{}, {"findings": None}], []),
    ],
    ids=[
        "no run",
        "one",
        "two in a row",
        "two columns",
        "another column",
        "gone again",
        "the same data twice",
        "the same data again later",
        "a run without a comparison between",
        "another version learned meanwhile",
        "a version that is no longer current",
        "records of other shapes",
    ],
)
def test_alarm(records, alarm):
    assert alarming_columns(records, 3) == alarm
