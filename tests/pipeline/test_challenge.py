"""Whole runs against a served version: too few rows, a broken champion, slices; and what is known of it beforehand."""

import json
import re
from dataclasses import replace

import pytest

from keepfit import exits
from keepfit.config import Config
from keepfit.data.schema import Column, Schema
from keepfit.ledger import open_ledger
from keepfit.pipeline import artifacts
from keepfit.pipeline.champion import find_rival, size_bytes
from keepfit.versions import Versions

DEFAULT_GATE = {"min_accuracy_percent": 90}


def endings(project):
    with open_ledger(project.folder / "state" / "ledger.sqlite3") as ledger:
        return [event.kind for event in ledger.events()]


def test_too_few_rows_end_inconclusive_and_change_nothing(promoted):
    promoted.configure(gate=DEFAULT_GATE)
    done = promoted.run("retrain")
    assert done.returncode == exits.INCONCLUSIVE, done.stdout + done.stderr
    assert "INCONCLUSIVE" in done.stdout
    assert "cannot tell whether it is worse than version 1 by more than 0.5 points" in done.stdout
    assert "version 1 stays in service" in done.stdout
    assert "to change  about " in done.stdout
    assert promoted.visible() == [1]
    assert endings(promoted)[-1] == "inconclusive"
    assert promoted.decisions()[-1]["verdict"] == "inconclusive"
    (candidate,) = (promoted.models / ".candidates").iterdir()
    verdict = artifacts.read_metrics(candidate)["verdict"]
    assert verdict["decision"] == "INCONCLUSIVE"
    assert verdict["champion"]["version"] == 1
    assert verdict["champion"]["latency_ms"] > 0
    (rule,) = [rule for rule in verdict["rules"] if rule["rule"] == "champion"]
    assert rule["rows_needed"] > rule["rows"]
    assert (candidate / "report.html").is_file()
    assert json.loads(promoted.run("history", "--json").stdout)["runs"][-1]["status"] == "inconclusive"


def test_champion_that_does_not_load_is_inconclusive_and_ignored_if_configured(promoted):
    weights = promoted.models / "1" / "variables" / "variables.data-00000-of-00001"
    weights.write_bytes(weights.read_bytes()[:100])
    done = promoted.run("retrain")
    assert done.returncode == exits.INCONCLUSIVE, done.stdout + done.stderr
    (judged,) = re.findall(r"  judged     (.*)\n  INCONCLUSIVE ", done.stdout)
    assert judged.startswith("version 1 cannot be compared with: it does not work: ")
    assert "`keepfit rollback` takes version 1 out" in done.stdout
    assert promoted.visible() == [1]
    promoted.configure(gate={"min_accuracy_percent": 90, "champion": {"unusable": "ignore"}})
    done = promoted.run("retrain")
    assert done.returncode == exits.OK, done.stdout + done.stderr
    assert promoted.visible() == [1, 2]


def test_slices_and_metrics_are_judged_and_recorded(promoted):
    promoted.configure(
        gate={
            **DEFAULT_GATE,
            "champion": {"test": "not_shown_worse"},
            "metrics": {"auc": {"min": 0.9}, "ece": {"max": 0.5}},
            "slices": [{"where": "x1 > 2", "name": "right", "min_rows": 5, "min_accuracy_percent": 50}],
        }
    )
    done = promoted.run("retrain")
    assert done.returncode == exits.OK, done.stdout + done.stderr
    verdict = promoted.metrics(2)["verdict"]
    assert [rule["subject"] for rule in verdict["rules"] if rule["subject"]] == ["auc", "ece", "right"]
    assert verdict["slices"][0]["name"] == "right"
    assert verdict["holdout"]["looks"] == 1
    assert len(verdict["holdout"]["sketch"].split()) == 64


@pytest.mark.parametrize("part", [{"column": "nonsense"}, {"where": "x1 >"}, {"where": "x1 + 1"}])
def test_slice_that_cannot_be_found_stops_before_the_training(user_project, part):
    user_project.configure(gate={"slices": [part]})
    done = user_project.run("retrain")
    assert done.returncode == exits.USAGE
    assert done.stderr.startswith("keepfit: gate.slices")
    assert "training" not in done.stdout
    assert endings(user_project) == ["started", "failed"]


@pytest.fixture
def served(promoted):
    """The versions of a project, the served version's schema, and the config that it was trained with."""
    versions = Versions(promoted.models)
    return (
        versions,
        artifacts.read_schema(versions.path(1)),
        Config.model_validate({"data": {"synthetic": {"rows": 400}}}),
    )


def test_champion_of_the_same_form_can_be_asked(served):
    versions, schema, config = served
    rival = find_rival(versions, schema, config)
    assert rival.can_be_asked
    assert (rival.champion.version, rival.champion.leak) == (1, "")
    assert size_bytes(rival.folder) > 10_000


@pytest.mark.parametrize(
    ("change", "mismatch"),
    [
        ({"columns": [Column("x1", "numeric", "Float64")]}, "its input 'features' is float32 [?,2], the candidate's"),
        ({"columns": [Column("c", "categorical", "String")]}, "it takes an input 'features', which"),
        ({"task": "multiclass", "classes": ("a", "b", "c")}, "it answers [?,1], the candidate [?,3]"),
        ({"classes": ("no", "yes")}, "it predicts 0, 1, the candidate no, yes"),
    ],
)
def test_champion_of_another_form_says_how_it_differs(served, change, mismatch):
    versions, schema, config = served
    target = {key: value for key, value in change.items() if key != "columns"}
    columns = tuple(change.get("columns", schema.columns))
    changed = replace(schema, columns=columns, target=replace(schema.target, **target))
    rival = find_rival(versions, changed, config)
    assert not rival.can_be_asked
    assert rival.champion.mismatch.startswith(mismatch)


@pytest.mark.parametrize(
    ("data", "leak"),
    [
        ({}, ""),
        ({"holdout_fraction": 0.1}, ""),
        ({"holdout_fraction": 0.3}, "data.holdout_fraction has grown since"),
        ({"split_by": ["x1"]}, "data.split_by has changed since"),
    ],
)
def test_champion_that_may_have_seen_the_holdout_is_known(served, data, leak):
    versions, schema, _ = served
    config = Config.model_validate({"data": {"synthetic": {"rows": 400}, **data}})
    assert find_rival(versions, schema, config).champion.leak == leak


def test_champion_without_a_record_may_have_seen_everything(served):
    versions, schema, config = served
    (versions.path(1) / "metrics.json").unlink()
    assert "does not say on which rows" in find_rival(versions, schema, config).champion.leak


def test_champion_whose_graph_is_gone_is_a_problem(served):
    versions, schema, config = served
    (versions.path(1) / "saved_model.pb").write_bytes(b"rubbish")
    assert find_rival(versions, schema, config).champion.problem.startswith("it cannot be loaded: ")


def test_nothing_served_is_no_rival(tmp_path):
    assert find_rival(Versions(tmp_path), Schema((), None), Config()) is None
