"""Rollback and restore by a person: done at once, recorded, and announced even if something else is in trouble."""

import io
import re

import pytest
from rich.console import Console

from keepfit import deployment
from keepfit.errors import StorageError, VersionNotFoundError
from keepfit.ledger import LedgerPlace, mend, open_ledger
from keepfit.pipeline import artifacts
from keepfit.project import load
from keepfit.versions import Versions


@pytest.fixture
def project(tmp_path):
    found = load(tmp_path / "config.json", {"TF_HOST": "127.0.0.1:1"})
    versions = Versions(found.models_dir)
    for number in (1, 2, 3):
        staged = versions.stage(f"run-{number}")
        (staged / "saved_model.pb").write_text(str(number))
        artifacts.write_manifest(staged)
        versions.publish(staged, versions.reserve())
    return found


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=200)


def test_rollback_is_recorded_and_announced(project, console):
    deployment.roll_back(project, None, "predicts rubbish", console, {})
    assert Versions(project.models_dir).numbers() == [1, 2]
    with open_ledger(project.ledger_path) as ledger:
        (event,) = ledger.events()
    assert (event.kind, event.version) == ("rolled_back", 2)
    assert event.reason == "rolled back from 3 to version 2: predicts rubbish"
    line = project.notifications_path.read_text()
    assert "version=2 verdict=rolled_back reason=rolled back from 3 to version 2: predicts rubbish\n" in line
    assert "`keepfit restore 3` brings version 3 back" in console.file.getvalue()


def test_rollback_over_several_versions_names_them_all(project, console):
    deployment.roll_back(project, 1, "why not", console, {})
    assert "rolled back from 2, 3 to version 1" in console.file.getvalue()


def test_rollback_to_the_current_version_records_nothing(project, console):
    deployment.roll_back(project, 3, "x", console, {})
    assert console.file.getvalue() == "version 3 is the current one already\n"
    assert not project.notifications_path.exists()


def test_rollback_to_nowhere_changes_nothing(project, console):
    with pytest.raises(VersionNotFoundError):
        deployment.roll_back(project, 7, "x", console, {})
    assert Versions(project.models_dir).numbers() == [1, 2, 3]


def test_restore_brings_the_version_back(project, console):
    deployment.roll_back(project, 1, "x", console, {})
    deployment.restore(project, 3, "was fine", console, {})
    assert Versions(project.models_dir).numbers() == [1, 3]
    with open_ledger(project.ledger_path) as ledger:
        event = ledger.events()[-1]
    assert (event.kind, event.version, event.reason) == ("restored", 3, "restored version 3: was fine")


def test_restored_version_below_the_current_one_does_not_come_into_service(project, console):
    versions = Versions(project.models_dir)
    versions.retire(2)
    deployment.restore(project, 2, "for comparison", console, {})
    text = "restored version 2 beside version 3, which stays in service: for comparison"
    assert text in console.file.getvalue()
    with open_ledger(project.ledger_path) as ledger:
        event = ledger.events()[-1]
    assert (event.version, event.reason) == (3, text)


@pytest.mark.parametrize("name", ["saved_model.pb", "manifest.json"])
def test_damaged_version_is_not_restored(project, console, name):
    versions = Versions(project.models_dir)
    deployment.roll_back(project, None, "x", console, {})
    (versions.retired_path(3) / name).write_text("{")
    with pytest.raises(
        StorageError, match="version 3 cannot be restored, its files are not what they were: " + re.escape(name)
    ):
        deployment.restore(project, 3, "x", console, {})
    assert versions.numbers() == [1, 2]


def test_rollback_works_although_the_ledger_is_broken(project, console):
    project.ledger_path.parent.mkdir(parents=True)
    project.ledger_path.write_bytes(b"rubbish" * 200)
    deployment.roll_back(project, 1, "x", console, {})
    assert Versions(project.models_dir).numbers() == [1]
    assert "note: the ledger " in console.file.getvalue()
    assert "waits in a file" in console.file.getvalue()
    assert "verdict=rolled_back" in project.notifications_path.read_text()
    mend(LedgerPlace.of(project))
    with open_ledger(project.ledger_path) as ledger:
        assert [(event.kind, event.version) for event in ledger.events()] == [("rolled_back", 1)]
