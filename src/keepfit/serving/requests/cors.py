"""Cross-origin access to REST, as --rest_api_enable_cors_support of TensorFlow Serving gives it: any origin may read.

Knows headers, and nothing of requests.
"""

Headers = list[tuple[bytes, bytes]]


def headers(*, with_keys: bool) -> Headers:
    """Return what every answer carries. A page may send a key only if keys are asked for."""
    allowed = b"Content-Type, Authorization, X-Api-Key" if with_keys else b"Content-Type"
    return [
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-methods", b"POST, GET"),
        (b"access-control-allow-headers", allowed),
    ]
