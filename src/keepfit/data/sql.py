"""The rows of an SQL query, through SQLAlchemy; keeps the password out of every message."""

import os
from pathlib import Path

import polars as pl
from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from keepfit.errors import DataError
from keepfit.project import expand_environment


def read(url: str, query: str, root: Path) -> pl.DataFrame:
    """Run the query and return its rows; raises DataError.

    ${NAME} in the URL becomes the environment variable NAME, which within a part of a URL (a password, say) is taken
    as it is, without percent-encoding. A relative SQLite file is relative to `root`, and must exist.
    """
    address = _with_file(_parse(url), root)
    shown = f"{address.drivername}://{address.host or ''}/{address.database or ''}"
    try:
        engine = create_engine(address)
        try:
            with engine.connect() as connection:
                return _fetch(connection, query)
        finally:
            engine.dispose()
    except NoSuchModuleError as error:
        raise DataError(f"data.url names the unknown kind of database {address.drivername!r}") from error
    except ImportError as error:
        raise DataError(
            f"the Python module {error.name}, the driver for {address.drivername}, is not installed"
        ) from error
    except (SQLAlchemyError, pl.exceptions.PolarsError, TypeError, ValueError) as error:
        reason = _without_password(str(getattr(error, "orig", None) or error), address)
        raise DataError(f"the query of data.query failed at {shown}: {reason}") from error


def _fetch(connection: Connection, query: str) -> pl.DataFrame:
    result = connection.execute(text(query))
    if not result.returns_rows:
        raise DataError("data.query returns no rows: a SELECT is expected")
    rows = [tuple(row) for row in result.fetchall()]
    return pl.DataFrame(rows, schema=list(result.keys()), orient="row", infer_schema_length=None)


def _parse(url: str) -> URL:
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        return _parse_expanded(expand_environment(url, os.environ))
    return parts.set(
        username=_expand(parts.username),
        password=_expand(parts.password),
        host=_expand(parts.host),
        database=_expand(parts.database),
    )


def _expand(part: str | None) -> str | None:
    return part if part is None else expand_environment(part, os.environ)


def _parse_expanded(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:
        raise DataError("data.url is not an SQLAlchemy URL, such as postgresql://user:${PASSWORD}@host/name") from error


def _with_file(address: URL, root: Path) -> URL:
    if address.get_backend_name() != "sqlite" or address.database in (None, "", ":memory:"):
        return address
    file = root / str(address.database)
    if not file.is_file():
        raise DataError(f"there is no SQLite file {file} (data.url)")
    return address.set(database=str(file))


def _without_password(message: str, address: URL) -> str:
    first = (message.strip() or "no reason given").splitlines()[0]
    secrets = [str(address.password or ""), *(str(value) for value in address.query.values())]
    for secret in filter(None, secrets):
        first = first.replace(secret, "***")
    return first
