"""The config as it is recorded and logged: without what nobody should read there. Pure."""

import re
from typing import Any

from keepfit.config import Config


def without_secrets(config: Config) -> dict[str, Any]:
    """The config as JSON-ready values, without notification URLs and without the secrets of a data URL."""
    found = config.model_dump(mode="json", by_alias=True, exclude={"notifications": True})
    if url := found["data"]["url"]:
        found["data"]["url"] = _without_password(url)
    return found


def _without_password(url: str) -> str:
    """A URL with *** for its password and for options such as token; ${NAME} is no secret and stays."""
    named = r"(?!\$\{\w+\}(?:[@&]|$))"
    # up to the last @: a password may hold / and @ that should have been percent-encoded
    bare = re.sub(rf"//([^/@:]*):{named}.*@", r"//\1:***@", url)
    return re.sub(rf"(?i)([?&]\w*(?:passw|pwd|token|secret|key)\w*=){named}[^&]*", r"\1***", bare)
