"""The bounds that connections keep to, by HTTP/1.1 or HTTP/2. docs/serving.md names each."""

HEADERS_S = 10
"""From a connection's or request's first byte to the end of its headers; also for a TLS handshake."""
BODY_S = 300
"""From then to the end of its body: 512 MiB over 14 Mbit/s."""
WRITE_S = 60
"""A client that has taken no byte of its answer for this long is cut off."""
IDLE_S = 900
"""A connection without a request is closed."""
HEADERS_KIB = 60
HEADERS_COUNT = 100
STREAMS = 1024
"""Requests at the same time on one HTTP/2 connection."""
CONNECTIONS = 8192
"""Beyond this, new ones are closed at once; fewer if the system allows fewer open files."""
SPARE_FILES = 256
"""Open files that connections leave to workers, models and logs."""
