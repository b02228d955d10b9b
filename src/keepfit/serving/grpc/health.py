"""gRPC's health service: whether each configured model has a version that answers (grpc.health.v1).

https://github.com/grpc/grpc/blob/master/doc/health-checking.md. Knows no sockets.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from keepfit import protos
from keepfit.errors import ModelNotFoundError
from keepfit.serving.grpc import wire
from keepfit.serving.grpc.wire import Reply
from keepfit.serving.models.models import Models
from keepfit.serving.requests.admission import Admission

SERVICE = "/grpc.health.v1.Health/"
WATCH = SERVICE + "Watch"
_SERVICES = frozenset(
    {
        "",
        "ModelService",
        "PredictionService",
        "tensorflow.serving.ModelService",
        "tensorflow.serving.PredictionService",
    }
)
"""TensorFlow Serving knows the first three."""
_UNKNOWN, _SERVING, _NOT_SERVING, _SERVICE_UNKNOWN = range(4)
_MAX_BYTES = 4096
_LOOK_S = 0.5
"""Between looks at the state while somebody watches it."""


@dataclass(frozen=True, slots=True)
class Watching:
    """A stream of answers."""

    messages: AsyncIterator[bytes]


class Health:
    """Tells the state of the whole server: all of its services depend on the same models."""

    def __init__(self, models: Models, admission: Admission) -> None:
        self._models = models
        self._admission = admission

    async def answer(self, path: str, headers: Mapping[bytes, bytes], body: bytes | bytearray) -> Reply | Watching:
        """Return the answer to Check or Watch; raises ServingError."""
        request = await wire.decode(protos.HealthCheckRequest, headers, body, _MAX_BYTES)
        if path == WATCH:
            return Watching(self._watch(request.service))
        status = self._status(request.service)
        if status == _SERVICE_UNKNOWN:
            raise ModelNotFoundError("service name unknown")
        return _reply(status)

    async def _watch(self, service: str) -> AsyncIterator[bytes]:
        """Yield the state now and after each change, until the server ends."""
        told = _UNKNOWN
        while not self._admission.draining:
            status = self._status(service)
            if status != told:
                yield _reply(status).body
                told = status
            await asyncio.sleep(_LOOK_S)
        if told == _SERVING:
            yield _reply(_NOT_SERVING).body

    def _status(self, service: str) -> int:
        if service not in _SERVICES:
            return _SERVICE_UNKNOWN
        return _NOT_SERVING if self._admission.draining or self._models.unready else _SERVING


def _reply(status: int) -> Reply:
    return wire.reply(protos.HealthCheckResponse(status=status))
