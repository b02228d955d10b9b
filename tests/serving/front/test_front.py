"""HTTP/1.1 and HTTP/2 as they are on the wire, before an application that only repeats what it got."""

import asyncio
import contextlib
import gc

import pytest

from keepfit.serving.front import frames, header_blocks, limits
from keepfit.serving.front.http1_exchange import Exchange
from keepfit.serving.front.streams import Stream
from keepfit.serving.requests.exchange import Head

from .clients import Repetition, converse, do_nothing, listening, until


def talk(content, *, to=None, meanwhile=do_nothing, **arguments):
    """Send bytes; return what comes back, to the connection's end or to some words."""

    async def run():
        async with listening(**arguments) as (port, repeater, connections):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(content)
            await asyncio.sleep(0.05)
            meanwhile(repeater, connections)
            async with asyncio.timeout(20):
                received = await (reader.read() if to is None else reader.readuntil(to))
            writer.close()
            return received

    return asyncio.run(run())


def bodies(received):
    return [part.partition(b"\r\n\r\n")[2] for part in received.split(b"HTTP/1.1 ")[1:]]


def post(path, body=b"", *fields, end=b"Connection: close\r\n"):
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%b%b\r\n%b" % (path, len(body), lines, end, body)


def test_requests_sent_at_once_are_answered_in_their_order():
    content = post(b"/late", b"1", end=b"") + post(b"/a?query", b"2", end=b"") + post(b"/late", b"3")
    received = talk(content, meanwhile=lambda repeater, _: repeater.answer_late())
    assert bodies(received) == [b"POST /late 1", b"POST /a 2", b"POST /late 3"]
    assert received.count(b"\r\ndate: ") == 3
    assert received.count(b"connection: close") == 1


def test_hundreds_of_requests_sent_at_once_are_all_answered():
    received = talk(post(b"/a", b"1", end=b"") * 500 + post(b"/b"))
    assert len(bodies(received)) == 501
    assert bodies(received)[-1] == b"POST /b "


def test_body_in_chunks_with_trailers_is_put_together():
    content = b"POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    received = talk(content + b"2\r\nab\r\n1;x=y\r\nc\r\n0\r\nX: y\r\n\r\n")
    assert bodies(received) == [b"POST /a abc"]


def test_client_that_waits_is_told_to_go_on_and_not_if_it_is_refused():
    received = talk(post(b"/a", b"", b"Expect: 100-continue"))
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    content = b"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    received = talk(content)
    assert received.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b"connection: close" in received


def test_connection_outlives_a_refusal_if_little_is_missing():
    refused = b"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde"
    assert bodies(talk(refused + post(b"/a", b"1"))) == [b"no", b"POST /a 1"]
    received = talk(b"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\nabcde", to=b"no")
    assert b"connection: close" in received


def test_wish_for_another_protocol_is_passed_over_with_the_body_read():
    wish = (b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__", b"Connection: Upgrade, HTTP2-Settings")
    received = talk(post(b"/a", b"12345", *wish, end=b"") + post(b"/b", b"6"))
    assert bodies(received) == [b"POST /a 12345", b"POST /b 6"]
    assert talk(b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 501 ")


def test_head_is_answered_without_a_body():
    received = talk(b"HEAD http://x/a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"content-length: 8\r\n" in received
    assert bodies(received) == [b""]


def test_connection_of_http_1_0_is_kept_if_asked_for():
    content = b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n"
    received = talk(content)
    assert bodies(received) == [b"GET /a ", b"GET /b "]
    assert received.count(b"connection: keep-alive") == 1


@pytest.mark.parametrize(
    "content",
    [
        b"POST /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET /a HTTP/1.1\nHost: x\n\n",
        b"GET /a HTTP/1.1\r\nHost: x\r\nX: 1\r\n 2\r\n\r\n",
        b"POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_others_may_read_differently_is_refused(content):
    received = talk(content)
    assert received.split()[1] in (b"400", b"501")
    assert b"connection: close" in received


def test_headers_without_end_are_refused():
    received = talk(b"GET /a HTTP/1.1\r\nX: " + b"x" * limits.HEADERS_KIB * 1024 + b"x")
    assert received.startswith(b"HTTP/1.1 431 ")


def test_target_counts_as_part_of_the_headers():
    received = talk(b"GET /" + b"x" * limits.HEADERS_KIB * 1024 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"GET /a HT", b"408"), (post(b"/a", b"12345")[:-1], b"408"), (b"", b""), (frames.PREFACE[:5], b"")],
)
def test_slow_client_is_given_up(content, status):
    def wait(_, connections):
        for connection in list(connections._open):
            connection.look(connections.now + limits.IDLE_S + 1)

    received = talk(content, meanwhile=wait)
    assert received.split()[1:2] == ([status] if status else [])


def test_connections_beyond_the_limit_are_closed_at_once():
    async def run():
        async with listening(limit=2) as (port, _, connections):
            opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            assert connections.count == 2
            for _, other in [*opened, (reader, writer)]:
                other.close()

    asyncio.run(run())


def test_requests_with_the_same_head_are_told_apart_by_their_bodies():
    one, two = post(b"/a", b"1", end=b""), post(b"/a", b"2", end=b"")
    hidden = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(two)
    pieces = [one, two, post(b"/b", b"3", end=b""), one, two[:-1], two[-1:], two * 2, hidden, two, one, two]
    pieces += [post(b"/refused", b"4", end=b"")] * 2 + [b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"] * 2

    async def run():
        async with listening() as (port, _, __):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0.02)  # so that each comes by itself
            writer.write(post(b"/end"))
            received = await reader.read()
            writer.close()
            return received

    a, b = b"POST /a 1", b"POST /a 2"
    expected = [a, b, b"POST /b 3", a, b, b, b, b"POST /x " + two, a, b, b"no", b"no", b"GET /a ", b"GET /a "]
    assert bodies(asyncio.run(run()).replace(two, b"TWO")) == [
        body.replace(two, b"TWO") for body in [*expected, b"POST /end "]
    ]


def test_client_that_leaves_is_told_to_the_application():
    async def run():
        async with listening() as (port, repeater, connections):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(post(b"/late", b"1", end=b""))
            await until(lambda: repeater.late)
            writer.close()
            await until(lambda: not connections.count)
            repeater.answer_late()
            assert repeater.left == ["/late"]

    asyncio.run(run())


def test_streams_are_answered_as_they_come_with_trailers():
    async def conversation(client, repeater, _):
        client.ask(1, "/late", b"1")
        client.ask(3, "/b?query", b"2", pad=9)
        await client.hear(lambda: 3 in client.ended)
        assert client.bodies == {3: b"POST /b 2"}
        repeater.answer_late()
        await client.hear(lambda: 1 in client.ended)
        assert client.bodies[1] == b"POST /late 1"
        headers = dict(client.headers[1])
        assert headers.pop("date").endswith(" GMT")
        assert headers == {":status": "200", "content-type": "application/json", "end": "yes"}

    converse(conversation)


def test_answer_waits_for_the_clients_windows():
    async def conversation(client, _, __):
        client.ask(1, "/large", b"1000000")
        client.ask(3, "/large", b"70000")
        client.ask(5, "/a", b"1")
        await client.hear(lambda: client.ended == {1, 3, 5})
        assert [len(client.bodies[stream]) for stream in (1, 3)] == [1_000_000, 70_000]

    converse(conversation, window=1000)


@pytest.mark.parametrize("size", [7, 500, 16_400])
def test_frames_may_come_in_pieces_of_any_size(size):
    async def conversation(client, _, __):
        body = bytes(range(256)) * 200
        client.connection.send_headers(
            1, [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/a")]
        )
        for start in range(0, len(body), 10_000):
            client.connection.send_data(1, body[start : start + 10_000])
        client.connection.end_stream(1)
        content = client.connection.data_to_send()
        for start in range(0, len(content), size):
            client.writer.write(content[start : start + size])
            await asyncio.sleep(0)
        await client.hear(lambda: 1 in client.ended)
        assert client.bodies[1] == b"POST /a " + body

    converse(conversation)


def test_headers_that_change_with_each_request_are_understood():
    async def conversation(client, _, __):
        for number in range(300):
            client.ask(2 * number + 1, f"/{number}", b"1", fields=[("x-number", str(number)), ("grpc-timeout", "1S")])
        await client.hear(lambda: len(client.ended) == 300)
        assert client.bodies == {2 * number + 1: f"POST /{number} 1".encode() for number in range(300)}

    converse(conversation)


def test_large_header_blocks_go_on_in_further_frames():
    async def conversation(client, _, __):
        client.ask(1, "/a", b"1", fields=[(f"x-{number}", "x" * 1000) for number in range(40)])
        client.ask(3, "/a", b"1", fields=[(f"x-{number}", "1") for number in range(200)])
        await client.hear(lambda: client.ended == {1, 3})
        assert [dict(client.headers[stream])[":status"] for stream in (1, 3)] == ["200", "431"]

    converse(conversation)


@pytest.mark.parametrize(
    ("fields", "body", "end"),
    [([("content-length", "5")], b"1234", True), ([("content-length", "3")], b"1234", False)],
)
def test_body_of_another_length_than_announced_is_refused(fields, body, end):
    async def conversation(client, repeater, _):
        client.ask(1, "/a", body, end=end, fields=fields)
        await client.hear(lambda: client.resets)
        assert client.resets == {1: frames.PROTOCOL_ERROR}
        assert repeater.left == ["/a"]
        client.ask(3)
        await client.hear(lambda: 3 in client.ended)

    converse(conversation)


def test_early_refusal_asks_for_no_more_of_the_body():
    async def conversation(client, _, __):
        client.ask(1, "/refused", b"1", end=False)
        await client.hear(lambda: client.resets)
        assert client.resets == {1: frames.NO_ERROR}
        assert client.bodies == {1: b"no"}

    converse(conversation)


def test_cancelled_stream_is_told_to_the_application():
    async def conversation(client, repeater, _):
        client.ask(1, "/late")
        client.ask(3, "/a")
        await client.hear(lambda: 3 in client.ended)
        client.connection.reset_stream(1, frames.CANCEL)
        client.ask(5)
        await client.hear(lambda: 5 in client.ended)
        assert repeater.left == ["/late"]
        repeater.answer_late()

    converse(conversation)


def test_streams_beyond_the_limit_are_refused_unharmed():
    async def conversation(client, repeater, _):
        await client.hear(lambda: client.connection.remote_settings.max_concurrent_streams == 2)
        client.connection.remote_settings.max_concurrent_streams = 9  # this client does not listen
        client.connection.remote_settings.acknowledge()
        for stream in (1, 3, 5):
            client.ask(stream, "/late")
        await client.hear(lambda: client.resets)
        assert client.resets == {5: frames.REFUSED_STREAM}
        repeater.answer_late()
        await client.hear(lambda: client.ended == {1, 3})

    converse(conversation, max_concurrent_streams=2)


def test_requests_that_were_taken_are_answered_before_the_connection_ends():
    async def conversation(client, repeater, connections):
        client.ask(1, "/late", b"12", end=False)
        client.ask(3)
        await client.hear(lambda: 3 in client.ended)
        connections.close()
        await client.hear(lambda: client.goaway)
        assert (client.goaway.error_code, client.goaway.last_stream_id) == (frames.NO_ERROR, 3)
        client.writer.write(frames.frame(frames.DATA, frames.END_STREAM, 1, b"3"))
        await until(lambda: repeater.late)
        repeater.answer_late()
        answer = await client.reader.read()
        assert b"POST /late 123" in answer

    converse(conversation)


def test_silent_client_is_asked_whether_it_is_there():
    async def conversation(client, _, connections):
        client.ask(1)
        await client.hear(lambda: 1 in client.ended)
        await asyncio.sleep(0.1)  # for what the client says of its own accord
        (connection,) = connections._open
        connection.look(connections.now + 6)
        assert frames.frame(frames.PING, 0, 0, b"keepfit?") in await client.reader.read(100)
        connection.look(connections.now + 8)
        connection.look(connections.now + 8 + 3)
        with contextlib.suppress(ConnectionError):
            assert await client.reader.read() == b""

    converse(conversation, keepalive_time_ms=5000, keepalive_timeout_ms=2000)


def test_floods_of_empty_work_end_the_connection():
    async def conversation(client, _, __):
        client.writer.write(frames.frame(frames.PING, 0, 0, b"12345678") * 12_000)
        await client.hear(lambda: client.goaway)
        assert client.goaway.error_code == frames.ENHANCE_YOUR_CALM

    converse(conversation)


def test_integers_of_any_size_are_written_as_hpack_has_them():
    for size in (0, 126, 127, 128, 255, 1000, 70_000):
        field = (b"x", b"v" * size)
        block = header_blocks.status(200) + header_blocks.encode([field])
        decoded = header_blocks.hpack.Decoder(max_header_list_size=10**6).decode(block, raw=True)
        assert [tuple(one) for one in decoded] == [(b":status", b"200"), field]


@contextlib.contextmanager
def no_work_for_the_garbage_collector():
    """Fail if what is done leaves objects of ours that only the garbage collector can free."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield
        gc.collect()
        left = {type(one).__name__ for one in gc.garbage if isinstance(one, Repetition | Exchange | Stream | Head)}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left == set()


@pytest.mark.parametrize("path", ["/", "/refused"])
def test_answered_requests_are_freed_at_once(path):
    async def run():
        async with listening() as (port, _, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with no_work_for_the_garbage_collector():
                for _ in range(3):
                    writer.write(post(path.encode(), b"body", end=b""))
                    await reader.readuntil(b"\r\n\r\n")
                    await asyncio.sleep(0.01)
            writer.close()

    asyncio.run(run())


@pytest.mark.parametrize("path", ["/", "/refused"])
def test_answered_streams_are_freed_at_once(path):
    async def conversation(client, *_):
        with no_work_for_the_garbage_collector():
            for stream in (1, 3, 5):
                client.ask(stream, path)
                await client.hear(lambda number=stream: number in client.ended)

    converse(conversation)
