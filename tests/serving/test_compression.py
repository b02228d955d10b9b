"""gzip both ways over real HTTP, and within bounds."""

import asyncio
import gzip
import json
import zlib

import httpx
import pytest

from keepfit.errors import InvalidRequestError, TooLargeError
from keepfit.serving.requests import compression

ROWS = [[float(row), 0.5] for row in range(2000)]
BODY = json.dumps({"instances": ROWS}).encode()
ANSWER = {"predictions": [[2 * row + 1.0] for row in range(2000)]}


def post(server, body, **headers):
    headers = {"accept-encoding": "identity", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return httpx.post(f"{server.url}/v1/models/m:predict", content=body, headers=headers, timeout=30)


def test_compressed_request_is_answered(shared):
    answer = post(shared, gzip.compress(BODY), content_encoding="gzip")
    assert answer.json() == ANSWER
    assert "content-encoding" not in answer.headers


def test_answer_is_compressed_for_who_accepts_it(shared):
    answer = post(shared, BODY, accept_encoding="br, gzip;q=0.5")
    assert (answer.headers["content-encoding"], answer.headers["vary"]) == ("gzip", "accept-encoding")
    assert int(answer.headers["content-length"]) < len(answer.content) / 2
    assert answer.json() == ANSWER


def test_small_answer_is_not_worth_compressing(shared):
    answer = post(shared, b'{"instances": [[1, 2]]}', accept_encoding="gzip")
    assert "content-encoding" not in answer.headers
    assert answer.json() == {"predictions": [[6.0]]}


@pytest.mark.parametrize(
    ("body", "encoding", "text"),
    [
        (b"not gzip", "gzip", "The gzip content cannot be decompressed"),
        (gzip.compress(BODY)[:-20], "gzip", "or not all of it is there"),
        (BODY, "br", "The content encoding 'br' is not taken"),
    ],
)
def test_body_that_cannot_be_decompressed_is_refused(shared, body, encoding, text):
    answer = post(shared, body, content_encoding=encoding)
    assert answer.status_code == 400
    assert text in answer.json()["error"]


def test_identity_is_no_encoding(shared):
    assert post(shared, BODY, content_encoding="identity").json() == ANSWER


@pytest.mark.parametrize("size", [1_000, 10_000_000])
@pytest.mark.parametrize(
    ("pack", "unpack"), [(gzip.compress, compression.gunzip), (zlib.compress, compression.inflate)]
)
def test_content_that_grows_too_much_is_refused(size, pack, unpack):
    compressed = pack(b"0" * size)
    assert len(asyncio.run(unpack(compressed, size))) == size
    with pytest.raises(TooLargeError, match=f"larger than {size - 1} bytes"):
        asyncio.run(unpack(compressed, size - 1))
    for damaged in (compressed[:-1], b"\0" + compressed):
        with pytest.raises(InvalidRequestError):
            asyncio.run(unpack(damaged, size))


@pytest.mark.parametrize("size", [0, 1_000, 1_000_000])
def test_compressed_content_reads_back(size):
    content = bytes(index % 251 for index in range(size))
    assert gzip.decompress(asyncio.run(compression.compress(content))) == content


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (b"gzip", True),
        (b"deflate, GZIP;q=1.0", True),
        (b"*", True),
        (b"gzip; q=0.001", True),
        (b"", False),
        (b"identity", False),
        (b"gzip;q=0", False),
        (b"gzip; q=0.0, br", False),
        (b"zip", False),
    ],
)
def test_accept_encoding_is_understood(header, accepted):
    assert compression.is_accepted(header) is accepted
