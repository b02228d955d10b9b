"""The same client four times: REST and gRPC, sync and async, before the real model server."""

import asyncio
import inspect
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from keepfit.client import AsyncClient, Client

from ..serving.conftest import models, prepared, serve, serve_all, shared  # noqa: TID252 - tests are no installed package

__all__ = ["models", "prepared", "serve", "serve_all", "shared"]


class Blocking:
    """An AsyncClient, called like a Client: each call is run to its end in one event loop."""

    def __init__(self, *arguments, **options):
        self._runner = asyncio.Runner()
        self._client = self._runner.run(self._make(*arguments, **options))

    async def _make(self, *arguments, **options):
        return AsyncClient(*arguments, **options)

    def __getattr__(self, name):
        found = getattr(self._client, name)
        if not inspect.iscoroutinefunction(found):
            return found
        return lambda *arguments, **options: self._runner.run(found(*arguments, **options))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._runner.run(self._client.close())
        self._runner.close()


@dataclass(frozen=True)
class Kind:
    """One of the four."""

    transport: str
    mode: str

    def address(self, server):
        rest = self.transport == "rest"
        return f"http://127.0.0.1:{server.rest_port}" if rest else f"grpc://127.0.0.1:{server.grpc_port}"

    def connect(self, address, model="m", **options):
        return (Client if self.mode == "sync" else Blocking)(address, model, **options)


KINDS = [Kind(transport, mode) for transport in ("rest", "grpc") for mode in ("sync", "async")]


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: f"{kind.transport}-{kind.mode}")
def kind(request) -> Kind:
    return request.param


@pytest.fixture(scope="module")
def client(kind, shared) -> Iterator[Client]:
    with kind.connect(kind.address(shared), timeout_s=60) as client:
        yield client
