"""The time of day as answers say it, written once a second for both protocols. Knows nothing of connections."""

import time
from email.utils import formatdate

_second = 0
_line = b""
_block = b""


def date_line() -> bytes:
    """Return the line of an HTTP/1.1 head that says the time of day."""
    _keep_up()
    return _line


def date_block() -> bytes:
    """Return the part of an HTTP/2 header block that says it."""
    _keep_up()
    return _block


def _keep_up() -> None:
    global _second, _line, _block  # noqa: PLW0603 - the time is the same for all
    second = int(time.time())
    if second == _second:
        return
    date = formatdate(second, usegmt=True).encode()
    _second = second
    _line = b"date: %b\r\n" % date
    _block = b"\x0f\x12%c%b" % (len(date), date)  # field 33 of HPACK's static table, not to be remembered
