"""One request at the server, whatever protocol it came by: let in, read, answered, counted and logged.

Knows both APIs as functions from a whole request to an answer, and the front only as a channel.
"""

import asyncio
import logging
import time
from dataclasses import dataclass

from keepfit.errors import InferenceError, InvalidRequestError, ServingError, UnimplementedError
from keepfit.serving.grpc import health
from keepfit.serving.grpc import wire as grpc_wire
from keepfit.serving.grpc.api import GrpcApi
from keepfit.serving.grpc.health import Health, Watching
from keepfit.serving.grpc.wire import Reply
from keepfit.serving.metrics.counting import ServingMetrics
from keepfit.serving.requests import compression
from keepfit.serving.requests.access_log import AccessLog
from keepfit.serving.requests.admission import Admission
from keepfit.serving.requests.errand import Errand
from keepfit.serving.requests.exchange import GRPC, Body, Channel, Fields, Head
from keepfit.serving.requests.status import status_name
from keepfit.serving.rest.api import RestApi
from keepfit.serving.rest.response import JSON, Response, error_response

logger = logging.getLogger(__name__)

_JSON_FIELDS = ((b"content-type", b"application/json"),)
_GRPC_FIELDS = ((b"content-type", GRPC),)
_PREFLIGHT = Response(200, b"")


@dataclass(slots=True)
class Services:
    """What all requests share."""

    admission: Admission
    metrics: ServingMetrics
    rest: RestApi
    grpc: GrpcApi
    health: Health | None
    cross_origin: Fields | None
    """The header fields that let web pages of other origins call, if they may."""
    rest_port: int
    max_body_bytes: int
    access_log: AccessLog | None = None


class RequestVisit:
    """A request, from its head until it is answered or its client has left."""

    __slots__ = (
        "_body",
        "_channel",
        "_errand",
        "_has_left",
        "_head",
        "_held",
        "_is_grpc",
        "_is_over",
        "_owner",
        "_services",
        "_size",
        "_started",
    )

    def __init__(self, services: Services, head: Head, channel: Channel) -> None:
        self._services = services
        self._head = head
        self._channel = channel
        self._is_grpc = head.is_grpc
        self._body: Body = b""
        self._size = 0
        self._held = 0
        self._owner = ""
        self._started = 0.0 if services.access_log is None else time.perf_counter()
        self._errand: Errand | None = None
        self._is_over = False
        self._has_left = False
        services.admission.requests += 1
        try:
            self._admit()
        except ServingError as error:
            self._refuse(error)

    def feed(self, part: bytes | memoryview) -> None:
        """Take a part of the body."""
        if self._is_over:
            return
        size = len(part)
        self._size += size
        try:
            self._services.admission.hold(size, self._size, is_grpc=self._is_grpc)
        except ServingError as error:
            self._refuse(error)
            return
        self._held += size
        if self._size == size:
            self._body = bytes(part)
        else:
            if not isinstance(self._body, bytearray):
                self._body = bytearray(self._body)
            self._body += part

    def finish(self) -> None:
        """Answer, now that the body is whole."""
        if not self._is_over:
            self._errand = Errand(self._run())

    def leave(self) -> None:
        """Give up: nobody hears the answer, and what has not begun to run is not run."""
        self._has_left = True
        self._end()
        if self._errand is not None:
            self._errand.cancel()

    def _admit(self) -> None:
        head = self._head
        if self._is_preflight:
            return  # a browser asks before it sends JSON, and brings no key then
        if self._is_grpc and head.port is not None and head.port == self._services.rest_port:
            # which TLS and client certificates may not guard
            raise UnimplementedError("This port has the REST API; gRPC is answered on the port that --port names")
        self._owner = self._services.admission.admit(head)

    @property
    def _is_preflight(self) -> bool:
        return self._head.method == "OPTIONS" and self._services.cross_origin is not None

    async def _run(self) -> None:
        head = self._head
        try:
            if head.is_grpc:
                await self._answer_grpc()
            elif self._is_preflight:
                self._write(_PREFLIGHT, b"")
            else:
                if b"content-encoding" in head.headers:
                    await self._decompress(head.headers[b"content-encoding"].strip())
                response = await self._services.rest.handle(head.method, head.path, self._take_body())
                if len(response.body) < compression.WORTH_BYTES:
                    self._write(response, response.body)
                else:
                    await self._respond(response)
        except ServingError as error:
            self._refuse(error)
        except asyncio.CancelledError:
            if not self._has_left:
                raise
        except Exception:
            # The top of a request: a defect of ours must not reach the client as a traceback.
            logger.exception("%s %s failed", head.method, head.path)
            self._refuse(InferenceError("Internal error; the server's log says more"))
        finally:
            self._end()

    async def _answer_grpc(self) -> None:
        head, services = self._head, self._services
        if services.health is not None and head.path.startswith(health.SERVICE):
            answer = await services.health.answer(head.path, head.headers, self._take_body())
            if isinstance(answer, Watching):
                await self._stream(answer)
                return
        else:
            answer = await services.grpc.handle(head.path, head.headers, self._take_body())
        self._reply(answer)

    def _take_body(self) -> Body:
        """Return the body and forget it, so that it can be given up while the model runs."""
        body, self._body = self._body, b""
        return body

    async def _decompress(self, encoding: bytes) -> None:
        if encoding.lower() == b"identity":
            return
        if encoding.lower() != compression.GZIP:
            name = encoding.decode(errors="replace")
            raise InvalidRequestError(f"The content encoding {name!r} is not taken; gzip is, and none at all")
        self._body = await compression.gunzip(self._body, self._services.max_body_bytes)
        self._services.admission.hold(len(self._body))
        self._held += len(self._body)

    async def _respond(self, response: Response) -> None:
        """Send a body that is worth compressing, if the client takes it so."""
        if compression.is_accepted(self._head.headers.get(b"accept-encoding", b"")):
            self._write(response, await compression.compress(response.body), compression.GZIP)
        else:
            self._write(response, response.body)

    def _write(self, response: Response, body: bytes, encoding: bytes = b"") -> None:
        fields: Fields = _JSON_FIELDS
        if response.content_type is not JSON or response.headers or encoding:
            fields = [
                (b"content-type", response.content_type.encode()),
                *((name.encode(), value.encode()) for name, value in response.headers.items()),
            ]
            if encoding:
                fields += [(b"content-encoding", encoding), (b"vary", b"accept-encoding")]
        if self._services.cross_origin is not None:
            fields = [*fields, *self._services.cross_origin]
        self._channel.respond(response.status, fields, body)
        self._log(response.status, len(response.body))

    def _reply(self, reply: Reply) -> None:
        if self._head.has_trailers:
            self._channel.respond(200, _GRPC_FIELDS, reply.body, reply.trailers)
        else:  # gRPC needs HTTP/2; who tries without at least sees the status
            self._channel.respond(200, (*_GRPC_FIELDS, *reply.trailers), reply.body)
        self._log(reply.status, len(reply.body))

    async def _stream(self, watching: Watching) -> None:
        self._channel.start(200, _GRPC_FIELDS)
        async for message in watching.messages:
            self._channel.send(message)
        self._channel.end(Reply(b"").trailers)

    def _refuse(self, error: ServingError) -> None:
        self._services.metrics.observe_refused("GRPC" if self._is_grpc else "REST", status_name(error))
        if self._is_grpc:
            self._reply(grpc_wire.error_reply(error))
        else:
            response = error_response(error)
            self._write(response, response.body)
        self._end()

    def _end(self) -> None:
        """Give back what it holds."""
        if self._is_over:
            return
        self._is_over = True
        self._body = b""
        admission = self._services.admission
        admission.requests -= 1
        admission.held_bytes -= self._held

    def _log(self, status: int, response_bytes: int) -> None:
        log = self._services.access_log
        if log is None or not log.chooses():
            return
        log.write(
            {
                "api": "GRPC" if self._is_grpc else "REST",
                "client": self._head.client,
                "key": self._owner or None,
                "method": self._head.method,
                "path": self._head.path,
                "status": status,
                "milliseconds": round((time.perf_counter() - self._started) * 1000, 3),
                "request_bytes": self._size,
                "response_bytes": response_bytes,
            }
        )
