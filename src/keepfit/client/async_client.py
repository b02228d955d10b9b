"""The client for asyncio: every call is awaited. What the calls mean is said in sync_client."""

from collections.abc import Sequence
from typing import Protocol, Self, TypeVar

from tenacity import AsyncRetrying

from keepfit.client.address import parse
from keepfit.client.async_grpc_transport import AsyncGrpcTransport
from keepfit.client.async_http_transport import AsyncHttpTransport
from keepfit.client.conversation import Conversation, Flow
from keepfit.client.deadline import Deadline
from keepfit.client.failures import Failed, Server
from keepfit.client.grpc_wire import GrpcWire
from keepfit.client.inputs import Inputs
from keepfit.client.options import Options, Retry, Tls
from keepfit.client.rest_wire import RestWire
from keepfit.client.retrying import rules
from keepfit.client.values import ClassScore, Metadata, Prediction, Request, Target, VersionStatus
from keepfit.client.wire import Example
from keepfit.dtypes import Array
from keepfit.errors import ConfigError, KeepfitError

T = TypeVar("T")

_DEFAULTS = Options()


class AsyncTransport(Protocol):
    """Sends one request, once."""

    async def send(self, request: Request, deadline: Deadline) -> bytes:
        """Return the answer; raises Failed."""

    async def close(self) -> None:
        """End the connections."""


class AsyncClient:
    """Client for asyncio, with the same parameters and errors. Tasks may share it, in the loop that calls it first."""

    def __init__(
        self,
        address: str,
        model: str,
        *,
        timeout_s: float = _DEFAULTS.timeout_s,
        retry: Retry = _DEFAULTS.retry,
        api_key: str | None = None,
        tls: Tls = _DEFAULTS.tls,
        compression: bool = False,
        max_answer_bytes: int = _DEFAULTS.max_answer_bytes,
        max_connections: int = _DEFAULTS.max_connections,
    ) -> None:
        where = parse(address)
        self._options = Options(timeout_s, retry, api_key, tls, compression, max_answer_bytes, max_connections)
        self.model = model
        server = Server(str(where), model)
        self._conversation = Conversation(RestWire(server, where.path) if where.is_rest else GrpcWire(server))
        transport = AsyncHttpTransport if where.is_rest else AsyncGrpcTransport
        self._transport: AsyncTransport = transport(where, server, self._options)
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connections, for good."""
        self._is_closed = True
        await self._transport.close()

    async def predict(
        self,
        inputs: Inputs,
        *,
        signature: str = "",
        outputs: Sequence[str] = (),
        version: int | None = None,
        label: str | None = None,
        timeout_s: float | None = None,
    ) -> Prediction:
        """Predict from one array, if the model has one input, or from a dict of arrays by the inputs' names.

        Numbers are converted to the model's dtypes where nothing but precision is lost; text becomes UTF-8. `outputs`
        chooses some of the outputs. `version` or `label` chooses who answers.
        """
        target = Target(self.model, version, label)
        return await self._hold(self._conversation.predict(target, inputs, signature, outputs), timeout_s)

    async def forward(
        self, body: bytes, *, version: int | None = None, label: str | None = None, timeout_s: float | None = None
    ) -> bytes:
        """Pass on the body of a REST predict request as it is, and return the answer as it is. For gateways."""
        return await self._hold(self._conversation.forward(Target(self.model, version, label), body), timeout_s)

    async def classify(
        self,
        examples: Sequence[Example],
        *,
        context: Example | None = None,
        signature: str = "",
        version: int | None = None,
        label: str | None = None,
        timeout_s: float | None = None,
    ) -> list[list[ClassScore]]:
        """Return the classes of each example, a dict by feature; `context` holds features that all of them share."""
        target = Target(self.model, version, label)
        return await self._hold(self._conversation.classify(target, examples, context, signature), timeout_s)

    async def regress(
        self,
        examples: Sequence[Example],
        *,
        context: Example | None = None,
        signature: str = "",
        version: int | None = None,
        label: str | None = None,
        timeout_s: float | None = None,
    ) -> Array:
        """Return a float32 for each example, a dict by feature; `context` holds features that all of them share."""
        target = Target(self.model, version, label)
        return await self._hold(self._conversation.regress(target, examples, context, signature), timeout_s)

    async def metadata(
        self, *, version: int | None = None, label: str | None = None, timeout_s: float | None = None
    ) -> Metadata:
        """Return the signatures of the version that would answer a prediction."""
        return await self._hold(self._conversation.metadata(Target(self.model, version, label)), timeout_s)

    async def status(
        self, *, version: int | None = None, label: str | None = None, timeout_s: float | None = None
    ) -> tuple[VersionStatus, ...]:
        """Return what the server says of each version, the highest first."""
        return await self._hold(self._conversation.status(Target(self.model, version, label)), timeout_s)

    async def ready(
        self, *, version: int | None = None, label: str | None = None, timeout_s: float | None = None
    ) -> bool:
        """Return whether a prediction could be answered now; asks once, without retries."""
        flow = self._conversation.ready(Target(self.model, version, label))
        return await self._hold(flow, timeout_s, Retry(within_s=0))

    async def _hold(self, flow: Flow[T], timeout_s: float | None, retry: Retry | None = None) -> T:
        if self._is_closed:
            raise ConfigError("The client is closed: make a new one")
        deadline = Deadline(self._options.timeout_s if timeout_s is None else timeout_s)
        retry = self._options.retry if retry is None else retry
        try:
            request = next(flow)
            while True:
                try:
                    answer = await self._send(request, deadline, retry)
                except KeepfitError as error:
                    request = flow.throw(error)
                else:
                    request = flow.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _send(self, request: Request, deadline: Deadline, retry: Retry) -> bytes:
        try:
            return await AsyncRetrying(**rules(retry, deadline))(self._transport.send, request, deadline)
        except Failed as failed:
            raise failed.error from failed.__cause__
