"""The server as one ASGI application for REST and gRPC.

Knows ASGI with its trailers extension, but not which front runs it.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any, TypeAlias

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from keepfit import protos
from keepfit.errors import InferenceError, ServingError, TooLargeError, UnavailableError
from keepfit.metrics import ServingMetrics, gauge
from keepfit.serving import config_files, grpc_wire, rest
from keepfit.serving.grpc_api import GrpcApi
from keepfit.serving.grpc_wire import Reply
from keepfit.serving.model_config import ModelConfig, models_of
from keepfit.serving.models import Models
from keepfit.serving.options import Options
from keepfit.serving.rest import Response, RestApi
from keepfit.serving.worker_process import Launch, Workers

Scope: TypeAlias = MutableMapping[str, Any]
Event: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]

logger = logging.getLogger(__name__)

_GRPC = b"application/grpc"
_GRPC_HEADERS = [(b"content-type", _GRPC)]


class ClientLeftError(Exception):
    """The client closed before its request was complete; nobody hears an answer."""


class Application:
    """One model server. start() and stop() belong to its event loop; requests may come between."""

    def __init__(self, options: Options) -> None:
        self._options = options
        registry = CollectorRegistry()
        self._metrics = ServingMetrics(registry, self._gauges)
        launch = Launch(options.python, options.worker_environment, options.spare_worker)
        self._workers = Workers(launch)
        self.models = Models(
            _configs(options),
            self._workers,
            lambda model, version, rows: self._metrics.observe_batch(model, str(version), rows),
            poll_s=options.file_system_poll_wait_seconds,
            allow_labels_for_unavailable=options.allow_version_labels_for_unavailable_models,
        )
        self._rest = RestApi(self.models, self._metrics, registry, options.rest_api_timeout_in_ms / 1000)
        self._grpc = GrpcApi(self.models, self._metrics, options.max_body_bytes)
        self.in_flight = 0
        self.draining = False

    async def start(self) -> None:
        """Start the first worker and the watch over the models."""
        self._workers.start()
        self.models.start()

    async def stop(self) -> None:
        """End the watch and all workers."""
        await self.models.stop()
        self._workers.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or the server's life cycle (ASGI)."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            self.in_flight += 1
            try:
                await self._answer(scope, receive, send)
            except ClientLeftError:
                pass
            finally:
                self.in_flight -= 1

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

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        is_grpc = headers.get(b"content-type", b"").startswith(_GRPC)
        try:
            body = await self._read_body(receive)
            if self.draining:
                raise UnavailableError("The server is shutting down")
            if is_grpc:
                reply = await self._grpc.handle(scope["path"], headers, body)
            else:
                response = await self._rest.handle(scope["method"], scope["path"], body)
        except ServingError as error:
            reply, response = grpc_wire.error_reply(error), rest.error_response(error)
        except ClientLeftError:
            raise
        except Exception:
            # The top of a request: a defect of ours must not reach the client as a traceback.
            logger.exception("%s %s failed", scope["method"], scope["path"])
            defect = InferenceError("Internal error; the server's log says more")
            reply, response = grpc_wire.error_reply(defect), rest.error_response(defect)
        if is_grpc:
            await _send_reply(reply, send, with_trailers=scope["http_version"] == "2")
        else:
            await _send_response(response, send, with_body=scope["method"] != "HEAD")

    async def _read_body(self, receive: Receive) -> bytes:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientLeftError
        body: bytes = event.get("body", b"")
        if not event.get("more_body", False):
            return body
        chunks = [body]
        size = len(body)
        while event.get("more_body", False):
            event = await receive()
            if event["type"] == "http.disconnect":
                raise ClientLeftError
            chunk = event.get("body", b"")
            size += len(chunk)
            if size <= self._options.max_body_bytes:
                chunks.append(chunk)
        if size > self._options.max_body_bytes:
            raise TooLargeError(f"The body is larger than {self._options.max_body_bytes} bytes")
        return b"".join(chunks)

    def _gauges(self) -> Iterable[Metric]:
        yield gauge(
            "keepfit_version_available",
            "1 for each version that answers requests.",
            ("model", "version"),
            {(manager.model, str(version)): 1 for manager in self.models for version in manager.available},
        )
        yield gauge(
            "keepfit_worker_restarts",
            "How often the process of a version died and was started again.",
            ("model", "version"),
            {
                (manager.model, str(version)): count
                for manager in self.models
                for version, count in manager.restarts.items()
            },
        )


def _configs(options: Options) -> tuple[ModelConfig, ...]:
    if options.model_config_file:
        return models_of(config_files.read(options.model_config_file, protos.ModelServerConfig))
    return (ModelConfig(options.model_name, Path(options.model_base_path)),)


async def _send_response(response: Response, send: Send, *, with_body: bool) -> None:
    headers = [
        (b"content-type", response.content_type.encode()),
        (b"content-length", str(len(response.body)).encode()),
        *((name.encode(), value.encode()) for name, value in response.headers.items()),
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body if with_body else b""})


async def _send_reply(reply: Reply, send: Send, *, with_trailers: bool) -> None:
    if not with_trailers:  # gRPC needs HTTP/2; who tries without at least sees the status
        await send({"type": "http.response.start", "status": 200, "headers": _GRPC_HEADERS + reply.trailers})
        await send({"type": "http.response.body", "body": reply.body})
        return
    await send({"type": "http.response.start", "status": 200, "headers": _GRPC_HEADERS, "trailers": True})
    await send({"type": "http.response.body", "body": reply.body})
    await send({"type": "http.response.trailers", "headers": reply.trailers, "more_trailers": False})
