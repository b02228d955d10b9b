"""One run at a time, and what a killed one left is put right by the next."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from keepfit.errors import BusyError, StorageError
from keepfit.ledger import Event, open_ledger
from keepfit.pipeline.lock import only_run
from keepfit.pipeline.recover import Recovery, recover
from keepfit.versions import Versions

HOLD = (
    "import sys; from pathlib import Path; from keepfit.pipeline.lock import only_run\n"
    "with only_run(Path(sys.argv[1]), 'schedule'):\n"
    "    print(flush=True); sys.stdin.read()\n"
)


@pytest.fixture
def holder(tmp_path):
    """A process that holds the run lock of tmp_path."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_second_run_is_told_who_holds_the_lock(tmp_path, holder):
    with pytest.raises(BusyError) as caught, only_run(tmp_path, "manual"):
        pass
    assert str(caught.value).startswith(f"another run is under way (process {holder.pid}, since 20")
    assert str(caught.value).endswith("started by schedule): wait until it has ended")


@pytest.mark.parametrize("content", ["", "[]", "{}", "rubbish"])
def test_unreadable_note_does_not_hide_that_it_is_busy(tmp_path, holder, content):
    (tmp_path / ".run.holder").write_text(content)
    with pytest.raises(BusyError, match="it is just starting or ending"), only_run(tmp_path, "manual"):
        pass


def test_lock_of_a_killed_process_is_free(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with only_run(tmp_path, "manual"):
        assert json.loads((tmp_path / ".run.holder").read_text())["pid"] == os.getpid()
    assert not (tmp_path / ".run.holder").exists()


def test_lock_is_free_again_even_while_the_error_of_the_run_is_held(tmp_path):
    try:
        with only_run(tmp_path, "manual"):
            raise ZeroDivisionError
    except ZeroDivisionError as error:
        kept = error
    code = HOLD.replace("sys.stdin.read()", "pass")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, check=False)
    assert done.returncode == 0, kept


def test_file_in_place_of_the_models_folder_is_told(tmp_path):
    (tmp_path / "models").write_text("")
    with pytest.raises(StorageError), only_run(tmp_path / "models", "manual"):
        pass


@pytest.fixture
def versions(tmp_path):
    return Versions(tmp_path / "models")


@pytest.fixture
def ledger(tmp_path):
    with open_ledger(tmp_path / "ledger.sqlite3") as found:
        yield found


def publish(versions, metrics):
    staged, number = versions.stage("run"), versions.reserve()
    if metrics is not None:
        (staged / "metrics.json").write_text(json.dumps(metrics))
    versions.publish(staged, number)
    return number


METRICS = {"run": "run-7", "created_at": "2026-03-01T02:00:00+00:00", "verdict": {"reason": "98 % ≥ 97 %"}}


NOTHING = Recovery(0, (), ())


def test_nothing_to_do_does_nothing(versions, ledger):
    assert recover(versions, ledger) == NOTHING
    assert ledger.events() == []


def test_leftovers_go_and_the_killed_run_is_recorded(versions, ledger):
    versions.stage("run-1")
    ledger.append("started", "manual", run="run-1")
    found = recover(versions, ledger)
    assert [(event.kind, event.run) for event in found.news] == [("interrupted", "run-1")]
    assert (found.removed, found.rebuilt) == (1, ())
    assert [event.kind for event in ledger.events()] == ["started", "interrupted"]
    assert recover(versions, ledger) == NOTHING


def test_version_published_right_before_the_kill_gets_its_record(versions, ledger):
    ledger.append("started", "manual", run="run-7")
    number = publish(versions, METRICS)
    (event,) = recover(versions, ledger).news
    assert (event.kind, event.run, event.version) == ("promoted", "run-7", number)
    recorded = ledger.events()[-1]
    assert recorded.reason == "98 % ≥ 97 % (recorded afterwards)"
    assert recorded.at.isoformat() == METRICS["created_at"]
    assert recorded.details == METRICS
    assert recover(versions, ledger) == NOTHING


@pytest.mark.parametrize("metrics", [None, {}, {"verdict": 3, "created_at": 7, "run": None}, {"created_at": "x"}])
def test_version_that_somebody_else_put_there_is_recorded_as_well(versions, ledger, metrics):
    number = publish(versions, metrics)
    recover(versions, ledger)
    (event,) = ledger.events()
    assert (event.version, event.reason) == (number, "found in the models folder (recorded afterwards)")


def test_lost_ledger_is_rebuilt_with_what_was_taken_back_and_what_was_not_promoted(versions, ledger):
    for day in (1, 2, 3):
        publish(versions, {**METRICS, "run": f"run-{day}", "created_at": f"2026-03-0{day}T02:00:00+00:00"})
    versions.retire(2)
    for name, decision in (("run-4", "REJECT"), ("run-5", "INCONCLUSIVE"), ("run-6", "PROMOTE")):
        staged = versions.stage(name)
        metrics = {
            "created_at": f"2026-03-0{name[-1]}T02:00:00+00:00",
            "verdict": {"decision": decision, "reason": "r"},
        }
        (staged / "metrics.json").write_text(json.dumps(metrics))
        versions.keep_candidate(staged, 3)
    found = recover(versions, ledger)
    assert (found.news, len(found.rebuilt)) == ((), 7)
    assert [(event.kind, event.run, event.version) for event in ledger.events()] == [
        ("promoted", "run-1", 1),
        ("promoted", "run-2", 2),
        ("promoted", "run-3", 3),
        ("rejected", "run-4", None),
        ("inconclusive", "run-5", None),
        ("staged", "run-6", None),
        ("rolled_back", None, 1),
    ]
    assert recover(versions, ledger) == NOTHING


def test_version_that_appears_beside_a_sound_record_is_news(versions, ledger):
    ledger.append("started", "manual", run="another")
    ledger.append("promoted", "x", run="another", version=9)
    publish(versions, METRICS)
    found = recover(versions, ledger)
    assert ([event.run for event in found.news], found.rebuilt) == (["run-7"], ())


def test_damaged_record_lost_what_was_told_but_not_the_ending_of_a_killed_run(versions, ledger):
    publish(versions, {**METRICS, "run": "run-6"})
    publish(versions, METRICS)
    ledger.append("started", "manual", run="run-7")
    found = recover(versions, ledger, was_damaged=True)
    assert [event.run for event in found.news] == ["run-7"]
    assert [event.run for event in found.rebuilt] == ["run-6"]


def test_override_is_rebuilt_as_one(versions, ledger):
    override = {"at": "2026-03-05T02:00:00+00:00", "by": {"user": "anna", "host": "box"}, "reason": "needed today"}
    publish(versions, {**METRICS, "override": override})
    recover(versions, ledger)
    (event,) = ledger.events()
    assert (event.kind, event.at.day, event.reason) == (
        "overridden",
        5,
        "needed today (override) (recorded afterwards)",
    )


def test_run_that_another_host_started_is_not_called_interrupted(versions, ledger):
    ledger.add([Event(datetime.now(UTC), "started", "x", None, "manual", {}, {"host": "elsewhere.example"})])
    assert recover(versions, ledger) == NOTHING


def test_version_that_was_restored_is_not_recorded_twice(versions, ledger):
    publish(versions, METRICS)
    recover(versions, ledger)
    publish(versions, METRICS)
    ledger.append("restored", "x", version=2)
    assert recover(versions, ledger) == NOTHING
