"""Waiting for the model server, which here is a small real one that says what TensorFlow Serving says."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from keepfit.pipeline.confirm import confirm, look


def status(state, message=""):
    code = "UNKNOWN" if message else "OK"
    found = {"version": "3", "state": state, "status": {"error_code": code, "error_message": message}}
    return 200, json.dumps({"model_version_status": [found]})


@pytest.fixture
def server():
    """Gives its answers one after the other, the last one again and again."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            found.asked.append(self.path)
            found.key = self.headers["authorization"]
            code, body = found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
            self.send_response(code)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args):
            pass

    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.asked, found.answers = [], [(404, "{}")]
    found.url = f"http://127.0.0.1:{found.server_port}"
    thread = threading.Thread(target=found.serve_forever, args=(0.01,))
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def ask(server, timeout_s=60, is_published=lambda: True):
    clock = Clock()
    return confirm(server.url, "bank", 3, timeout_s, is_published, clock.sleep, clock)


def test_version_that_is_there_after_a_while_is_confirmed(server):
    server.answers = [(404, '{"error": "no such version"}'), status("START"), status("LOADING"), status("AVAILABLE")]
    found = ask(server)
    assert (found.outcome, found.reason) == ("available", "")
    assert found.waited_s == pytest.approx(0.3)
    assert server.asked == ["/v1/models/bank/versions/3"] * 4


def test_version_that_cannot_be_loaded_is_told_at_once_with_the_servers_words(server):
    server.answers = [status("LOADING"), status("END", "variables are damaged")]
    found = ask(server)
    assert (found.outcome, found.reason) == ("refused", "variables are damaged")
    assert found.waited_s < 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, '{"error": "no version 3"}'), "no version 3"),
        ((404, "{}"), "does not send an answer with status 404"),
        ((500, "no"), "failed with status 500"),
        ((200, "<html>"), "does not send a model status"),
        ((200, "[]"), "does not send a model status"),
        ((200, '{"model_version_status": []}'), "its status is empty"),
        ((200, '{"model_version_status": [{"state": "LOADING", "status": "x"}]}'), "does not send a model status"),
    ],
)
def test_server_that_never_mentions_the_version_is_silent(server, answer, reason):
    server.answers = [answer]
    found = ask(server, timeout_s=5)
    assert found.outcome == "silent"
    assert found.reason.startswith("not available after 5 s (")
    assert reason in found.reason


def test_version_that_is_not_loaded_in_time_is_refused(server):
    server.answers = [status("LOADING")]
    found = ask(server, timeout_s=5)
    assert (found.outcome, found.reason) == ("refused", "not available after 5 s (LOADING)")


def test_server_that_goes_away_has_refused_the_version(free_port):
    clock = Clock()
    found = confirm(f"http://127.0.0.1:{free_port}", "bank", 3, 2, lambda: True, clock.sleep, clock)
    assert (found.outcome, found.reason) == ("refused", "not available after 2 s (the server does not answer)")


def test_version_that_a_person_takes_back_meanwhile_is_waited_for_no_longer(server):
    server.answers = [status("LOADING")]
    looks = iter([True, True, False])
    found = ask(server, is_published=lambda: next(looks))
    assert found.outcome == "withdrawn"
    assert found.waited_s == pytest.approx(0.2)


NOT_FOUND = (404, '{"error": "Could not find any versions of model bank"}')


@pytest.mark.parametrize(
    ("answer", "current", "presence"),
    [
        (status("AVAILABLE"), 3, "serving"),
        (status("LOADING"), 3, "serving"),
        (status("AVAILABLE"), 4, "other"),
        (status("AVAILABLE"), None, "other"),
        (NOT_FOUND, None, "waiting"),
        (NOT_FOUND, 3, "other"),
        ((503, "no"), 3, "other"),
        ((200, "[]"), 3, "other"),
    ],
)
def test_server_of_this_folder_is_told_from_another_by_the_current_version(server, answer, current, presence):
    server.answers = [answer]
    assert look(server.url, "bank", current) == presence
    assert server.asked == ["/v1/models/bank"]


def test_nobody_there_is_absent(free_port):
    assert look(f"http://127.0.0.1:{free_port}", "bank", 3) == "absent"


def test_proxy_for_the_internet_is_not_asked(server, free_port, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("ALL_PROXY", server.url)
    assert look(f"http://127.0.0.1:{free_port}", "bank", 3) == "absent"
    assert server.asked == []


def test_what_does_not_speak_http_is_no_model_server():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"220 mail ready\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert look(f"http://127.0.0.1:{listener.getsockname()[1]}", "bank", 3) == "absent"
        thread.join()


def test_server_that_asks_for_a_key_is_shown_it(server):
    server.answers = [status("AVAILABLE")]
    assert look(server.url, "bank", 3, "s3cret") == "serving"
    assert server.key == "Bearer s3cret"
    server.key = None
    confirm(server.url, "bank", 3, 1, lambda: True, api_key="s3cret")
    assert server.key == "Bearer s3cret"
