"""Which URLs are taken, and that no secret leaves them."""

import pytest
import sqlalchemy as sa

from keepfit.errors import ConfigError
from keepfit.ledger import LedgerPlace
from keepfit.ledger.place import shown, without_secrets


def test_environment_fills_the_parts_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setenv("PASSWORD", "a@b/c:d%20")
    url = LedgerPlace(tmp_path / "x", "postgresql://anna:${PASSWORD}@db.example/records").engine().url
    assert (url.drivername, url.password, url.host) == ("postgresql+psycopg", "a@b/c:d%20", "db.example")


def test_variable_that_is_not_set_is_named(tmp_path):
    with pytest.raises(ConfigError, match="environment variable KEEPFIT_NOT_SET is not set"):
        LedgerPlace(tmp_path / "x", "postgresql://anna:${KEEPFIT_NOT_SET}@db/records").engine()


@pytest.mark.parametrize("url", ["mysql://a/b", "postgresql", "sqlite:///x", "nonsense://", ""])
def test_other_databases_are_refused(tmp_path, url):
    with pytest.raises(ConfigError, match=r"ledger\.url is not of the form postgresql://"):
        LedgerPlace(tmp_path / "x", url).engine()


def test_shown_address_has_no_user_password_or_option():
    url = sa.make_url("postgresql+psycopg://anna:s3cret@db:5433/records?sslpassword=t0p")
    assert shown(url) == "postgresql://db:5433/records"
    assert without_secrets("s3cret and t0p are wrong\nsecond line", url) == "*** and *** are wrong"
