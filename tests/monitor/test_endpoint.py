"""The trainer's port over HTTP: figures, health, alerts."""

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from tests.monitor.events import DRIFT, JUDGED, event

from keepfit import project
from keepfit.errors import ConfigError, PortInUseError
from keepfit.monitor.endpoint import Endpoint
from keepfit.monitor.web import MAX_BODY_BYTES, TOKEN_VARIABLE

# an optional part of Apprise imports a module that Python 3.13 no longer has
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ALERT = {
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "KeepfitDrift", "severity": "warning", "model": "keepfit"},
            "annotations": {"summary": "Column age is other."},
        }
    ]
}


class Receiver:
    """A web server that answers every message with a status, and keeps it."""

    def __init__(self):
        self.status, self.bodies = 200, []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.close()


def test_a_new_project_has_figures_and_is_healthy(watched):
    trainer = watched()
    found = trainer.scrape()
    assert found["keepfit_ledger_readable",] == 1
    assert found["keepfit_current_version",] == 0
    assert found["keepfit_model_server_reachable",] == 0
    assert 0 < found["keepfit_disk_free_bytes", "models"] <= found["keepfit_disk_size_bytes", "models"]
    assert found["keepfit_next_retraining_timestamp_seconds",] > time.time()
    assert trainer.http.get("/healthz").text == "ok\n"
    # to look changes nothing
    assert sorted(path.name for path in trainer.folder.iterdir()) == ["config.json"]


def test_the_docs_name_every_figure_and_no_other(watched):
    text = (Path(__file__).resolve().parents[2] / "docs" / "monitoring.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(keepfit_\w+)`", text, re.MULTILINE))
    trainer = watched()
    trainer.record(
        event("started", "a"), event("promoted", "a", 1, **JUDGED, drift=DRIFT), event("rolled_back", None, 1)
    )
    described = re.findall(r"^# HELP (\w+)", trainer.http.get("/metrics").text, re.MULTILINE)
    unseen = {"keepfit_model_server_available_version", *(name for name in documented if "current_version_" in name)}
    assert {name for name in described if not name.endswith("_created")} | unseen == documented


def test_what_is_recorded_is_shown_at_once_and_after_a_restart(watched):
    trainer = watched()
    assert trainer.scrape()["keepfit_runs_total", "rejected"] == 0
    trainer.record(event("started", "a"), event("rejected", "a", hours=1))
    assert trainer.scrape()["keepfit_runs_total", "rejected"] == 1
    trainer.record(event("rejected", "b", hours=2))
    before = trainer.scrape()
    assert before["keepfit_consecutive_rejections",] == 2
    after = watched().scrape()
    lasting = [name for name in before if name[0].startswith(("keepfit_last", "keepfit_runs", "keepfit_consecutive"))]
    assert len(lasting) > 10
    assert all(before[name] == after[name] for name in lasting)


def test_a_damaged_ledger_is_told_and_takes_no_figure_of_the_versions(watched, promoted):
    shutil.copytree(promoted.models, Path(promoted.folder.parent) / "models")
    trainer = watched()
    trainer.project.ledger_path.parent.mkdir()
    trainer.project.ledger_path.write_bytes(b"this is no database, but it is long enough" * 100)
    found = trainer.scrape()
    assert found["keepfit_ledger_readable",] == 0
    assert found["keepfit_current_version",] == 1
    assert found["keepfit_version_measure", "accuracy_percent", "1"] > 90
    health = trainer.http.get("/healthz")
    assert health.status_code == 503
    assert "damaged" in health.text


def test_the_model_server_is_asked_which_version_answers(promoted, serve):
    serve(promoted)
    trainer = Endpoint(project.load(promoted.folder / "config.json", promoted.environ), "127.0.0.1", 0, {})
    trainer.start()
    try:
        text = httpx.get(f"http://127.0.0.1:{trainer.port}/metrics", timeout=30).text
    finally:
        trainer.stop()
    assert 'keepfit_model_server_reachable{model="keepfit"} 1.0' in text
    assert 'keepfit_model_server_available_version{model="keepfit"} 1.0' in text


_AS_NOBODY = """
import os, sys
from pathlib import Path
from keepfit import project
from keepfit.monitor.surroundings import disk_trouble
found = project.load(Path(sys.argv[1]), {})
if os.getuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
print(disk_trouble(found))
"""


@pytest.mark.parametrize(("mode", "said"), [(0o555, "cannot be written by user"), (0o000, "cannot be ")])
def test_folders_that_a_run_cannot_use_are_named(mode, said):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "config.json").write_text("{}")
        (folder / "models").mkdir()
        (folder / "models").chmod(mode)
        command = [sys.executable, "-c", _AS_NOBODY, str(folder / "config.json")]
        told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
        (folder / "models").chmod(0o755)
    assert told.startswith(str(folder))
    assert said in told


def test_an_alert_becomes_a_line_and_a_message(watched, receiver):
    trainer = watched(json.dumps({"notifications": {"urls": [receiver.url]}}))
    answer = trainer.http.post("/alerts", json=ALERT)
    assert (answer.status_code, answer.text) == (200, "told\n")
    [line] = trainer.notified()
    assert line.endswith(" model=keepfit alert=KeepfitDrift status=firing severity=warning reason=Column age is other.")
    [message] = map(json.loads, receiver.bodies)
    assert message["title"] == "Keepfit: KeepfitDrift firing"
    assert "Column age is other." in message["message"]
    assert trainer.scrape()["keepfit_alerts_received_total", "firing"] == 1


def test_alertmanager_shall_try_again_if_nobody_was_told(watched, receiver):
    receiver.status = 500
    trainer = watched(json.dumps({"notifications": {"urls": [receiver.url]}}))
    answer = trainer.http.post("/alerts", json=ALERT)
    assert answer.status_code == 503
    assert "json notification was not delivered" in answer.text
    assert trainer.scrape()["keepfit_alerts_undelivered_total",] == 1


def test_one_target_of_two_is_enough(watched, receiver):
    trainer = watched(json.dumps({"notifications": {"urls": [receiver.url, "json://127.0.0.1:9"]}}))
    assert trainer.http.post("/alerts", json=ALERT).status_code == 200


def test_with_a_token_nobody_posts_without_it(watched):
    trainer = watched(**{TOKEN_VARIABLE: "s3cret"})
    for value in (None, "Bearer wrong", "s3cret", "Bearer ä"):
        headers = {} if value is None else {"Authorization": value.encode()}
        assert trainer.http.post("/alerts", json=ALERT, headers=headers).status_code == 401
    assert trainer.notified() == []
    assert trainer.http.post("/alerts", json=ALERT, headers={"Authorization": "Bearer s3cret"}).status_code == 200
    assert trainer.http.get("/metrics").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/alerts", b"{}", 400),
        ("POST", "/alerts", b"x" * (MAX_BODY_BYTES + 1), 413),
        ("GET", "/alerts", b"", 405),
        ("POST", "/metrics", b"", 405),
        ("GET", "/nothing", b"", 404),
    ],
)
def test_bad_requests_get_one_sentence(watched, method, path, body, status):
    answer = watched().http.request(method, path, content=body)
    assert answer.status_code == status
    assert len(answer.text.strip().splitlines()) == 1 or status == 413


def test_silent_connections_hold_nobody_up_and_end_with_it(watched):
    trainer = watched()
    silent = [socket.create_connection(("127.0.0.1", trainer.endpoint.port)) for _ in range(20)]
    for one in silent:
        one.sendall(b"POST /alerts HTTP/1.1\r\nContent-Length: 10\r\n\r\n12")
    assert trainer.http.get("/healthz").status_code == 200
    trainer.endpoint.stop()
    for one in silent:
        one.settimeout(10)
        assert one.recv(10) == b""
        one.close()
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{trainer.http.base_url}/healthz", timeout=5, trust_env=False)


def test_a_port_in_use_is_named_with_its_key(watched):
    trainer = watched()
    with pytest.raises(PortInUseError, match=r"trainer's metrics is in use .*trainer\.port"):
        Endpoint(trainer.project, "127.0.0.1", trainer.endpoint.port, {}).start()


def test_a_foreign_address_is_named(watched):
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1"):
        Endpoint(watched().project, "192.0.2.1", 0, {}).start()


def test_the_trainer_is_spared_what_only_runs_need():
    heavy = "{'scipy', 'polars', 'sklearn', 'tensorflow'}"
    code = f"import sys, keepfit.monitor.endpoint; print(*{heavy} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []
