"""REST against a server that answers in every way, sync and async."""

import base64
import gzip
import json
import socketserver
import threading
import time

import numpy as np
import pytest

from keepfit.client import Retry, VersionStatus
from keepfit.errors import (
    FailedPreconditionError,
    InferenceError,
    InvalidRequestError,
    ModelNotFoundError,
    StrangerError,
    TimedOutError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
    UnreachableError,
)

from ..fake_serving import FakeServing, free_port, signatures, start, stop, tensor  # noqa: TID252 - no package
from .conftest import KINDS

BODY = b'{"instances": [[1.5, 2.3]]}'
SOON = Retry(within_s=0.2)


@pytest.fixture(params=KINDS[:2], ids=lambda kind: kind.mode)
def kind(request):
    return request.param


@pytest.fixture
def fake():
    fake = FakeServing()
    server = start(fake)
    yield fake
    stop(fake, server)


@pytest.fixture
def client(kind, fake):
    with kind.connect(fake.url, "keepfit", timeout_s=20, retry=SOON) as client:
        yield client


def test_body_is_passed_both_ways_as_it_is(fake, client):
    fake.raw = b'{\n "predictions": [[NaN]]\n}'
    assert client.forward(BODY) == fake.raw
    assert fake.asked == [("/v1/models/keepfit:predict", BODY)]


def test_versions_come_newest_first(fake, client):
    fake.states = [(9, "AVAILABLE", ""), (10, "LOADING", "soon")]
    assert client.status() == (VersionStatus(10, "LOADING", "soon"), VersionStatus(9, "AVAILABLE", ""))


def test_version_and_label_are_in_the_path(fake, client):
    fake.status = 404
    for options in ({}, {"version": 3}, {"label": "a/b"}):
        with pytest.raises(ModelNotFoundError):
            client.forward(BODY, **options)
    paths = [path for path, _ in fake.asked]
    model = "/v1/models/keepfit"
    assert paths == [f"{model}:predict", f"{model}/versions/3:predict", f"{model}/labels/a%2Fb:predict"]


def test_model_name_cannot_leave_its_place_in_the_path(fake, kind):
    with kind.connect(f"{fake.url}/gateway/", "../a b?c") as client, pytest.raises(ModelNotFoundError):
        client.status()
    assert fake.asked[0][0] == "/gateway/v1/models/..%2Fa%20b%3Fc"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidRequestError),
        (401, UnauthenticatedError),
        (403, UnauthenticatedError),
        (404, ModelNotFoundError),
        (408, TimedOutError),
        (412, FailedPreconditionError),
        (413, TooLargeError),
        (429, UnavailableError),
        (500, InferenceError),
        (501, UnimplementedError),
        (503, UnavailableError),
        (504, TimedOutError),
        (507, InferenceError),
        (418, StrangerError),
        (302, StrangerError),
    ],
)
def test_each_status_is_an_error_with_the_servers_words(fake, client, status, error):
    fake.status = status
    with pytest.raises(error) as raised:
        client.forward(BODY)
    assert type(raised.value) is error
    assert "as the test wants" in str(raised.value) or error is StrangerError


@pytest.mark.parametrize("raw", [b"<html>", b"", b"[1]", b'{"error": 3}', b'{"error": " "}', b"[" * 100_000])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, StrangerError),
        (503, UnavailableError),
        (500, InferenceError),
        (401, UnauthenticatedError),
        (413, TooLargeError),
        (431, TooLargeError),
        (429, UnavailableError),
    ],
)
def test_error_without_words_is_still_one_sentence(fake, client, raw, status, error):
    fake.status, fake.raw = status, raw
    with pytest.raises(error, match=r"\w"):
        client.forward(BODY)


GARBAGE = [b"<html>", b"", b"[1]", b"{}", b'{"model_version_status": [{}]}', b"[" * 100_000]
GARBAGE += [b'{"metadata": {"signature_def": {"signature_def": {"a": 1}}}}', b'{"metadata": {"signature_def": "x"}}']


@pytest.mark.parametrize("raw", GARBAGE)
def test_garbage_is_not_taken_for_a_status_or_metadata(fake, client, raw):
    fake.raw = raw
    with pytest.raises(StrangerError, match="as TensorFlow Serving does"):
        client.status()
    with pytest.raises(StrangerError, match="as TensorFlow Serving does"):
        client.metadata()


@pytest.mark.parametrize("outputs", [None, "text", [["ragged"], []], {"b64": "!"}, [[1], [2, 3]], [{}]])
def test_garbage_is_not_taken_for_a_prediction(fake, client, outputs):
    fake.predict = lambda _: {"outputs": outputs} if outputs is not None else {"predictions": []}
    with pytest.raises(StrangerError, match="as TensorFlow Serving does"):
        client.predict([[1.5, 2.3]])
    fake.raw = b"<html>"
    with pytest.raises(StrangerError, match="as TensorFlow Serving does"):
        client.forward(BODY)


def test_strings_that_are_not_utf8_come_back(fake, client):
    fake.signatures = signatures({"s": tensor("DT_STRING", -1)}, x=tensor("DT_STRING", -1))
    client.metadata()
    fake.predict = lambda _: {"outputs": ["plain", {"b64": base64.b64encode(b"\xff").decode()}]}
    assert client.predict(["a"]).array.tolist() == [b"plain", b"\xff"]
    fake.raw = b'{"outputs": ["\xff\xfe"]}'
    assert client.predict(["a"]).array.tolist() == [b"\xff\xfe"]


def test_metadata_are_asked_for_once(fake, client):
    fake.predict = lambda request: {"outputs": request["inputs"]["features"]}
    for _ in range(3):
        assert client.predict([[1.5, 2.3]]).array.tolist() == np.float32([[1.5, 2.3]]).tolist()
    assert [path for path, _ in fake.asked].count("/v1/models/keepfit/metadata") == 1


def test_metadata_that_do_not_fit_any_more_are_asked_for_again(fake, client):
    fake.predict = lambda _: {"outputs": 0.5}
    client.predict([[1.5, 2.3]])
    fake.signatures = signatures(renamed=tensor("DT_INT64", -1))

    def refuse_the_old(request):
        if "renamed" not in request["inputs"]:
            raise LookupError
        return {"outputs": request["inputs"]["renamed"]}

    fake.predict = refuse_the_old
    assert client.predict([7]).array.tolist() == [7.0]


def test_values_that_json_does_not_have_are_bare_words(fake, client):
    fake.predict = lambda request: {"outputs": request["inputs"]["features"]}
    np.testing.assert_array_equal(client.predict([[np.nan, -np.inf]]).array, np.float32([[np.nan, -np.inf]]))
    assert fake.asked[-1][1] == b'{"inputs":{"features":[[NaN, -Infinity]]}}'


def test_key_goes_with_every_request(fake, kind):
    with kind.connect(fake.url, "keepfit", api_key="s3cret") as client:
        client.status()
    assert fake.headers["authorization"] == "Bearer s3cret"


def test_large_requests_are_compressed_if_asked_for(fake, kind):
    fake.predict = lambda request: {"outputs": len(request["inputs"]["features"])}
    with kind.connect(fake.url, "keepfit", compression=True) as client:
        client.predict([[1, 2]])
        assert "content-encoding" not in fake.headers
        fake.read = gzip.decompress
        assert client.predict(np.ones((50_000, 2))).array == 50_000
    assert fake.headers["content-encoding"] == "gzip"
    assert fake.headers["accept-encoding"] == "gzip"


def test_compressed_answers_are_read_and_bounded(fake, kind):
    fake.raw, fake.encoding = gzip.compress(b'{"a": "' + b" " * 100_000 + b'"}'), "gzip"
    with kind.connect(fake.url, "keepfit", compression=True, max_answer_bytes=50_000) as client:
        with pytest.raises(InferenceError, match="50000 bytes"):
            client.forward(BODY)
        fake.raw = gzip.compress(b'{"a": 1}')
        assert client.forward(BODY) == b'{"a": 1}'
        fake.raw = b"not gzip"
        with pytest.raises(UnreachableError):
            client.forward(BODY)


def test_busy_server_is_asked_again_when_it_says(fake, kind):
    fake.busy, fake.retry_after = 1, "1"
    begun = time.monotonic()
    with kind.connect(fake.url, "keepfit", timeout_s=20) as client:
        client.status()
    assert 1 <= time.monotonic() - begun < 10
    assert len(fake.asked) == 2


def test_busy_server_is_not_waited_for_longer_than_the_call_may_take(fake, kind):
    fake.busy, fake.retry_after = 1_000, "60"
    begun = time.monotonic()
    with kind.connect(fake.url, "keepfit", timeout_s=20) as client, pytest.raises(UnavailableError):
        client.status()
    assert time.monotonic() - begun < 10
    assert len(fake.asked) == 1


def test_server_that_says_when_is_asked_more_often_than_others(fake, kind):
    fake.busy, fake.retry_after = 5, "0"
    with kind.connect(fake.url, "keepfit", timeout_s=20) as client:
        client.status()
    assert len(fake.asked) == 6


def test_busy_server_is_asked_three_times_and_no_more(fake, kind):
    fake.busy = 1_000
    with kind.connect(fake.url, "keepfit", timeout_s=20) as client, pytest.raises(UnavailableError):
        client.status()
    assert len(fake.asked) == 3


def test_server_that_is_down_is_reported_soon(kind):
    url = f"http://127.0.0.1:{free_port()}"
    begun = time.monotonic()
    retry = Retry(within_s=0.3)
    with kind.connect(url, "keepfit", retry=retry) as client, pytest.raises(UnreachableError, match=url):
        client.forward(BODY)
    assert time.monotonic() - begun < 5


def test_restarting_server_is_bridged(kind):
    fake, port, servers = FakeServing(), free_port(), []
    timer = threading.Timer(0.4, lambda: servers.append(start(fake, port)))
    timer.start()
    with kind.connect(f"http://127.0.0.1:{port}", "keepfit") as client:
        assert b"predictions" in client.forward(BODY)
    timer.join()
    stop(fake, servers[0])


def test_reset_connection_is_tried_again(fake, client):
    fake.resets = 1
    assert b"predictions" in client.forward(BODY)
    assert len(fake.asked) == 2


def test_server_that_always_resets_is_left_alone_after_three_times(fake, kind):
    fake.resets = 1_000
    with kind.connect(fake.url, "keepfit") as client, pytest.raises(UnreachableError):
        client.forward(BODY)
    assert len(fake.asked) == 3


@pytest.mark.parametrize("slowness", [{"delay_s": 30.0}, {"drip_s": 0.1}])
def test_slow_server_is_left_at_the_time_limit(fake, client, slowness):
    for name, value in slowness.items():
        setattr(fake, name, value)
    begun = time.monotonic()
    with pytest.raises(TimedOutError, match=r"0\.4 s"):
        client.forward(BODY, timeout_s=0.4)
    assert time.monotonic() - begun < 3


def test_answer_that_stops_in_the_middle_ends_at_the_time_limit(kind):
    class Stall(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(10_000)
            time.sleep(1)
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            self.request.recv(1)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Stall) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        begun = time.monotonic()
        with kind.connect(f"http://127.0.0.1:{server.server_address[1]}", "m") as client, pytest.raises(TimedOutError):
            client.forward(BODY, timeout_s=1.5)
        # a limit for each read alone would make it 2.5 s
        assert time.monotonic() - begun < 2.4
        server.shutdown()


def test_answer_that_never_ends_is_not_kept_in_memory(fake, kind):
    fake.raw = b"{" + b" " * 100_000
    narrow = kind.connect(fake.url, "keepfit", max_answer_bytes=50_000)
    with narrow as client, pytest.raises(InferenceError, match="50000 bytes"):
        client.forward(BODY)


def test_what_speaks_no_http_is_named(kind):
    class Shout(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(1000)
            self.request.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Shout) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        stranger = kind.connect(f"http://127.0.0.1:{server.server_address[1]}", "keepfit")
        with stranger as client, pytest.raises(UnreachableError, match="does not send HTTP"):
            client.forward(BODY)
        server.shutdown()


def test_classes_and_regressions_are_read(fake, client):
    fake.raw = json.dumps({"results": [[["a", 0.25], ["b", 0.75]]]}).encode()
    [[first, second]] = client.classify([{"x": 1.0}])
    assert (first.label, second.score) == ("a", 0.75)
    fake.raw = json.dumps({"results": [0.5, 1.5]}).encode()
    assert client.regress([{"x": [1, 2], "name": "é"}, {"x": np.float32([1])}], context={"b": b"\xff"}).tolist() == [
        0.5,
        1.5,
    ]
    assert json.loads(fake.asked[-1][1]) == {
        "context": {"b": {"b64": "/w=="}},
        "examples": [{"x": [1, 2], "name": "é"}, {"x": [1.0]}],
    }
