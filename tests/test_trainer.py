"""`keepfit trainer` as a process: first version, schedule, where it writes, the end."""

import subprocess
import time

import httpx
import pytest


class Started:
    """`keepfit trainer`, with what it has printed so far."""

    def __init__(self, project, log, port):
        self._log = log
        self.url = f"http://127.0.0.1:{port}"
        with log.open("wb") as file:
            self.process = project.start("trainer", "--port", str(port), stdout=file, stderr=subprocess.STDOUT)

    def printed(self):
        return self._log.read_text(encoding="utf-8")

    def wait_for(self, text):
        deadline = time.monotonic() + 120
        while text not in self.printed():
            assert self.process.poll() is None, self.printed()
            assert time.monotonic() < deadline, self.printed()
            time.sleep(0.05)


@pytest.fixture
def trainer(tmp_path, free_port):
    started = []

    def start(project):
        started.append(Started(project, tmp_path / "trainer.log", free_port))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait(30)


def test_it_trains_the_first_version_then_keeps_to_the_schedule_and_ends_when_told(trainer, user_project):
    started = trainer(user_project)
    started.wait_for("the next scheduled retraining is on")
    assert user_project.visible() == [1]
    assert httpx.get(f"{started.url}/healthz").status_code == 200
    assert 'keepfit_current_version{model="keepfit"} 1.0' in httpx.get(f"{started.url}/metrics").text
    started.process.terminate()
    assert started.process.wait(30) == 0, started.printed()


def test_everything_is_written_below_keepfit_home(trainer, user_project, tmp_path):
    home = tmp_path / "home"
    user_project.environ["KEEPFIT_HOME"] = str(home)
    trainer(user_project).wait_for("the next scheduled retraining is on")
    assert sorted(path.name for path in user_project.folder.iterdir()) == ["config.json"]
    assert (home / "models" / "1" / "metrics.json").is_file()
    assert {"last_train_log.txt", "notifications.log", "state"} <= {path.name for path in home.iterdir()}


def test_it_waits_for_a_folder_that_cannot_be_written_and_starts_nothing_when_told_to_end(trainer, user_project):
    models = user_project.folder / "models"
    models.write_text("a file stands where a folder is expected")
    started = trainer(user_project)
    started.wait_for(f"cannot train: cannot write {models}: a file stands where a folder is expected")
    assert httpx.get(f"{started.url}/healthz").status_code == 503
    started.process.terminate()
    assert started.process.wait(30) == 0, started.printed()
    assert "run " not in started.printed()
