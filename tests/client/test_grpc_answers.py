"""gRPC against a server that answers in every way, sync and async."""

import socket
import threading
import time

import pytest

from keepfit.client import Retry
from keepfit.client.failures import CODES, ERROR_OF_CODE
from keepfit.errors import (
    KeepfitError,
    ReloadError,
    ServingError,
    StrangerError,
    TimedOutError,
    UnavailableError,
    UnreachableError,
)

from ..fake_serving import free_port  # noqa: TID252 - tests are no installed package
from .conftest import KINDS
from .fake_grpc import FakeGrpc, start, stop

NEVER = Retry(within_s=0)
CODE_NAMES = {
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
}


@pytest.fixture(params=KINDS[2:], ids=lambda kind: kind.mode)
def kind(request):
    return request.param


@pytest.fixture
def fake():
    fake = FakeGrpc()
    server = start(fake)
    yield fake
    stop(fake, server)


def connect(kind, fake, **options):
    return kind.connect(f"grpc://127.0.0.1:{fake.port}", "m", **{"timeout_s": 20, **options})


def test_the_table_has_every_code_and_every_error():
    assert set(ERROR_OF_CODE) == CODE_NAMES
    assert set(CODES) == set(ServingError.__subclasses__()) - {ReloadError}  # which no call of ours can meet


@pytest.mark.parametrize("code", sorted(CODE_NAMES))
def test_each_code_is_an_error_with_the_servers_words(kind, fake, code):
    fake.refusals = [(code, "as the tést wants", None)]
    with connect(kind, fake, retry=NEVER) as client, pytest.raises(KeepfitError, match="as the tést wants") as raised:
        client.status()
    assert type(raised.value) is ERROR_OF_CODE[code]


def test_busy_server_is_asked_again_when_it_says(kind, fake):
    fake.refusals = [("UNAVAILABLE", "busy", "700")]
    begun = time.monotonic()
    with connect(kind, fake) as client:
        assert client.predict([1.0]).array.tolist() == [10.0]
    assert time.monotonic() - begun >= 0.7


def test_server_that_wants_no_second_time_is_left_alone(kind, fake):
    fake.refusals = [("UNAVAILABLE", "never again", "-1")]
    with connect(kind, fake) as client, pytest.raises(UnavailableError, match="never again"):
        client.predict([1.0])
    assert len(fake.asked) == 1


def test_server_that_says_when_is_asked_more_often_than_others(kind, fake):
    fake.refusals = [("UNAVAILABLE", "busy", "10")] * 5
    with connect(kind, fake) as client:
        client.status()
    assert len(fake.asked) == 6


def test_busy_server_is_asked_three_times_and_no_more(kind, fake):
    fake.refusals = [("UNAVAILABLE", "busy", None)] * 100
    with connect(kind, fake) as client, pytest.raises(UnavailableError, match="busy"):
        client.status()
    assert len(fake.asked) == 3


def test_wrong_request_is_not_sent_again(kind, fake):
    fake.refusals = [("INVALID_ARGUMENT", "wrong", None)]
    with connect(kind, fake) as client, pytest.raises(ServingError, match="wrong"):
        client.status()
    assert len(fake.asked) == 1


def test_slow_server_is_left_at_the_time_limit(kind, fake):
    fake.delay_s = 30
    begun = time.monotonic()
    with connect(kind, fake) as client, pytest.raises(TimedOutError, match=r"within 0\.4 s"):
        client.status(timeout_s=0.4)
    assert time.monotonic() - begun < 10


def test_server_that_is_down_is_reported_soon(kind):
    address = f"grpc://127.0.0.1:{free_port()}"
    begun = time.monotonic()
    lost = kind.connect(address, "m", retry=Retry(within_s=0.5))
    with lost as client, pytest.raises(UnreachableError, match=address):
        client.status()
    assert time.monotonic() - begun < 10


def test_restarting_server_is_bridged(kind):
    fake, port, servers = FakeGrpc(), free_port(), []
    timer = threading.Timer(0.6, lambda: servers.append(start(fake, port)))
    timer.start()
    with kind.connect(f"grpc://127.0.0.1:{port}", "m", timeout_s=20) as client:
        assert client.predict([1.0]).array.tolist() == [10.0]
    timer.join()
    stop(fake, servers[0])


@pytest.mark.parametrize("raw", [b"\xff", b"<html>"])
def test_garbage_is_not_taken_for_an_answer(kind, fake, raw):
    fake.raw = raw
    with connect(kind, fake) as client:
        for call in (client.status, client.metadata, lambda: client.regress([{"x": 1.0}])):
            with pytest.raises(StrangerError, match="as TensorFlow Serving does"):
                call()


def test_what_speaks_http_1_is_named(kind):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(10_000)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        address = f"grpc://127.0.0.1:{listener.getsockname()[1]}"
        with kind.connect(address, "m", retry=NEVER) as client, pytest.raises(StrangerError, match="gRPC"):
            client.status()


def test_key_goes_with_every_call(kind, fake):
    with connect(kind, fake, api_key="s3cret") as client:
        client.predict([1.0])
    assert [metadata["authorization"] for _, metadata in fake.asked] == ["Bearer s3cret"] * 2
    assert [method.rpartition("/")[2] for method, _ in fake.asked] == ["GetModelMetadata", "Predict"]
