"""What retrains a project by itself, with real runs in processes of their own."""

import os
import time
from datetime import UTC, datetime

import pytest

from keepfit import exits
from keepfit.project import load
from keepfit.retrainer import FIRST_RETRY_S, Retrainer
from keepfit.supervisor import stop_processes


@pytest.fixture
def retrainers():
    made = []

    def make(user_project, told):
        config = user_project.folder / "config.json"
        made.append(Retrainer(load(config, user_project.environ), ("--config", str(config)), os.environ, told.append))
        return made[-1]

    yield make
    for retrainer in made:
        stop_processes(retrainer.release(), 30)


def run_to_the_end(retrainer, now):
    deadline = time.monotonic() + 120
    retrainer.tick(now)
    while retrainer.is_busy:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        retrainer.tick(now)


def test_first_version_is_trained_at_once_and_only_if_there_is_none(retrainers, promoted, user_project):
    told = []
    retrainer = retrainers(promoted, told)
    retrainer.want_first_version()
    retrainer.tick(0.0)
    assert not retrainer.is_busy
    assert told == []
    retrainer = retrainers(user_project, told)
    retrainer.want_first_version()
    retrainer.tick(0.0)
    assert retrainer.is_busy
    assert told == ["has no version yet and trains the first one"]


def test_it_announces_once_there_is_a_version_then_keeps_the_schedule_until_told_not_to(retrainers, promoted):
    told = []
    answers = iter([True, True, True, False])
    retrainers(promoted, told).run(lambda: next(answers), lambda: told.append("announced"))
    announced, following = told
    assert announced == "announced"
    assert following.startswith("the next scheduled retraining is on ")


def test_it_announces_nothing_if_it_is_stopped_before_there_is_a_version(retrainers, user_project):
    told = []
    retrainers(user_project, told).run(lambda: False, lambda: told.append("announced"))
    assert told == ["has no version yet and trains the first one"]


def test_a_run_that_met_a_full_or_forbidden_folder_is_tried_again_later_and_later(retrainers, user_project):
    (user_project.folder / "models").write_text("a file stands where a folder is expected")
    told = []
    retrainer = retrainers(user_project, told)
    retrainer.want_first_version()
    run_to_the_end(retrainer, now=0.0)
    assert told[-1] == f"the retraining could not run (exit code {exits.STORAGE}): it is tried again in 60 s"
    retrainer.tick(FIRST_RETRY_S - 1)
    assert not retrainer.is_busy
    run_to_the_end(retrainer, now=FIRST_RETRY_S)
    assert told[-1].endswith("it is tried again in 120 s")


def test_a_rejected_candidate_is_not_tried_again(retrainers, user_project):
    user_project.configure(data={"synthetic": {"rows": 400, "class_separation": 1.0}})
    told = []
    retrainer = retrainers(user_project, told)
    retrainer.want_first_version()
    run_to_the_end(retrainer, now=0.0)
    retrainer.tick(1e9)
    assert not retrainer.is_busy
    assert user_project.visible() == []
    assert told == ["has no version yet and trains the first one"]


def test_schedule_says_when_it_is_due(retrainers, promoted):
    told = []
    retrainers(promoted, told).start_schedule(datetime(2026, 5, 1, tzinfo=UTC))
    assert told == ["the next scheduled retraining is on Sunday 03 May 2026 at 02:00 UTC"]
