"""Limits, each answered at once and with its own code, and access for web pages of other origins."""

import concurrent.futures
import socket
import time

import grpc
import httpx
import pytest
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from .conftest import wait_for


def raw(guarded, content, *, timeout_s=30):
    """Send bytes and return what comes back, to the end of the headers; raises TimeoutError."""
    with socket.create_connection(("127.0.0.1", guarded.server.rest_port), timeout=timeout_s) as connection:
        connection.sendall(content)
        received = b""
        while b"\r\n\r\n" not in received:
            part = connection.recv(65536)
            if not part:
                break
            received += part
        return received


def head(guarded, *lines):
    first = ("POST /v1/models/m:predict HTTP/1.1", "host: x", f"x-api-key: {guarded.key}")
    return "\r\n".join((*first, *lines, "", "")).encode()


def test_body_that_announces_too_much_is_refused_before_it_is_sent(guarded):
    answer = raw(guarded, head(guarded, "content-length: 100001"))
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_body_that_grows_too_large_is_refused_while_it_is_sent(guarded):
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    answer = raw(guarded, head(guarded, "transfer-encoding: chunked") + chunk * 7)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_largest_body_is_taken(guarded):
    row = b'{"instances": [[1, 2]]}'
    url = f"{guarded.server.url}/v1/models/m:predict"
    answer = httpx.post(url, content=row + b" " * (100_000 - len(row)), headers=guarded.bearer)
    assert answer.status_code == 200
    answer = httpx.post(url, content=row + b" " * (100_001 - len(row)), headers=guarded.bearer)
    assert answer.status_code == 413
    assert answer.json() == {"error": "The body is larger than the 100000 bytes that --max_body_bytes allows"}


def test_grpc_message_that_is_too_large_is_refused(guarded):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.inputs["x"].tensor_content = bytes(200_000)
    with grpc.insecure_channel(f"127.0.0.1:{guarded.server.grpc_port}") as channel:
        call = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        with pytest.raises(grpc.RpcError) as caught:
            call(request, metadata=[("x-api-key", guarded.key)], timeout=20)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in caught.value.details()


def is_refused_for_memory(guarded):
    try:
        return b" 503 " in raw(guarded, head(guarded, "content-length: 90000") + b" " * 80_000, timeout_s=1)
    except TimeoutError:  # it was let in, and waits for the rest of the body
        return False


def test_bodies_that_arrive_slowly_together_hold_a_bounded_memory(guarded):
    waiting = [socket.create_connection(("127.0.0.1", guarded.server.rest_port)) for _ in range(2)]
    try:
        for connection in waiting:
            connection.sendall(head(guarded, "content-length: 90000") + b" " * 70_000)
        wait_for(lambda: is_refused_for_memory(guarded), 20)
    finally:
        for connection in waiting:
            connection.close()
    wait_for(lambda: guarded.post().status_code == 200, 20)


def test_more_requests_at_once_than_allowed_are_refused_at_once(guarded):
    slow = {"signature_name": "slow", "instances": [1.5]}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = [pool.submit(guarded.post, slow) for _ in range(4)]
        wait_for(lambda: guarded.post(["x"]).status_code == 503, 20)
        started = time.monotonic()
        answer = guarded.post()
        assert time.monotonic() - started < 2
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["error"] == "The server already answers 4 requests; try again later"
        assert httpx.get(f"{guarded.server.url}/healthz").status_code == 200
        assert [one.result().status_code for one in running] == [200] * 4
    assert guarded.post().status_code == 200


def test_headers_that_are_too_large_are_refused(guarded):
    assert raw(guarded, head(guarded, f"x-large: {'x' * 70_000}")).startswith(b"HTTP/1.1 431 ")
    assert raw(guarded, head(guarded, *(f"x-{n}: 1" for n in range(200)))).startswith(b"HTTP/1.1 431 ")


def test_web_pages_of_other_origins_may_call(guarded):
    answer = guarded.post(headers={**guarded.bearer, "origin": "https://example.org"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "POST, GET"
    asked = httpx.request("OPTIONS", f"{guarded.server.url}/v1/models/m:predict", headers={"origin": "https://a.org"})
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["access-control-allow-headers"] == "Content-Type, Authorization, X-Api-Key"


def test_without_the_flag_no_origin_may_call(shared):
    answer = shared.predict()
    assert "access-control-allow-origin" not in answer.headers
    assert httpx.request("OPTIONS", f"{shared.url}/v1/models/m:predict").status_code in (400, 404)
