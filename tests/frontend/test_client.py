"""The client of TensorFlow Serving's REST API against a server that behaves in every way."""

import socketserver
import threading
import time
from dataclasses import replace

import pytest

from keepfit.errors import (
    InferenceError,
    InvalidRequestError,
    ModelNotFoundError,
    TimedOutError,
    UnavailableError,
    UnimplementedError,
    UnreachableError,
)
from keepfit.frontend.client import ServingClient, VersionStatus
from keepfit.frontend.settings import FrontendSettings

from .conftest import FakeServing, free_port, start, stop

BODY = b'{"instances": [[1.5, 2.3]]}'


@pytest.fixture
def client(settings):
    with ServingClient(settings) as client:
        yield client


def test_prediction_is_passed_both_ways_as_it_is(fake, client):
    fake.raw = b'{\n "predictions": [[NaN]]\n}'

    assert client.predict(BODY) == fake.raw
    assert fake.asked == [("/v1/models/keepfit:predict", BODY)]


def test_versions_come_newest_first(fake, client):
    fake.states = [(9, "AVAILABLE", ""), (10, "LOADING", "soon")]

    assert client.status() == (VersionStatus(10, "LOADING", "soon"), VersionStatus(9, "AVAILABLE", ""))


def test_metadata_are_the_signatures(fake, client):
    assert client.metadata() == fake.signatures


def test_model_name_cannot_leave_its_place_in_the_path(fake, settings):
    with ServingClient(replace(settings, model_name="../a b?c")) as client, pytest.raises(ModelNotFoundError):
        client.status()
    assert fake.asked[0][0] == "/v1/models/..%2Fa%20b%3Fc"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidRequestError),
        (404, ModelNotFoundError),
        (408, TimedOutError),
        (412, UnavailableError),
        (429, UnavailableError),
        (500, InferenceError),
        (501, UnimplementedError),
        (503, UnavailableError),
        (504, TimedOutError),
        (507, InferenceError),
        (418, UnreachableError),
        (302, UnreachableError),
    ],
)
def test_each_status_is_an_error_with_the_servers_words(fake, client, status, error):
    fake.status = status

    with pytest.raises(error) as raised:
        client.predict(BODY)
    assert type(raised.value) is error
    assert "as the test wants" in str(raised.value) or error is UnreachableError


@pytest.mark.parametrize("raw", [b"<html>", b"", b"[1]", b'{"error": 3}', b'{"error": " "}', b"[" * 100_000])
@pytest.mark.parametrize(("status", "error"), [(404, UnreachableError), (503, UnavailableError), (500, InferenceError)])
def test_error_without_words_is_still_one_sentence(fake, client, raw, status, error):
    fake.status, fake.raw = status, raw

    with pytest.raises(error, match=r"\w"):
        client.predict(BODY)


@pytest.mark.parametrize("raw", [b"<html>", b"", b"[1]", b"{}", b'{"model_version_status": [{}]}', b"[" * 100_000])
def test_garbage_is_not_taken_for_a_status(fake, client, raw):
    fake.raw = raw

    with pytest.raises(UnreachableError, match="as TensorFlow Serving does"):
        client.status()
    with pytest.raises(UnreachableError, match="as TensorFlow Serving does"):
        client.metadata()


def test_garbage_is_not_taken_for_a_prediction(fake, client):
    fake.raw = b"<html>"

    with pytest.raises(UnreachableError, match="as TensorFlow Serving does"):
        client.predict(BODY)


def test_server_that_is_down_is_reported_soon(nobody_url):
    begun = time.monotonic()
    settings = FrontendSettings("keepfit", nobody_url, reconnect_s=0.3)
    with ServingClient(settings) as client, pytest.raises(UnreachableError, match=nobody_url):
        client.predict(BODY)
    assert 0.25 < time.monotonic() - begun < 2


def test_restarting_server_is_bridged():
    fake, port, servers = FakeServing(), free_port(), []
    timer = threading.Timer(0.4, lambda: servers.append(start(fake, port)))
    timer.start()
    settings = FrontendSettings("keepfit", f"http://127.0.0.1:{port}", timeout_s=20, reconnect_s=10)
    with ServingClient(settings) as client:
        assert b"predictions" in client.predict(BODY)
    timer.join()
    stop(fake, servers[0])


def test_reset_connection_is_tried_again(fake, client):
    fake.resets = 1

    assert b"predictions" in client.predict(BODY)
    assert len(fake.asked) == 2


def test_server_that_always_resets_is_unreachable(fake, client):
    fake.resets = 1_000

    with pytest.raises(UnreachableError):
        client.predict(BODY)


@pytest.mark.parametrize("slowness", [{"delay_s": 30.0}, {"drip_s": 0.1}])
def test_slow_server_is_left_at_the_time_limit(fake, settings, slowness):
    for name, value in slowness.items():
        setattr(fake, name, value)
    begun = time.monotonic()
    with ServingClient(replace(settings, timeout_s=0.4)) as client, pytest.raises(TimedOutError, match=r"0\.4 s"):
        client.predict(BODY)
    assert time.monotonic() - begun < 2


def test_answer_that_never_ends_is_not_kept_in_memory(fake, settings):
    fake.raw = b"{" + b" " * 100_000
    narrow = replace(settings, max_answer_bytes=50_000)
    with ServingClient(narrow) as client, pytest.raises(InferenceError, match="50000 bytes"):
        client.predict(BODY)


def test_what_speaks_no_http_is_named(settings):
    class Shout(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(1000)
            self.request.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Shout) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        elsewhere = replace(settings, serving_url=f"http://127.0.0.1:{server.server_address[1]}")
        with ServingClient(elsewhere) as client, pytest.raises(UnreachableError):
            client.predict(BODY)
        server.shutdown()
