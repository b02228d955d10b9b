"""gRPC: one channel, shared by threads."""

import grpc

from keepfit.client.address import Address
from keepfit.client.deadline import Deadline
from keepfit.client.failures import Server
from keepfit.client.grpc_exchange import GrpcExchange
from keepfit.client.options import Options
from keepfit.client.values import Request


class GrpcTransport:
    """Sends calls in the calling thread. Messages come serialized."""

    def __init__(self, address: Address, server: Server, options: Options) -> None:
        self._exchange = its = GrpcExchange(address, server, options)
        self._channel = (
            grpc.insecure_channel(its.target, its.channel_options)
            if its.credentials is None
            else grpc.secure_channel(its.target, its.credentials, its.channel_options)
        )
        self._calls: dict[str, grpc.UnaryUnaryMultiCallable] = {}

    def send(self, request: Request, deadline: Deadline) -> bytes:
        """Return the answer; raises Failed."""
        call = self._calls.get(request.path)
        if call is None:
            call = self._calls[request.path] = self._channel.unary_unary(request.path, None, None)
        try:
            answer: bytes = call(
                request.body,
                timeout=deadline.left_s(),
                metadata=self._exchange.metadata,
                compression=self._exchange.compression(request),
            )
        except grpc.RpcError as error:
            raise self._exchange.failed(error, deadline) from error
        return answer

    def close(self) -> None:
        """End the connection."""
        self._channel.close()
