"""TLS as --ssl_config_file describes it: the server's key and certificate, and whether clients must have one.

Knows the file and what a TLS context is; knows nothing of connections.
"""

import logging
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from keepfit import protos
from keepfit.errors import ConfigError
from keepfit.serving.settings import config_files
from keepfit.serving.settings.file_watch import FileWatch

logger = logging.getLogger(__name__)

ALPN = ("h2", "http/1.1")
MINIMUM = ssl.TLSVersion.TLSv1_2
"""HTTP/2 asks for it (RFC 9113, 9.2)."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Key, certificate and the authorities of clients' certificates, each as PEM text."""

    server_key: str = field(repr=False)
    server_cert: str
    custom_ca: str
    client_verify: bool


def read(file: str) -> Tls:
    """Return what a file says; raises ConfigError if it is not whole or its parts do not fit one another."""
    message = config_files.read(file, protos.SSLConfig)
    tls = Tls(message.server_key, message.server_cert, message.custom_ca, message.client_verify)
    if not tls.server_key or not tls.server_cert:
        raise ConfigError(f"--ssl_config_file={file} needs both server_key and server_cert, as PEM text")
    if tls.client_verify and not tls.custom_ca:
        raise ConfigError(f"--ssl_config_file={file} has client_verify, and no custom_ca to verify clients with")
    try:
        context(tls)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(f"--ssl_config_file={file} cannot be used: {_reason(error)}") from error
    return tls


def context(tls: Tls) -> ssl.SSLContext:
    """Return a context for servers in Python; raises ssl.SSLError for a key or certificate that is none."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = MINIMUM
    made.set_alpn_protocols(list(ALPN))
    _load(made, tls)
    if tls.client_verify:
        made.load_verify_locations(cadata=tls.custom_ca)
        made.verify_mode = ssl.CERT_REQUIRED
    return made


class LiveContext:
    """The context of a file, which takes a renewed key and certificate when the file changes."""

    def __init__(self, file: str) -> None:
        """Read the file; raises ConfigError as read() does."""
        self._file = file
        self.context = context(read(file))
        self._watch = FileWatch(Path(file), self._renew)

    def start(self) -> None:
        """Watch the file from now on."""
        self._watch.start()

    def stop(self) -> None:
        """Watch it no more."""
        self._watch.stop()

    def _renew(self) -> None:
        try:
            _load(self.context, read(self._file))
        except ConfigError as error:
            logger.error("Key and certificate stay as they were: %s", error)
        else:
            logger.info("Read the key and the certificate of new connections from %s", self._file)


def _load(made: ssl.SSLContext, tls: Tls) -> None:
    # Python takes key and certificate from files only; the folder is this user's alone, and goes at once.
    with tempfile.TemporaryDirectory(prefix="keepfit-") as folder:
        file = Path(folder) / "server.pem"
        file.write_text(f"{tls.server_key}\n{tls.server_cert}\n", encoding="utf-8")
        made.load_cert_chain(file, password="")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return "server_key does not belong to server_cert"
    return f"its key or certificates are not PEM text without a password ({error})"
