"""The control: parses a JSON body and sends it back, or (at /size) only how many instances it has."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

Event = MutableMapping[str, Any]


async def app(scope: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]) -> None:
    """Answer a request (ASGI)."""
    chunks = []
    more = True
    while more:
        event = await receive()
        chunks.append(event.get("body", b""))
        more = event.get("more_body", False)
    document = orjson.loads(b"".join(chunks))
    answer = orjson.dumps(len(document["instances"]) if scope["path"] == "/size" else document)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
