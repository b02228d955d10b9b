"""Decisions are announced in a line and over Apprise, and a notifier that fails is only told of."""

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from keepfit.pipeline.notify import Notifier

# Apprise's plugins, loaded at the first notification, use what the standard library deprecates
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def receiver():
    """A real HTTP server; `status` is what it answers, `received` what it was sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            server.received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(server.status)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.received, server.status = [], 200
    server.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def announce(tmp_path, *urls, reason="accuracy 98.00 % ≥ 97 %", environ=None, version=3):
    notifier = Notifier(tmp_path / "notifications.log", urls, environ or {})
    return notifier.announce("run-1", version, "promoted", reason, "bank")


def test_decision_is_a_line(tmp_path):
    assert announce(tmp_path) == []
    assert announce(tmp_path, version=None) == []
    first, second = (tmp_path / "notifications.log").read_text(encoding="utf-8").splitlines()
    when, rest = first.split(" ", 1)
    assert when.endswith("+00:00")
    assert rest == "model=bank run=run-1 version=3 verdict=promoted reason=accuracy 98.00 % ≥ 97 %"
    assert " version=- " in second


def test_reason_with_line_ends_cannot_forge_a_line(tmp_path):
    announce(tmp_path, reason="bad\n2026-01-01 model=bank verdict=promoted\r\u2028x\x0by\x85z")
    text = (tmp_path / "notifications.log").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 1


def test_apprise_delivers_title_and_reason(tmp_path, receiver):
    assert announce(tmp_path, f"json://{receiver.address}/hook") == []
    ((path, body),) = receiver.received
    assert path == "/hook"
    message = json.loads(body)
    assert message["title"] == "Keepfit: bank version 3 promoted"
    assert message["message"] == "accuracy 98.00 % ≥ 97 %\nRun run-1"


def test_secret_of_the_url_comes_from_the_environment(tmp_path, receiver):
    url = f"json://{receiver.address}/${{TOKEN}}"
    assert announce(tmp_path, url, environ={"TOKEN": "s3cret"}) == []
    assert receiver.received[0][0] == "/s3cret"
    (problem,) = announce(tmp_path, url)
    assert problem.startswith("the environment variable TOKEN is not set")


def test_one_that_fails_is_told_and_the_others_are_reached(tmp_path, receiver, caplog):
    url = f"json://{receiver.address}/s3cret"
    receiver.status = 500
    with caplog.at_level(logging.WARNING):
        assert (
            announce(tmp_path, url, "json://127.0.0.1:1/s3cret", url) == ["the json notification was not delivered"] * 3
        )
    assert len(receiver.received) == 2
    assert "s3cret" not in caplog.text
    assert "verdict=promoted" in (tmp_path / "notifications.log").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("url", "kind"), [("nonsense://s3cret", "nonsense"), ("s3cret", "configured"), ("mailto://", "mailto")]
)
def test_url_that_apprise_does_not_know_is_told_without_its_secret(tmp_path, url, kind, caplog):
    with caplog.at_level(logging.WARNING):
        (problem,) = announce(tmp_path, url)
    assert problem == f"the {kind} notification URL is not one that Apprise knows"
    assert "s3cret" not in problem
    assert "s3cret" not in caplog.text


def test_log_that_cannot_be_written_is_told_and_the_rest_delivered(tmp_path, receiver):
    (tmp_path / "notifications.log").mkdir()
    (problem,) = announce(tmp_path, f"json://{receiver.address}")
    assert problem.startswith(f"cannot write {tmp_path}/notifications.log: ")
    assert len(receiver.received) == 1
