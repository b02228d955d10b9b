"""Runs and versions are found by number, id or the beginning of it, wherever they are recorded."""

import json

import pytest

from keepfit import lookup
from keepfit.errors import VersionNotFoundError
from keepfit.ledger import open_ledger
from keepfit.project import load
from keepfit.versions import Versions


def metrics_of(run, version=None):
    return {"run": run, "version": version, "verdict": {"decision": "PROMOTE", "reason": "good"}, "seed": 7}


@pytest.fixture
def project(tmp_path):
    """Versions 1 (pruned), 2 (current), 3 (rolled back); runs that were rejected, kept, and failed."""
    project = load(tmp_path / "config.json", {"TF_HOST": "127.0.0.1:1"})
    versions = Versions(project.models_dir)
    with open_ledger(project.ledger_path) as ledger:
        for number in (1, 2, 3):
            run = f"2026030{number}T020000-aaaaaa"
            ledger.append("started", "schedule", run=run)
            staged = versions.stage(run)
            (staged / "metrics.json").write_text(json.dumps(metrics_of(run, number)))
            (staged / "manifest.json").write_text("{}")
            versions.publish(staged, versions.reserve())
            ledger.append("promoted", "good", run=run, version=number, details=metrics_of(run, number))
        versions.retire(3)
        ledger.append("rolled_back", "bad", version=2)
        (versions.folder / "1").rename(tmp_path / "pruned")
        ledger.append("started", "manual", run="20260304T020000-bbbbbb")
        ledger.append("failed", "no such luck", run="20260304T020000-bbbbbb")
    staged = versions.stage("20260305T020000-cccccc")
    (staged / "metrics.json").write_text(json.dumps(metrics_of("20260305T020000-cccccc")))
    versions.keep_candidate(staged, 3)
    return project


@pytest.mark.parametrize(
    ("name", "version", "place"),
    [
        ("1", 1, "its files are gone"),
        ("2", 2, "the current one"),
        ("3", 3, "rolled back, `keepfit restore 3` brings it back"),
        ("20260302T020000-aaaaaa", 2, "the current one"),
        ("20260301", 1, "its files are gone"),
        ("20260304", None, "no model is kept"),
        ("20260305", None, "kept, not promoted"),
    ],
)
def test_runs_and_versions_are_found_wherever_they_are(project, name, version, place):
    entry = lookup.find(lookup.read(project), name)
    assert (entry.version, entry.place) == (version, place)
    assert (entry.metrics.get("seed") == 7) == (name != "20260304")


def test_times_in_service_are_those_of_the_version(project):
    account = lookup.read(project)
    assert [bool(found.until) for found in lookup.find(account, "2").deployments] == [True, False]
    assert [bool(found.until) for found in lookup.find(account, "3").deployments] == [True]


@pytest.mark.parametrize("name", ["4", "nonsense", "202603", ""])
def test_what_is_unknown_or_ambiguous_is_told(project, name):
    with pytest.raises(VersionNotFoundError, match="keepfit history"):
        lookup.find(lookup.read(project), name)


@pytest.mark.parametrize("trouble", ["deleted", "damaged"])
def test_without_a_ledger_the_directories_tell_what_they_can(project, trouble):
    if trouble == "deleted":
        project.ledger_path.unlink()
    else:
        project.ledger_path.write_bytes(b"rubbish" * 100)
    account = lookup.read(project)
    assert lookup.find(account, "2").metrics["seed"] == 7
    assert lookup.find(account, "20260305").place == "kept, not promoted"
    assert [("is damaged" in note) for note in account.notes] == [True] * (trouble == "damaged")
    assert project.ledger_path.exists() == (trouble == "damaged"), "looking must not write"
