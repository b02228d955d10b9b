"""The tables of a real project at 80 columns, without a terminal, and the same as JSON."""

import json

import pytest

from keepfit.tables.wording import value


@pytest.mark.parametrize("command", [["history"], ["show", "1"], ["compare", "1", "CANDIDATE"], ["show", "CANDIDATE"]])
def test_tables_fit_into_80_columns_and_name_what_matters(rejected, command):
    (candidate,) = (path.name for path in (rejected.models / ".candidates").iterdir())
    done = rejected.run(*(candidate if word == "CANDIDATE" else word for word in command), COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\x1b" not in done.stdout
    assert "…" not in done.stdout, "something is cut off"
    if command[0] != "compare":
        assert (candidate if "CANDIDATE" in command else rejected.metrics(1)["run"]) in done.stdout


def test_show_as_json_has_the_whole_record(rejected):
    found = json.loads(rejected.run("show", "1", "--json").stdout)
    assert found["metrics"] == rejected.metrics(1)
    assert [event["kind"] for event in found["events"]] == ["started", "promoted"]
    assert set(found["events"][0]["actor"]) == {"user", "host"}


def test_compare_as_json_tells_the_classes_apart(rejected):
    (candidate,) = (path.name for path in (rejected.models / ".candidates").iterdir())
    found = json.loads(rejected.run("compare", "1", candidate[:-2], "--json").stdout)
    assert (found["a"], found["b"]) == ("version 1", f"run {candidate}")
    assert {"name": "data.synthetic.class_separation", "a": 6.0, "b": 1.0, "change": -5.0} in found["config"]
    assert {"name": "verdict", "a": "PROMOTE", "b": "REJECT", "change": None} in found["rules"]
    accuracy = next(row for row in found["measures"] if row["name"] == "accuracy, %")
    assert accuracy["change"] < 0


def test_history_as_json_names_who_started_a_run(rejected):
    runs = json.loads(rejected.run("history", "--json").stdout)["runs"]
    assert [(run["status"], run["trigger"]) for run in runs] == [("promoted", "manual"), ("rejected", "manual")]
    assert all(set(run["by"]) == {"user", "host"} for run in runs)


def test_unknown_name_is_told_in_one_sentence(rejected):
    done = rejected.run("show", "77")
    assert done.returncode == 2
    assert done.stderr == "keepfit: there is no version 77, and none is recorded: see `keepfit history`\n"


def test_lists_of_a_config_read_as_in_config_json():
    assert (
        value([{"column": "region", "where": None, "optional": False}]) == '[{"column": "region", "optional": false}]'
    )
    assert value([]) == "[]"
