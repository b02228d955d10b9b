"""SQL sources, on SQLite."""

import sqlite3

import pytest

from keepfit.config import DataConfig
from keepfit.data import sql
from keepfit.data.dataset import prepare
from keepfit.errors import ConfigError, DataError


@pytest.fixture
def database(tmp_path):
    file = tmp_path / "shop.sqlite3"
    with sqlite3.connect(file) as connection:
        connection.execute("create table sales (amount real, shop text, late boolean, mixed)")
        rows = [(number / 7, "ab"[number % 2], number % 3 == 0, number) for number in range(200)]
        connection.executemany("insert into sales values (?, ?, ?, ?)", rows)
        connection.execute("update sales set mixed = 'text' where mixed = 150")
    connection.close()
    return file


def test_a_query_becomes_a_dataset(database, tmp_path):
    query = "select amount, shop, late from sales"
    config = DataConfig(source="sql", url=f"sqlite:///{database.name}", query=query, target="late")
    dataset = prepare(config, tmp_path, 0, None)
    assert dataset.train.rows + dataset.holdout.rows == 200
    assert dataset.schema.target.classes == ("0", "1")
    assert [column.kind for column in dataset.schema.columns] == ["numeric", "categorical"]


@pytest.mark.parametrize(
    "url",
    ["sqlite:///${SHOP}.sqlite3", "sqlite:///{root}/shop.sqlite3", "${WHOLE}", "sqlite+pysqlite:///${SHOP}.sqlite3"],
)
def test_the_environment_completes_the_url(url, database, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP", "shop")
    monkeypatch.setenv("WHOLE", f"sqlite:///{database}")
    assert sql.read(url.replace("{root}", str(tmp_path)), "select * from sales limit 3", tmp_path).height == 3


def test_a_variable_that_is_not_set_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("NOWHERE", raising=False)
    with pytest.raises(ConfigError, match="environment variable NOWHERE is not set"):
        sql.read("postgresql://user:${NOWHERE}@host/name", "select 1", tmp_path)


def test_a_missing_sqlite_file_is_named_and_not_made(tmp_path):
    with pytest.raises(DataError, match=r"there is no SQLite file .*absent\.sqlite3 \(data\.url\)"):
        sql.read("sqlite:///absent.sqlite3", "select 1", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("select * from absent", "no such table: absent"),
        ("selct 1", 'near "selct": syntax error'),
        ("select 1 as a, 2 as a", ""),
    ],
)
def test_a_query_that_fails_is_explained(query, reason, database, tmp_path):
    with pytest.raises(DataError) as raised:
        sql.read(f"sqlite:///{database.name}", query, tmp_path)
    assert str(raised.value).startswith(f"the query of data.query failed at sqlite:///{database}: ")
    assert reason in str(raised.value)


def test_a_statement_without_rows_is_an_error(database, tmp_path):
    with pytest.raises(DataError, match=r"data\.query returns no rows: a SELECT is expected"):
        sql.read(f"sqlite:///{database.name}", "update sales set shop = 'c'", tmp_path)
    assert sql.read(f"sqlite:///{database.name}", "select * from sales where shop = 'c'", tmp_path).height == 0


def test_a_column_of_several_types_is_explained(database, tmp_path):
    config = DataConfig(source="sql", url=f"sqlite:///{database.name}", query="select * from sales", target="late")
    with pytest.raises(DataError, match="column 'mixed' has 'text' instead of a number in data row 151"):
        prepare(config, tmp_path, 0, None)


def test_a_query_without_rows_is_an_error(database, tmp_path):
    query = "select * from sales where amount < 0"
    config = DataConfig(source="sql", url=f"sqlite:///{database.name}", query=query, target="late")
    with pytest.raises(DataError, match="the data has no rows"):
        prepare(config, tmp_path, 0, None)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "data.url is not an SQLAlchemy URL"),
        ("sqlte:///x", "data.url names the unknown kind of database 'sqlte'"),
        (
            "mysql://u:hunter2@127.0.0.1:1/x",
            "the Python module MySQLdb, the driver for mysql, is not installed",
        ),
    ],
)
def test_a_url_that_cannot_be_used_is_explained(url, message, tmp_path):
    with pytest.raises(DataError, match=message):
        sql.read(url, "select 1", tmp_path)


def test_the_password_stands_in_no_message(database, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "hun/ter@2")
    for url in ("sqlite://user:${SECRET}@host/x", "a b:${SECRET}"):
        with pytest.raises(DataError) as raised:
            sql.read(url, "select 'hun/ter@2' from", tmp_path)
        assert "ter@2" not in str(raised.value)
