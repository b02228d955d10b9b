"""API keys: makes them, reads the file of their hashes, and names the owner of the key that a request brings.

A key is NAME.SECRET, where the secret is 256 random bits; a line of the file is NAME:SALT:HASH, with SHA-256 over salt
and key in hexadecimal. A fast hash is right here: nobody can try out 2^256 secrets, however fast, while a slow one (for
passwords that people choose) would cost each request milliseconds. Keys and headers are never logged.
"""

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from keepfit.errors import ConfigError, StorageError, UnauthenticatedError
from keepfit.serving.settings.file_watch import FileWatch

logger = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LINE = re.compile(r"([A-Za-z0-9_-]{1,64}):([0-9a-f]{32}):([0-9a-f]{64})")
_BEARER = b"bearer "
_MAX_KEY_BYTES = 256

Hashes: TypeAlias = Mapping[bytes, tuple[tuple[bytes, bytes], ...]]
"""Salt and digest of each key, by the name before the key's dot. One name may have several, while a key is changed."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key, shown once, and the line that stands for it in the file."""

    key: str
    line: str


def new(name: str) -> NewKey:
    """Return a new key for whoever bears this name; raises ConfigError for a name that cannot stand in a key."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} cannot name a key: use up to 64 letters, digits, - and _")
    key = f"{name}.{secrets.token_urlsafe(32)}"
    salt = secrets.token_bytes(16)
    return NewKey(key, f"{name}:{salt.hex()}:{_digest(salt, key.encode()).hex()}")


def append(file: Path, line: str) -> None:
    """Add a line to the file, which is made if it is not there; raises StorageError."""
    try:
        with file.open("a+b") as lines:
            lines.seek(0)
            content = lines.read()
            separator = b"" if not content or content.endswith(b"\n") else b"\n"
            lines.write(separator + line.encode() + b"\n")
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}") from error


def read(file: Path) -> Hashes:
    """Return the hashes in a file; raises ConfigError that names the line, but never shows it."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"--api_keys_file={file} cannot be read: {reason}") from error
    found: dict[bytes, tuple[tuple[bytes, bytes], ...]] = {}
    for number, line in enumerate(lines, start=1):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        match = _LINE.fullmatch(content)
        if match is None:
            raise ConfigError(f"Line {number} of --api_keys_file={file} is not a line that keepfit api-key made")
        name = match[1].encode()
        found[name] = (*found.get(name, ()), (bytes.fromhex(match[2]), bytes.fromhex(match[3])))
    return found


def owner(hashes: Hashes, headers: Mapping[bytes, bytes]) -> str:
    """Return the name of the key in a request's headers; raises UnauthenticatedError."""
    key = _key_in(headers)
    if not key:
        raise UnauthenticatedError("An API key is required: send it as authorization: Bearer KEY, or as x-api-key: KEY")
    name = key.partition(b".")[0]
    if len(key) <= _MAX_KEY_BYTES:
        for salt, digest in hashes.get(name, ()):
            if hmac.compare_digest(_digest(salt, key), digest):
                return name.decode()
    raise UnauthenticatedError("The API key is not valid")


class KeyFile:
    """The hashes of a file, read again when it changes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._watch = FileWatch(file, self._reload)
        self._hashes = read(file)

    def owner(self, headers: Mapping[bytes, bytes]) -> str:
        """Return the name of the key in a request's headers; raises UnauthenticatedError."""
        return owner(self._hashes, headers)

    def start(self) -> None:
        """Watch the file from now on."""
        self._watch.start()

    def stop(self) -> None:
        """Watch it no more."""
        self._watch.stop()

    def _reload(self) -> None:
        """Read the file; one that cannot be read or is wrong leaves the keys as they were."""
        try:
            self._hashes = read(self._file)
        except ConfigError as error:
            logger.error("The API keys stay as they were: %s", error)
        else:
            logger.info("Read the API keys of %d names from %s", len(self._hashes), self._file)


def _key_in(headers: Mapping[bytes, bytes]) -> bytes:
    authorization = headers.get(b"authorization", b"")
    if authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip()
    return headers.get(b"x-api-key", b"")


def _digest(salt: bytes, key: bytes) -> bytes:
    return hashlib.sha256(salt + key).digest()
