"""A front in this process, before an application that only repeats what it got; and a client that speaks HTTP/2."""

import asyncio
import contextlib

import h2.config
import h2.connection
import h2.events
import h2.settings

from keepfit.serving.front.connections import Connections
from keepfit.serving.front.sniffing import Sniffer
from keepfit.serving.settings.channel_arguments import ChannelArguments

JSON = (b"content-type", b"application/json")


class Repeater:
    """Answers with method, path and body; /late only when it is let, /large with as many bytes as the body says."""

    def __init__(self):
        self.late = []
        self.left = []

    def visit(self, head, channel):
        return Repetition(self, head, channel)

    def answer_late(self):
        for repetition in self.late[::-1]:
            repetition.answer()


class Repetition:
    def __init__(self, repeater, head, channel):
        self.repeater, self.head, self.channel, self.body = repeater, head, channel, b""
        if head.path == "/refused":
            channel.respond(403, (), b"no")

    def feed(self, part):
        self.body += part

    def finish(self):
        if self.head.path == "/late":
            self.repeater.late.append(self)
        elif self.head.path != "/refused":
            self.answer()

    def answer(self):
        body = f"{self.head.method} {self.head.path} ".encode() + self.body
        if self.head.path == "/large":
            body = b"x" * int(self.body)
        self.channel.respond(200, [JSON], body, [(b"end", b"yes")])

    def leave(self):
        self.repeater.left.append(self.head.path)


@contextlib.asynccontextmanager
async def listening(**arguments):
    """Give a port, the repeater and the connections."""
    repeater = Repeater()
    limit, max_unsent_bytes = arguments.pop("limit", 100), arguments.pop("max_unsent_bytes", 2**30)
    connections = Connections(repeater, limit, max_unsent_bytes, ChannelArguments(**arguments))
    server = await asyncio.get_running_loop().create_server(lambda: Sniffer(connections), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], repeater, connections
    finally:
        server.close()
        connections.close()


def do_nothing(*_):
    pass


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in the server
            await asyncio.sleep(0.01)


class Client:
    """An HTTP/2 client that keeps what it hears."""

    def __init__(self, reader, writer, window=None):
        self.reader, self.writer = reader, writer
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.connection.initiate_connection()
        if window is not None:
            self.connection.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.headers, self.bodies, self.ended, self.resets, self.goaway = {}, {}, set(), {}, None
        self.flush()

    def flush(self):
        self.writer.write(self.connection.data_to_send())

    def ask(self, stream, path="/a", body=b"", end=True, method="POST", fields=(), pad=None):
        self.connection.send_headers(
            stream,
            [(":method", method), (":scheme", "http"), (":authority", "x"), (":path", path), *fields],
        )
        self.connection.send_data(stream, body, end_stream=end, pad_length=pad)
        self.flush()

    async def hear(self, condition):
        async with asyncio.timeout(20):
            while not condition():
                data = await self.reader.read(65536)
                if not data:
                    return
                for event in self.connection.receive_data(data):
                    self._note(event)
                self.flush()

    def _note(self, event):
        stream = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
            self.headers.setdefault(stream, []).extend(event.headers)
        if isinstance(event, h2.events.DataReceived):
            self.bodies[stream] = self.bodies.get(stream, b"") + event.data
            self.connection.acknowledge_received_data(event.flow_controlled_length, stream)
        if isinstance(event, h2.events.StreamEnded):
            self.ended.add(stream)
        if isinstance(event, h2.events.StreamReset):
            self.resets[stream] = event.error_code
        if isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event


def converse(conversation, window=None, **arguments):
    """Run a conversation of a client with the repeater."""

    async def run():
        async with listening(**arguments) as (port, repeater, connections):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            client = Client(reader, writer, window)
            await conversation(client, repeater, connections)
            writer.close()

    asyncio.run(run())
