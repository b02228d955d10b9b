"""Where a ledger is: a SQLite file, or a PostgreSQL database by URL; opens the engine and keeps every secret."""

import os
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from keepfit.errors import ConfigError
from keepfit.project import Project, expand_environment

_CONNECT_S = 10
_SILENCE_MS = 15_000
"""How long sent data may stay unacknowledged: a PostgreSQL whose machine vanished is noticed after this."""


@dataclass(frozen=True)
class LedgerPlace:
    """`path` is the SQLite file; with `url` it only says where records wait while PostgreSQL is out of reach.

    `model` tells the models apart that share one PostgreSQL; a SQLite file belongs to one project, whatever its
    model is called. `wait_s` is how long a lock that somebody else holds is waited for.
    """

    path: Path
    url: str | None = None
    model: str | None = None
    wait_s: float = 10.0

    @staticmethod
    def of(project: Project) -> "LedgerPlace":
        """Where a project's ledger is."""
        return LedgerPlace(project.ledger_path, project.config.ledger.url, project.config.model_name)

    @property
    def pending_path(self) -> Path:
        """The file in which records wait that the database did not take."""
        return self.path.with_suffix(".pending.jsonl")

    @property
    def is_file(self) -> bool:
        """Whether it is SQLite."""
        return self.url is None

    def engine(self) -> sa.Engine:
        """Make the engine; connects to nothing yet. Raises ConfigError."""
        if self.url is None:
            address = sa.URL.create("sqlite", database=str(self.path))
            return sa.create_engine(address, connect_args={"timeout": self.wait_s})
        try:
            engine = sa.create_engine(
                _address(self.url),
                pool_pre_ping=True,
                connect_args={"connect_timeout": _CONNECT_S, "tcp_user_timeout": _SILENCE_MS},
            )
        except ImportError as error:
            raise ConfigError(
                "ledger.url names PostgreSQL, whose driver is not installed: pip install 'keepfit[postgres]'"
            ) from error
        _limit_waiting(engine, self.wait_s)
        return engine


def shown(address: sa.URL) -> str:
    """The address for people: no user, no password, no options."""
    if address.get_backend_name() == "sqlite":
        return f"sqlite:///{address.database}"
    port = f":{address.port}" if address.port else ""
    return f"postgresql://{address.host or ''}{port}/{address.database or ''}"


def without_secrets(message: str, address: sa.URL) -> str:
    """The first line of a driver's message, without the password and the options of the address."""
    first = (message.strip() or "no reason given").splitlines()[0]
    secrets = [str(address.password or ""), *(str(value) for value in address.query.values())]
    for secret in filter(None, secrets):
        first = first.replace(secret, "***")
    return first


def _address(url: str) -> sa.URL:
    """Parse the URL, and expand ${NAME} within its parts, where a password needs no percent-encoding."""
    try:
        parts = sa.make_url(url)
        name = parts.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        name = ""
    if name not in ("postgresql", "postgres"):
        raise ConfigError("ledger.url is not of the form postgresql://user:${PASSWORD}@host/database")
    return parts.set(
        drivername="postgresql+psycopg",
        username=_expanded(parts.username),
        password=_expanded(parts.password),
        host=_expanded(parts.host),
        database=_expanded(parts.database),
    )


def _expanded(part: str | None) -> str | None:
    return part if part is None else expand_environment(part, os.environ)


def _limit_waiting(engine: sa.Engine, wait_s: float) -> None:
    milliseconds = int(wait_s * 1000)

    def limit(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
        # here and not in the connection's options, which a pooler such as PgBouncer refuses
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {milliseconds}")
        cursor.execute(f"SET statement_timeout = {3 * milliseconds}")
        cursor.close()
        connection.commit()

    sa.event.listen(engine, "connect", limit)
