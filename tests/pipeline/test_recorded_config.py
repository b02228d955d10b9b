"""What of the config is recorded: no secret, whatever its form."""

import pytest

from keepfit.config import Config
from keepfit.pipeline.recorded_config import without_secrets


@pytest.mark.parametrize(
    ("url", "recorded"),
    [
        ("postgresql://u:pa/ss@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:p@s?s@h:5/d", "postgresql://u:***@h:5/d"),
        ("postgresql://h/d?user=u&password=x&sslmode=require", "postgresql://h/d?user=u&password=***&sslmode=require"),
        ("postgresql://u:${PASSWORD}@h/d?token=${TOKEN}", "postgresql://u:${PASSWORD}@h/d?token=${TOKEN}"),
        ("postgresql://u:${PART}x@h/d", "postgresql://u:***@h/d"),
        ("sqlite:///a.db", "sqlite:///a.db"),
    ],
)
def test_data_url_is_recorded_without_its_secrets(url, recorded):
    config = Config.model_validate({"data": {"source": "sql", "url": url, "query": "SELECT 1"}})
    assert without_secrets(config)["data"]["url"] == recorded


@pytest.mark.parametrize("url", ["postgresql://u:pa/ss@h/d", "postgresql://u:p?s@h/d", "postgresql://u:p@h/d"])
def test_ledger_url_with_a_password_is_refused(url):
    with pytest.raises(ValueError, match="a password stands in it"):
        Config.model_validate({"ledger": {"url": url}})
