"""What a real MLflow server is told of runs and versions; and that nothing which it does fails a run."""

import base64
import socket
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from keepfit import exits
from keepfit.ledger import Event
from keepfit.ledger.pending import Pending
from keepfit.pipeline.tracking import keep, track
from keepfit.project import load

HARD = {"synthetic": {"rows": 400, "class_separation": 1.0}}


class Mlflow:
    """Questions to the server, by its REST API."""

    def __init__(self, url, model):
        self._url, self._model = f"{url}/api/2.0/mlflow", model

    def runs(self):
        """All runs, the newest first."""
        found = httpx.get(f"{self._url}/experiments/get-by-name", params={"experiment_name": self._model}, timeout=60)
        experiment = found.json()["experiment"]["experiment_id"]
        found = httpx.post(f"{self._url}/runs/search", json={"experiment_ids": [experiment]}, timeout=60)
        return found.json()["runs"]

    def curve(self, run, metric):
        """The values of a metric by step."""
        question = {"run_id": run["info"]["run_id"], "metric_key": metric}
        found = httpx.get(f"{self._url}/metrics/get-history", params=question, timeout=60)
        return [point["value"] for point in sorted(found.json()["metrics"], key=lambda point: point["step"])]

    def files(self, run, path=""):
        """The names of a run's artifacts."""
        question = {"run_id": run["info"]["run_id"], "path": path}
        found = httpx.get(f"{self._url}/artifacts/list", params=question, timeout=60)
        return {file["path"] for file in found.json()["files"]}

    def champion(self):
        """The model version that has the alias; None if none has."""
        question = {"name": self._model, "alias": "champion"}
        found = httpx.get(f"{self._url}/registered-models/alias", params=question, timeout=60)
        return found.json().get("model_version")

    def champion_version(self):
        """Keepfit's number of it."""
        found = self.champion()
        return found and int(by_key(found["tags"])["keepfit_version"])


def by_key(pairs):
    return {pair["key"]: pair["value"] for pair in pairs}


@pytest.fixture(scope="module")
def tracked(mlflow_server, user_projects, tmp_path_factory):
    """A project whose first run was promoted and whose second was rejected, and the server that heard of it."""
    project = user_projects(tmp_path_factory.mktemp("tracked"))
    tracking = {"mlflow_url": mlflow_server, "timeout_s": 200}
    project.configure(model_name="prices", tracking=tracking)
    done = project.run("retrain")
    assert done.returncode == exits.OK, done.stdout + done.stderr
    assert "tracking" not in done.stdout
    project.configure(model_name="prices", tracking=tracking, data=HARD)
    done = project.run("retrain")
    assert done.returncode == exits.REJECTED, done.stdout + done.stderr
    return project, Mlflow(mlflow_server, "prices")


def test_promoted_run_is_logged_and_its_version_is_the_champion(tracked):
    project, mlflow = tracked
    recorded = project.metrics(1)
    run = mlflow.runs()[-1]
    tags, params = by_key(run["data"]["tags"]), by_key(run["data"]["params"])
    values = by_key(run["data"]["metrics"])
    assert (run["info"]["run_name"], run["info"]["status"]) == (recorded["run"], "FINISHED")
    assert (tags["keepfit_run"], tags["ending"], tags["verdict"]) == (recorded["run"], "promoted", "PROMOTE")
    assert (tags["version"], tags["reason"]) == ("1", recorded["verdict"]["reason"])
    assert params["seed"] == str(recorded["seed"])
    assert params["data_fingerprint"] == recorded["dataset"]["fingerprint"]
    assert (params["trigger"], params["config.gate.min_accuracy_percent"]) == ("manual", "90.0")
    low, high = recorded["test_accuracy_interval_percent"]
    assert (values["test_accuracy_low_percent"], values["test_accuracy_high_percent"]) == pytest.approx((low, high))
    assert values["test_loss"] == pytest.approx(recorded["test_loss"])
    rule = recorded["verdict"]["rules"][0]
    assert values[f"rule.{rule['rule']}"] == pytest.approx(rule["value"])
    assert mlflow.curve(run, "epoch_loss") == pytest.approx(recorded["curves"]["loss"])
    assert {"metrics.json", "report.html", "model"} <= mlflow.files(run)
    assert {"model/saved_model.pb", "model/variables"} <= mlflow.files(run, "model")


def test_rejected_run_is_logged_and_the_champion_stays(tracked):
    _, mlflow = tracked
    run = next(run for run in mlflow.runs() if by_key(run["data"]["tags"])["ending"] == "rejected")
    assert by_key(run["data"]["tags"])["verdict"] == "REJECT"
    assert "version" not in by_key(run["data"]["tags"])
    assert mlflow.files(run) == {"metrics.json", "report.html"}
    assert mlflow.champion_version() == 1


def test_champion_follows_override_rollback_and_restore(tracked):
    project, mlflow = tracked
    (candidate,) = (project.models / ".candidates").iterdir()
    assert project.run("promote", candidate.name, "--reason", "we know better").returncode == exits.OK
    champion = mlflow.champion()
    assert by_key(champion["tags"]) == {"keepfit_version": "2", "keepfit_run": candidate.name}
    run = next(run for run in mlflow.runs() if run["info"]["run_id"] == champion["run_id"])
    assert by_key(run["data"]["tags"])["ending"] == "overridden"
    assert by_key(run["data"]["tags"])["verdict"] == "REJECT"
    assert project.run("rollback", "--reason", "worse").returncode == exits.OK
    assert mlflow.champion_version() == 1
    assert project.run("restore", "2", "--reason", "it was something else").returncode == exits.OK
    assert mlflow.champion_version() == 2


def test_version_unknown_to_the_server_is_registered_with_the_next_run(mlflow_server, promoted):
    run = promoted.metrics(1)["run"]
    promoted.configure(
        model_name="unheard",
        data={"source": "csv", "path": "none.csv"},
        tracking={"mlflow_url": mlflow_server, "timeout_s": 200},
    )
    assert promoted.run("retrain").returncode == exits.INVALID_DATA
    mlflow = Mlflow(mlflow_server, "unheard")
    assert by_key(mlflow.champion()["tags"]) == {"keepfit_version": "1", "keepfit_run": run}
    failed = next(found for found in mlflow.runs() if found["info"]["status"] == "FAILED")
    assert by_key(failed["data"]["tags"])["ending"] == "invalid_data"
    assert "none.csv" in by_key(failed["data"]["tags"])["reason"]


def test_server_that_is_down_costs_a_note_and_hears_of_it_later(mlflow_server, user_project, free_port):
    down = {"mlflow_url": f"http://127.0.0.1:{free_port}", "timeout_s": 60}
    done = user_project.configure(model_name="late", tracking=down).run("retrain")
    assert done.returncode == exits.OK, done.stdout + done.stderr
    assert user_project.visible() == [1]
    assert "note       not everything was logged to tracking.mlflow_url: " in done.stdout
    recorded = user_project.metrics(1)

    user_project.configure(
        model_name="late",
        data={"source": "csv", "path": "none.csv"},
        tracking={"mlflow_url": mlflow_server, "timeout_s": 200},
    )
    done = user_project.run("retrain")
    assert done.returncode == exits.INVALID_DATA
    assert "not everything was logged" not in done.stdout
    mlflow = Mlflow(mlflow_server, "late")
    second, first = mlflow.runs()
    assert first["info"]["run_name"] == recorded["run"]
    assert by_key(first["data"]["tags"])["ending"] == "promoted"
    assert by_key(first["data"]["params"])["seed"] == str(recorded["seed"])
    assert {"metrics.json", "report.html", "model"} <= mlflow.files(first)
    assert by_key(second["data"]["tags"])["ending"] == "invalid_data"
    assert by_key(second["data"]["params"])["trigger"] == "manual"
    assert by_key(mlflow.champion()["tags"]) == {"keepfit_version": "1", "keepfit_run": recorded["run"]}
    assert not (user_project.folder / "state" / "mlflow.pending.jsonl").exists()


def test_of_a_server_that_never_comes_back_the_oldest_are_given_up(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        project = _project(tmp_path, silent.getsockname()[1], 2)
        for number in range(102):
            assert keep(project, Event(datetime.now(UTC), "failed", str(number), None, "x", {})) == ""
        assert "it took longer" in track(project, {})
    waiting = Pending(tmp_path / "state" / "mlflow.pending.jsonl").events()
    assert [event.run for event in waiting] == [str(number) for number in range(2, 102)]


class Nonsense(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.authorizations.append(self.headers["Authorization"])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>not MLflow, you")

    do_POST = do_GET  # noqa: N815 - its name for http.server

    def log_message(self, *_):
        """Not on the terminal."""


def test_server_that_answers_nonsense_is_told_and_the_password_only_to_it(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Nonsense)
    server.authorizations = []
    threading.Thread(target=server.serve_forever).start()
    try:
        project = _project(tmp_path, server.server_port, 200, "user:${PASSWORD}@")
        told = track(project, {"PASSWORD": "s3:cret"})
    finally:
        server.shutdown()
        server.server_close()
    assert told.startswith("not everything was logged to tracking.mlflow_url: MlflowException: ")
    assert "cret" not in told
    assert set(server.authorizations) == {f"Basic {base64.b64encode(b'user:s3:cret').decode()}"}


def test_url_that_is_none_is_told(tmp_path):
    told = track(_project(tmp_path, 1, 2, "${USER}"), {"USER": "["})
    assert told == "not everything was logged to tracking.mlflow_url: it is not a URL"


def test_server_that_never_answers_costs_a_bounded_time_and_no_secret_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        project = _project(tmp_path, silent.getsockname()[1], 2, "user:${PASSWORD}@")
        started = time.monotonic()
        told = track(project, {"PASSWORD": "s3cret"})
    assert time.monotonic() - started < 60
    assert told == "not everything was logged to tracking.mlflow_url: it took longer than tracking.timeout_s, 2 s"


def test_missing_variable_is_told(tmp_path):
    told = track(_project(tmp_path, 1, 2, "user:${PASSWORD}@"), {})
    assert "the environment variable PASSWORD is not set" in told


def test_password_in_the_config_is_refused_and_not_repeated(user_project):
    user_project.configure(tracking={"mlflow_url": "https://anna:s3cret@mlflow.example"})
    done = user_project.run("history")
    assert done.returncode == exits.USAGE
    assert "tracking.mlflow_url" in done.stderr
    assert "s3cret" not in done.stderr


def test_missing_extra_is_told(promoted, tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys; sys.modules['mlflow'] = None")
    promoted.configure(
        data={"source": "csv", "path": "none.csv"}, tracking={"mlflow_url": "http://127.0.0.1:1", "timeout_s": 60}
    )
    done = promoted.run("retrain", PYTHONPATH=str(hidden))
    assert done.returncode == exits.INVALID_DATA
    assert "pip install 'keepfit[mlflow]'" in done.stdout


def _project(folder, port, timeout_s, user=""):
    url = f"http://{user}127.0.0.1:{port}"
    (folder / "config.json").write_text(f'{{"tracking": {{"mlflow_url": "{url}", "timeout_s": {timeout_s}}}}}')
    return load(folder / "config.json", {})
