"""The server as one ASGI application for REST and gRPC.

Knows ASGI with its trailers extension, but not which front runs it.
"""

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias, cast

from prometheus_client import CollectorRegistry, ProcessCollector

from keepfit.errors import InferenceError, InvalidRequestError, ServingError, UnimplementedError
from keepfit.serving import (
    batching_config,
    channel_arguments,
    compression,
    cors,
    grpc_wire,
    health,
    load_request,
    model_config,
    rest,
)
from keepfit.serving.abandonment import Abandonment
from keepfit.serving.access_log import AccessLog, entry
from keepfit.serving.admission import Admission, ClientLeftError, Limits, Visit
from keepfit.serving.asgi_types import Receive, Scope, Send
from keepfit.serving.config_watch import ConfigWatch
from keepfit.serving.gauges import gauges
from keepfit.serving.grpc_api import GrpcApi
from keepfit.serving.grpc_wire import Reply
from keepfit.serving.health import Health, Watching
from keepfit.serving.keys import KeyFile
from keepfit.serving.manager import Rules, Slots
from keepfit.serving.metrics import ServingMetrics
from keepfit.serving.models import Models
from keepfit.serving.monitoring import metrics_path
from keepfit.serving.options import Options
from keepfit.serving.rest import Response, RestApi
from keepfit.serving.status import status_name
from keepfit.serving.worker_process import Launch, Workers

logger = logging.getLogger(__name__)

Headers: TypeAlias = Mapping[bytes, bytes]
Answer: TypeAlias = Reply | Response | Watching

_GRPC = b"application/grpc"
_GRPC_HEADERS = [(b"content-type", _GRPC)]


class Application:
    """One model server. start() and stop() belong to its event loop; requests may come between."""

    def __init__(self, options: Options) -> None:
        self._options = options
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._metrics = ServingMetrics(registry, lambda: gauges(self.models, self._admission))
        launch = Launch(options.python, options.worker_environment, options.spare_worker)
        self._workers = Workers(launch)
        self.models = Models(
            model_config.by_flags(options),
            _rules(options),
            Slots(max(options.num_load_threads, 1), max(options.num_unload_threads, 1), 4 * (os.cpu_count() or 1)),
            self._workers,
            lambda model, version, rows: self._metrics.observe_batch(model, str(version), rows),
            allow_labels_for_unavailable=options.allow_version_labels_for_unavailable_models,
        )
        self._config_watch = ConfigWatch(options, self.models)
        message_bytes = channel_arguments.parse(options.grpc_channel_arguments).max_message_bytes
        limits = Limits(
            max_body_bytes=options.max_body_bytes,
            max_message_bytes=message_bytes or options.max_body_bytes,
            max_held_bytes=options.max_held_bytes,
            max_requests=options.max_concurrent_requests,
        )
        self._rest = RestApi(
            self.models,
            self._metrics,
            registry,
            options.rest_api_timeout_in_ms / 1000,
            metrics_path=metrics_path(options),
            check_method=options.enable_signature_method_name_check,
        )
        self._grpc = GrpcApi(
            self.models,
            self._metrics,
            limits.max_message_bytes,
            check_method=options.enable_signature_method_name_check,
            pack_tensors=options.enable_serialization_as_tensor_content,
        )
        self._keys = KeyFile(Path(options.api_keys_file)) if options.api_keys_file else None
        self._admission = Admission(limits, self._keys)
        self._health = Health(self.models, self._admission) if options.enable_grpc_healthcheck_service else None
        self._cross_origin = cors.headers(with_keys=self._keys is not None)
        self._access_log: AccessLog | None = None
        self._abandonment = Abandonment()

    @property
    def in_flight(self) -> int:
        """How many requests are being answered."""
        return self._admission.requests

    def drain(self) -> None:
        """Refuse new requests from now on."""
        self._admission.draining = True

    async def start(self) -> None:
        """Start the first worker and the watch over the models."""
        self._workers.start()
        self.models.start()
        self._config_watch.start()
        if self._keys is not None:
            self._keys.start()
        if self._options.access_log_sample_rate:
            file = self._options.access_log_file
            self._access_log = AccessLog(self._options.access_log_sample_rate, Path(file) if file else None)

    async def stop(self) -> None:
        """End the watch and all workers."""
        self._config_watch.stop()
        await self.models.stop()
        if self._keys is not None:
            self._keys.stop()
        self._workers.stop()
        if self._access_log is not None:
            self._access_log.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or the server's life cycle (ASGI)."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._visit(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            event = await receive()
            if event["type"] == "lifespan.startup":
                await self.start()
                await send({"type": "lifespan.startup.complete"})
            elif event["type"] == "lifespan.shutdown":
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _visit(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        headers = dict(scope["headers"])
        request = cast("asyncio.Task[None]", asyncio.current_task())
        visit = Visit(self._admission, is_grpc=headers.get(b"content-type", b"").startswith(_GRPC))
        try:
            answer = await self._answer(visit, scope, headers, receive)
            if isinstance(answer, Watching):
                await _send_stream(answer, receive, send)
                return
            if isinstance(answer, Reply):
                await _send_reply(answer, send, with_trailers=scope["http_version"] == "2")
            else:
                await self._send_response(answer, headers, send, with_body=scope["method"] != "HEAD")
        except (ClientLeftError, OSError):  # the latter is how sending tells it (ASGI)
            return
        except asyncio.CancelledError:
            if not self._abandonment.has_left(request):
                raise
            return
        finally:
            visit.leave()
            self._abandonment.leave(request)
        if self._access_log is not None and self._access_log.chooses():
            self._access_log.write(entry(scope, visit, answer.status, len(answer.body), time.perf_counter() - started))

    async def _answer(self, visit: Visit, scope: Scope, headers: Headers, receive: Receive) -> Answer:
        path, method, is_grpc = scope["path"], scope["method"], visit.is_grpc
        refuse = grpc_wire.error_reply if is_grpc else rest.error_response
        try:
            if method == "OPTIONS" and self._options.rest_api_enable_cors_support:
                return Response(200, b"")  # a browser asks before it sends JSON, and brings no key then
            if is_grpc:
                self._check_port(scope)
            visit.admit(path, headers)
            # The body has no name here, so that it can be given up while the model runs.
            if not is_grpc:
                return await self._rest.handle(method, _encoded(scope), await self._read(visit, headers, receive))
            if self._health is not None and path.startswith(health.SERVICE):
                return await self._health.answer(path, headers, await visit.read_body(receive))
            return await self._grpc.handle(path, headers, await self._read(visit, headers, receive))
        except ServingError as error:
            self._metrics.observe_refused("GRPC" if is_grpc else "REST", status_name(error))
            return refuse(error)
        except ClientLeftError:
            raise
        except Exception:
            # The top of a request: a defect of ours must not reach the client as a traceback.
            logger.exception("%s %s failed", method, path)
            return refuse(InferenceError("Internal error; the server's log says more"))

    def _check_port(self, scope: Scope) -> None:
        """Keep gRPC off the REST port, which TLS and client certificates may not guard."""
        server = scope.get("server")
        if server and server[1] == self._options.rest_api_port:
            raise UnimplementedError("This port has the REST API; gRPC is answered on the port that --port names")

    async def _read(self, visit: Visit, headers: Headers, receive: Receive) -> bytes:
        """Return the body; from then on the request is cancelled if its client leaves."""
        body = await visit.read_body(receive)
        self._abandonment.enter(cast("asyncio.Task[None]", asyncio.current_task()), receive)
        if b"content-encoding" in headers and not visit.is_grpc:
            return await self._decompress(headers[b"content-encoding"], body, visit)
        return body

    async def _decompress(self, encoding: bytes, body: bytes, visit: Visit) -> bytes:
        if encoding.strip().lower() == b"identity":
            return body
        if encoding.strip().lower() != compression.GZIP:
            name = encoding.decode(errors="replace")
            raise InvalidRequestError(f"The content encoding {name!r} is not taken; gzip is, and none at all")
        plain = await compression.gunzip(body, self._options.max_body_bytes)
        visit.hold(len(plain))
        return plain

    async def _send_response(self, response: Response, asked: Headers, send: Send, *, with_body: bool) -> None:
        body = response.body
        headers = [
            (b"content-type", response.content_type.encode()),
            *((name.encode(), value.encode()) for name, value in response.headers.items()),
        ]
        if len(body) >= compression.WORTH_BYTES and compression.is_accepted(asked.get(b"accept-encoding", b"")):
            body = await compression.compress(body)
            headers += [(b"content-encoding", compression.GZIP), (b"vary", b"accept-encoding")]
        headers.append((b"content-length", str(len(body)).encode()))
        if self._options.rest_api_enable_cors_support:
            headers += self._cross_origin
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": body if with_body else b""})


def _rules(options: Options) -> Rules:
    return Rules(
        poll_s=options.file_system_poll_wait_seconds,
        max_retries=options.max_num_load_retries,
        retry_interval_s=options.load_retry_interval_micros / 1e6,
        how=load_request.by_flags(options),
        batching=batching_config.by_flags(options),
        workers_per_model=options.workers_per_model,
    )


def _encoded(scope: Scope) -> str:
    """Return the path with its names still encoded if any is, since they may have slashes and colons."""
    raw: bytes = scope.get("raw_path") or b""
    path: str = raw.decode("ascii", errors="replace") if b"%" in raw else scope["path"]
    return path


async def _send_reply(reply: Reply, send: Send, *, with_trailers: bool) -> None:
    if not with_trailers:  # gRPC needs HTTP/2; who tries without at least sees the status
        await send({"type": "http.response.start", "status": 200, "headers": _GRPC_HEADERS + reply.trailers})
        await send({"type": "http.response.body", "body": reply.body})
        return
    await send({"type": "http.response.start", "status": 200, "headers": _GRPC_HEADERS, "trailers": True})
    await send({"type": "http.response.body", "body": reply.body})
    await send({"type": "http.response.trailers", "headers": reply.trailers, "more_trailers": False})


async def _send_stream(watching: Watching, receive: Receive, send: Send) -> None:
    """Send until the stream ends or the client leaves, which is told by receive or by send, as the front has it."""
    event = asyncio.ensure_future(receive())
    try:
        await send({"type": "http.response.start", "status": 200, "headers": _GRPC_HEADERS, "trailers": True})
        async for message in watching.messages:
            if event.done() and event.result()["type"] == "http.disconnect":
                raise ClientLeftError
            await send({"type": "http.response.body", "body": message, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        await send({"type": "http.response.trailers", "headers": Reply(b"").trailers, "more_trailers": False})
    finally:
        event.cancel()
