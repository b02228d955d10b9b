"""Clients that take no answers, finish no requests, or make much work with little: bounded, and cut in time."""

import asyncio
import contextlib
import time

import h2.settings
import pytest

from keepfit.serving.front import frames, header_blocks, limits

from .clients import converse, listening, until


async def ask_for_much(client, count, size=1000):
    """Have so many answers wait for a client whose windows are closed."""
    for stream in range(1, 2 * count, 2):
        client.ask(stream, "/large", b"%d" % size)
    await client.hear(lambda: len(client.headers) == count)


def settings_of_window(size):
    return frames.settings({frames.INITIAL_WINDOW_SIZE: size})


@pytest.mark.parametrize("stream", [0, 1])
def test_window_that_opens_a_little_costs_no_more_beside_many_waiting_answers(stream):
    def seconds(waiting):
        spent = []

        async def conversation(client, _, __):
            await ask_for_much(client, waiting)
            started = time.process_time()
            client.writer.write(frames.window_update(stream, 1) * 3000 + frames.frame(frames.PING, 0, 0, b"12345678"))
            await client.reader.readuntil(frames.frame(frames.PING, frames.ACK, 0, b"12345678"))
            spent.append(time.process_time() - started)

        converse(conversation, window=0)
        return spent[0]

    assert seconds(1000) < 5 * seconds(1) + 0.1


def test_changes_of_the_windows_of_many_streams_are_work_that_brings_nothing():
    async def conversation(client, _, __):
        await ask_for_much(client, 1000)
        client.writer.write((settings_of_window(1) + settings_of_window(0)) * 100)
        assert await client.reader.readuntil(b"too many frames that bring nothing")

    converse(conversation, window=0)


def test_change_of_the_windows_lets_waiting_answers_go():
    async def conversation(client, _, __):
        await ask_for_much(client, 3)
        client.connection.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1000})
        client.flush()
        await client.hear(lambda: client.ended == {1, 3, 5})

    converse(conversation, window=0)


@pytest.mark.parametrize(
    "content", [frames.goaway(0, 0), frames.frame(frames.HEADERS, 5, 1, header_blocks.status(200))]
)
def test_frames_that_are_passed_over_are_counted(content):
    async def conversation(client, _, __):
        client.ask(1)
        await client.hear(lambda: 1 in client.ended)
        client.writer.write(content * 12_000)
        await client.hear(lambda: client.goaway)
        assert client.goaway.error_code == frames.ENHANCE_YOUR_CALM

    converse(conversation)


async def ask_and_not_read(port):
    """Ask for 20 MB over HTTP/1.1, and read none of them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1000)
    writer.write(b"POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n20000000")
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def look_after(connections, seconds):
    for connection in list(connections._open):
        connection.look(connections.now + seconds)


def test_answer_that_is_not_taken_ends_its_connection():
    async def over_http_1(connections, port):
        _, writer = await ask_and_not_read(port)
        look_after(connections, 1)
        look_after(connections, 1 + limits.WRITE_S)
        assert connections.count == 1
        look_after(connections, 2 + limits.WRITE_S)
        await until(lambda: not connections.count)
        writer.close()

    async def run():
        async with listening() as (port, _, connections):
            await over_http_1(connections, port)

    async def over_http_2(client, _, connections):
        await ask_for_much(client, 1)
        look_after(connections, 1)
        look_after(connections, 1 + limits.WRITE_S)
        assert connections.count == 1
        look_after(connections, 2 + limits.WRITE_S)
        await until(lambda: not connections.count)

    asyncio.run(run())
    converse(over_http_2, window=0)


def test_slow_client_that_takes_its_answer_may_take_its_time():
    async def over_http_1(connections, port):
        reader, writer = await ask_and_not_read(port)
        for turn in range(1, 6):
            look_after(connections, turn * (limits.WRITE_S - 1))
            await reader.readexactly(2_000_000)
        assert connections.count == 1
        writer.close()

    async def run():
        async with listening() as (port, _, connections):
            await over_http_1(connections, port)

    async def over_http_2(client, _, connections):
        await ask_for_much(client, 1)
        for turn in range(1, 6):
            look_after(connections, turn * (limits.WRITE_S - 1))
            client.connection.increment_flow_control_window(10, 1)
            client.flush()
            await client.hear(lambda count=10 * turn: len(client.bodies.get(1, b"")) >= count)
        assert connections.count == 1

    asyncio.run(run())
    converse(over_http_2, window=0)


def test_answers_that_nobody_takes_are_bounded_together():
    async def over_http_1():
        async with listening(max_unsent_bytes=50_000_000) as (port, _, connections):
            opened = [await ask_and_not_read(port) for _ in range(2)]
            assert connections.count == 2
            opened += [await ask_and_not_read(port) for _ in range(2)]
            await until(lambda: connections.count <= 3)
            for _, writer in opened:
                writer.close()

    async def over_http_2(client, _, connections):
        await ask_for_much(client, 5, 30_000)
        with contextlib.suppress(ConnectionError):
            await client.hear(lambda: False)
        assert not connections.count

    asyncio.run(over_http_1())
    converse(over_http_2, window=0, max_unsent_bytes=100_000)


def test_cancelled_answers_do_not_count_as_unread():
    async def conversation(client, _, connections):
        await ask_for_much(client, 3, 30_000)
        for stream in (1, 3):
            client.connection.reset_stream(stream, frames.CANCEL)
        client.ask(7, "/a")
        await client.hear(lambda: 7 in client.headers)
        (connection,) = connections._open
        assert connection.unsent_bytes == 30_000 + len(b"POST /a ")

    converse(conversation, window=0)


def test_request_that_does_not_come_whole_in_time_is_reset():
    async def conversation(client, repeater, connections):
        client.ask(1, "/a", b"1", end=False)
        client.ask(3)
        await client.hear(lambda: 3 in client.ended)
        look_after(connections, limits.BODY_S)
        client.ask(5, "/late", b"1")
        client.ask(7, "/a", b"1", end=False)
        await until(lambda: repeater.late)
        look_after(connections, 2 * limits.BODY_S)
        await client.hear(lambda: client.resets)
        assert client.resets == {1: frames.CANCEL}
        assert repeater.left == ["/a"]
        repeater.answer_late()
        await client.hear(lambda: 5 in client.ended)

    converse(conversation)


@pytest.mark.parametrize(
    "field",
    [
        (b"a b", b"c"),
        (b"a:b", b"c"),
        (b"a\0b", b"c"),
        (b"", b"c"),
        (b"A", b"c"),
        (b"a", b"b\r\nc: d"),
        (b":path", b"/a b"),
        (b":path", b"/a\r\nx: y"),
        (b":path", b"/\xff"),
        (b":method", b"GET\r\n"),
        (b"host", b"elsewhere"),
    ],
)
def test_header_that_http_2_forbids_is_refused(field):
    fields = {b":method": b"GET", b":scheme": b"http", b":path": b"/a", b":authority": b"x"} | dict([field])
    block = header_blocks.encode(list(fields.items()))

    async def conversation(client, repeater, _):
        client.connection.get_next_available_stream_id()
        client.writer.write(frames.frame(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, 1, block))
        reset = await asyncio.wait_for(client.reader.readuntil(frames.reset(1, frames.PROTOCOL_ERROR)), 20)
        assert reset
        client.writer.write(frames.frame(frames.PING, 0, 0, b"12345678"))
        await client.reader.readuntil(frames.frame(frames.PING, frames.ACK, 0, b"12345678"))

    converse(conversation)
