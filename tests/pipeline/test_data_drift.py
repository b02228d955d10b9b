"""A run compares its data with what the served version learned from, records it, tells it, and judges as ever."""

import json

import pytest

from keepfit.config import DriftConfig
from keepfit.drift.sample import REFERENCE
from keepfit.pipeline.data_drift import compare_with_served
from keepfit.pipeline.drift_wording import told
from keepfit.versions import Versions


def candidate_metrics(project):
    [kept] = (project.models / ".candidates").iterdir()
    return json.loads((kept / "metrics.json").read_text(encoding="utf-8"))


def test_the_first_version_keeps_a_sample_and_has_nothing_to_be_compared_with(promoted):
    assert (promoted.models / "1" / REFERENCE).is_file()
    assert REFERENCE in (promoted.models / "1" / "manifest.json").read_text(encoding="utf-8")
    record = promoted.metrics(1)["drift"]
    assert (record["reference_version"], record["findings"]) == (None, [])
    assert record["reason"] == "there is no version yet"


def test_a_run_on_other_data_records_what_differs(rejected):
    metrics = candidate_metrics(rejected)
    record = metrics["drift"]
    assert record["reference_version"] == 1
    assert record["fingerprint"] == metrics["dataset"]["fingerprint"]
    assert record["rows"] == metrics["dataset"]["train_rows"]
    assert record["tests"] == 3
    by_column = {finding["column"]: finding for finding in record["findings"]}
    # the classes lie nearer to one another, and are as many as before
    assert by_column["x1"]["drifted"]
    assert by_column["x2"]["drifted"]
    assert not by_column["label"]["drifted"]
    log = (rejected.folder / "last_train_log.txt").read_text(encoding="utf-8")
    assert "drift: differs from the data of version 1: x" in log
    shown = rejected.run("show", metrics["run"], COLUMNS="200").stdout
    assert "differs from the data of version 1: x" in shown


class Data:
    """Of a dataset what is asked for before anything is compared."""

    fingerprint = "f"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "the served version keeps no sample of its data"),
        (lambda path: path.write_bytes(b"nonsense"), "reference.parquet cannot be read"),
    ],
)
def test_a_sample_that_is_gone_or_broken_stops_nothing(promoted, spoil, reason):
    spoil(promoted.models / "1" / REFERENCE)
    record = compare_with_served(Data(), Versions(promoted.models), DriftConfig())
    assert reason in record["reason"]
    assert told(record).startswith("not compared: ")


def test_what_is_told_names_the_clearest_columns_and_counts_the_others():
    findings = [
        {"column": f"c{number}", "test": "ks", "p_value": 0.0, "effect": 0.5, "drifted": number < 7}
        for number in range(9)
    ]
    record = {"reference_version": 3, "reason": "", "tests": 9, "findings": findings}
    assert told(record) == (
        "differs from the data of version 3: c0 by 0.50 (ks), c1 by 0.50 (ks), c2 by 0.50 (ks), c3 by 0.50 (ks), "
        "c4 by 0.50 (ks) and 2 more"
    )
    assert told({**record, "findings": findings[7:]}) == "no column differs from the data of version 3 (9 tests)"
