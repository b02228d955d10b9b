"""gRPC for asyncio: one channel, shared by tasks."""

import grpc.aio

from keepfit.client.address import Address
from keepfit.client.deadline import Deadline
from keepfit.client.failures import Server
from keepfit.client.grpc_exchange import GrpcExchange
from keepfit.client.options import Options
from keepfit.client.values import Request


class AsyncGrpcTransport:
    """Sends calls in the running event loop. Messages come serialized."""

    def __init__(self, address: Address, server: Server, options: Options) -> None:
        self._exchange = GrpcExchange(address, server, options)
        self._channel: grpc.aio.Channel | None = None
        self._calls: dict[str, grpc.aio.UnaryUnaryMultiCallable] = {}

    async def send(self, request: Request, deadline: Deadline) -> bytes:
        """Return the answer; raises Failed."""
        call = self._calls.get(request.path)
        if call is None:
            call = self._calls[request.path] = self._open().unary_unary(request.path, None, None)
        try:
            answer: bytes = await call(
                request.body,
                timeout=deadline.left_s(),
                metadata=self._exchange.metadata,
                compression=self._exchange.compression(request),
            )
        except grpc.aio.AioRpcError as error:
            raise self._exchange.failed(error, deadline) from error
        return answer

    def _open(self) -> grpc.aio.Channel:
        """A channel belongs to the loop in which it is made, so the first call makes it."""
        if self._channel is None:
            its = self._exchange
            self._channel = (
                grpc.aio.insecure_channel(its.target, its.channel_options)
                if its.credentials is None
                else grpc.aio.secure_channel(its.target, its.credentials, its.channel_options)
            )
        return self._channel

    async def close(self) -> None:
        """End the connection."""
        if self._channel is not None:
            await self._channel.close()
