"""A person's override: what is published is what was judged, what cannot be served stays out, and all is recorded."""

import io
import json
import re

import pytest
from rich.console import Console

from keepfit import exits
from keepfit.errors import QualificationError, VersionNotFoundError
from keepfit.ledger import open_ledger
from keepfit.pipeline import artifacts
from keepfit.pipeline.override import find_candidate, override
from keepfit.project import load
from keepfit.versions import Versions

REASON = "the new prices start at noon"


def kept(project):
    (folder,) = (project.models / ".candidates").iterdir()
    return folder


def rewrite(folder, change):
    """Change the metrics of a candidate, as if it had been made so."""
    metrics = artifacts.read_metrics(folder)
    change(metrics)
    artifacts.write_metrics(metrics, folder)
    artifacts.write_manifest(folder)


def events(project):
    with open_ledger(project.folder / "state" / "ledger.sqlite3") as ledger:
        return ledger.events()


def test_candidate_becomes_a_version_and_the_record_says_who_and_why(rejected):
    run = kept(rejected).name
    done = rejected.run("promote", run[:-3], "--reason", REASON, SUDO_USER="anna")
    assert done.returncode == exits.OK, done.stdout + done.stderr
    assert rejected.visible() == [1, 2]
    assert artifacts.damaged_files(rejected.models / "2") == []
    assert not (rejected.models / "2" / "sample.npz").exists()
    metrics = rejected.metrics(2)
    assert (metrics["version"], metrics["run"], metrics["verdict"]["decision"]) == (2, run, "REJECT")
    assert metrics["override"]["reason"] == REASON
    assert metrics["override"]["by"]["user"].startswith("anna as ")
    event = events(rejected)[-1]
    assert (event.kind, event.run, event.version, event.details) == ("overridden", run, 2, metrics)
    assert event.reason == f"{REASON} (override by {metrics['override']['by']['user']}; the gate said REJECT)"
    assert event.actor == metrics["override"]["by"]
    last = rejected.decisions()[-1]
    assert (last["verdict"], last["version"], last["run"]) == ("overridden", "2", run)
    assert [deployment["version"] for deployment in json.loads(rejected.run("history", "--json").stdout)["served"]] == [
        1,
        2,
    ]
    assert list((rejected.models / ".candidates").iterdir()) == []
    assert list((rejected.models / ".staging").iterdir()) == []
    page = artifacts.read_report(rejected.models / "2")
    assert "Promoted by a person" in page
    assert f"Promoted by {metrics['override']['by']['user']}: {REASON}." in page
    assert "Candidate" not in page.partition("</h1>")[0]


@pytest.mark.slow
def test_running_server_takes_it_over(rejected, serve):
    url = serve(rejected)
    done = rejected.run("promote", kept(rejected).name, "--reason", REASON)
    assert done.returncode == exits.OK, done.stdout + done.stderr
    assert f"served     by {url.partition('/v1')[0]}" in done.stdout


def lose_sample(folder):
    (folder / "sample.npz").unlink()
    artifacts.write_manifest(folder)


def lose_model(folder):
    (folder / "saved_model.pb").write_bytes(b"x")
    artifacts.write_manifest(folder)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: (folder / "saved_model.pb").write_bytes(b"x"), "not what they were: saved_model.pb"),
        (
            lambda folder: rewrite(folder, lambda metrics: metrics["evaluation"].update(finite=False)),
            "predictions are not finite numbers",
        ),
        (
            lambda folder: rewrite(folder, lambda metrics: metrics["signature"].update(output="scores")),
            "not those of version 1, whose clients would break: promote it with --new-schema",
        ),
        (lose_sample, "has no readable sample.npz"),
        (lose_model, "does not work in a fresh process"),
    ],
    ids=["changed", "not finite", "other signature", "no sample", "does not load"],
)
def test_what_cannot_be_served_is_refused_and_kept(rejected, spoil, told):
    spoil(kept(rejected))
    project = load(rejected.folder / "config.json", rejected.environ)
    with pytest.raises(QualificationError, match=re.escape(told)):
        override(project, kept(rejected).name, REASON, Console(file=io.StringIO()), rejected.environ)
    assert rejected.visible() == [1]
    assert kept(rejected).is_dir()
    assert list((rejected.models / ".staging").iterdir()) == []
    assert [event.kind for event in events(rejected)][-1] != "overridden"


def test_candidate_is_promoted_once(rejected):
    run = kept(rejected).name
    rewrite(rejected.models / "1", lambda metrics: metrics.update(run=run))
    project = load(rejected.folder / "config.json", rejected.environ)
    with pytest.raises(QualificationError, match="was promoted already: it is version 1"):
        override(project, run, REASON, Console(file=io.StringIO()), rejected.environ)


def test_run_without_a_candidate_is_told(tmp_path):
    versions = Versions(tmp_path)
    with pytest.raises(VersionNotFoundError, match=r"run 'x' has no kept candidate \(kept: none\)"):
        find_candidate(versions, "x")
    for run in ("20260301T02-a", "20260301T02-ab"):
        versions.keep_candidate(versions.stage(run), 3)
    assert find_candidate(versions, "20260301T02-a").name == "20260301T02-a"
    with pytest.raises(VersionNotFoundError, match="run '2026' is the beginning of several"):
        find_candidate(versions, "2026")


@pytest.mark.parametrize("arguments", [["x"], ["x", "--reason", "  "]])
def test_reason_must_be_given(user_project, arguments):
    done = user_project.run("promote", *arguments)
    assert done.returncode == exits.USAGE
    assert "--reason" in done.stderr
