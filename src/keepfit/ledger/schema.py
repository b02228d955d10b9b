"""The ledger's tables in the database: made, brought up to date from older ones, and held append-only by triggers.

Schema 1 had no table `ledger_schema`, and neither uid, model nor actor; its kinds were fixed by a constraint.
"""

import uuid

import sqlalchemy as sa

from keepfit.errors import StorageError

SCHEMA = 2

metadata = sa.MetaData()
events = sa.Table(
    "events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("uid", sa.String(32), nullable=False, unique=True),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("run", sa.String(64), nullable=True, index=True),
    sa.Column("version", sa.BigInteger, nullable=True),
    sa.Column("model", sa.String(128), nullable=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
    sa.Column("actor", sa.JSON, nullable=False),
)
_schema = sa.Table("ledger_schema", metadata, sa.Column("version", sa.Integer, primary_key=True))

_LOCK = 7_203_774_318  # any number: it names the lock under which PostgreSQL's tables are made
_APPEND_ONLY = {
    "sqlite": (
        (
            "CREATE TRIGGER events_never_change BEFORE UPDATE ON events "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        ),
        (
            "CREATE TRIGGER events_never_vanish BEFORE DELETE ON events "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        ),
        # INSERT OR REPLACE removes the old row without asking the trigger above
        (
            "CREATE TRIGGER events_never_replaced BEFORE INSERT ON events "
            "WHEN EXISTS (SELECT 1 FROM events WHERE id = NEW.id OR uid = NEW.uid) "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        ),
    ),
    "postgresql": (
        (
            "CREATE OR REPLACE FUNCTION keepfit_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$"
        ),
        (
            "CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events "
            "FOR EACH STATEMENT EXECUTE FUNCTION keepfit_append_only()"
        ),
    ),
}


def bring_up_to_date(engine: sa.Engine) -> None:
    """Make the tables, or migrate older ones; raises StorageError for newer ones."""
    with engine.connect() as connection:
        if _version(connection) == SCHEMA:
            return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Python's SQLite driver begins no transaction for statements like CREATE by itself
        connection.exec_driver_sql("BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "BEGIN")
        try:
            _migrate(connection)
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise


def _migrate(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    found = _version(connection)
    if found == SCHEMA:  # another process was faster
        return
    if found > SCHEMA:
        raise StorageError(
            f"the ledger was written by a newer Keepfit (schema {found}, known: {SCHEMA}): update Keepfit"
        )
    old = _old_rows(connection) if found == 1 else []
    metadata.create_all(connection)
    if old:
        connection.execute(sa.insert(events), old)
    connection.execute(sa.insert(_schema).values(version=SCHEMA))
    for statement in _APPEND_ONLY[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def _version(connection: sa.Connection) -> int:
    """The schema that is there; 0 if none is."""
    tables = sa.inspect(connection)
    if tables.has_table("ledger_schema"):
        return int(connection.scalar(sa.select(sa.func.max(_schema.c.version))) or 0)
    return 1 if tables.has_table("events") else 0


def _old_rows(connection: sa.Connection) -> list[dict[str, object]]:
    """Take the rows of schema 1 out of its table, and the table away."""
    columns = ("id", "at", "kind", "run", "version", "reason", "details")
    old = sa.table("events", *(sa.column(name, sa.JSON if name == "details" else None) for name in columns))
    rows = connection.execute(sa.select(old).order_by(old.c.id)).mappings().all()
    connection.exec_driver_sql("DROP TABLE events")
    return [{**row, "uid": uuid.uuid4().hex, "model": None, "actor": {}} for row in rows]
