"""The one place where config.json and the environment are read; the environment wins.

Turns every mistake into a ConfigError that names the key, what was found and what is allowed.
"""

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from keepfit.config import MODEL_NAME_PATTERN, Config
from keepfit.errors import ConfigError

_HOST = r"[a-z0-9._-]+|[0-9a-f:.]+(%\w+)?"
"""A name or an address, in lower case as urlsplit gives it."""


@dataclass(frozen=True)
class Project:
    """A folder with a config.json, and what it says. All that is written goes below `home`, the same unless told."""

    root: Path
    home: Path
    config: Config
    serving_url: str
    serving_is_elsewhere: bool
    serving_api_key: str | None = None

    @property
    def models_dir(self) -> Path:
        """Where the versions are."""
        return self.home / self.config.models_dir

    @property
    def state_dir(self) -> Path:
        """What has to outlast a process, apart from the versions."""
        return self.home / "state"

    @property
    def logs_dir(self) -> Path:
        """What the processes print."""
        return self.home / "logs"

    @property
    def ledger_path(self) -> Path:
        """The SQLite file of the ledger."""
        return self.state_dir / "ledger.sqlite3"

    @property
    def notifications_path(self) -> Path:
        """One line a decision."""
        return self.home / "notifications.log"

    @property
    def train_log_path(self) -> Path:
        """The log of the last training."""
        return self.home / "last_train_log.txt"


def load(path: Path, environ: Mapping[str, str], *, must_exist: bool = False) -> Project:
    """Read the project of the config file at `path`; a missing file means all defaults unless `must_exist`.

    Raises ConfigError, with one line a mistake.
    """
    path = path.absolute()
    found = _read_json(path, must_exist=must_exist)
    config = _validate(_with_environment(found, environ), path.name)
    host = environ.get("TF_HOST", "").strip()
    url = parse_host(host, config.serving.rest_port) if host else _url(config.serving.host, config.serving.rest_port)
    is_elsewhere = bool(host) and not _is_loopback(url)
    key = environ.get("KEEPFIT_API_KEY", "").strip() or None
    return Project(path.parent, _home(path.parent, environ), config, url, is_elsewhere, key)


def parse_host(text: str, default_port: int) -> str:
    """Turn TF_HOST ("host", "host:port" or "http[s]://host:port") into a base URL."""
    try:
        parts = urlsplit(text if "://" in text else f"//{text}", scheme="http")
        host, port = parts.hostname or "", parts.port
        is_plain = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
        is_good = is_plain and parts.scheme in ("http", "https") and re.fullmatch(_HOST, host)
    except ValueError:
        is_good = None
    if not is_good:
        raise ConfigError(f"TF_HOST is {text!r}: expected a host, host:port or http://host:port")
    return _url(host, default_port if port is None else port, parts.scheme)


def expand_environment(text: str, environ: Mapping[str, str]) -> str:
    """Replace each ${NAME} by the environment variable NAME; raises ConfigError if there is none."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in environ:
            raise ConfigError(
                f"the environment variable {name} is not set, but config.json refers to it as ${{{name}}}"
            )
        return environ[name]

    return re.sub(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", value, text)


def _home(root: Path, environ: Mapping[str, str]) -> Path:
    """The folder for all that is written: KEEPFIT_HOME, where a container mounts its volume, or the project's own."""
    home = environ.get("KEEPFIT_HOME", "").strip()
    if home and not Path(home).is_absolute():
        raise ConfigError(f"KEEPFIT_HOME is {home!r}: expected the whole path of a folder")
    return Path(home) if home else root


def _url(host: str, port: int, scheme: str = "http") -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.")  # noqa: S104 - compared, never bound


def _read_json(path: Path, *, must_exist: bool) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        if must_exist:
            raise ConfigError(f"there is no config file at {path}") from error
        return {}
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is not UTF-8: byte {error.start} cannot be read") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    try:
        found = json.loads(text, object_pairs_hook=_without_duplicates)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path.name} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from error
    except (RecursionError, ValueError) as error:  # ValueError: a number of more than 4,300 digits
        raise ConfigError(f"{path.name} is nested too deeply, or has a number with too many digits") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path.name} holds {_shown(found)}: expected an object with keys such as model_name")
    return found


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ConfigError(f"the key {key!r} stands twice in config.json: keep one")
        result[key] = value
    return result


def _with_environment(found: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    result = dict(found)
    if name := environ.get("MODEL_NAME", "").strip():
        if not re.match(MODEL_NAME_PATTERN, name):
            raise ConfigError(f"MODEL_NAME is {name!r}: expected letters, digits, dots, dashes and underscores")
        result["model_name"] = name
    if level := environ.get("TF_CPP_MIN_LOG_LEVEL", "").strip():
        if level not in ("0", "1", "2", "3"):
            raise ConfigError(f"TF_CPP_MIN_LOG_LEVEL is {level!r}: expected 0, 1, 2 or 3")
        result["tf_cpp_min_log_level"] = int(level)
    return result


def _validate(values: dict[str, Any], file_name: str) -> Config:
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        lines = [f"{file_name}: {_explain(details)}" for details in error.errors()]
        raise ConfigError("\n".join(lines)) from error


def _explain(details: ErrorDetails) -> str:
    path = ".".join(str(part) for part in details["loc"]) or "the file"
    if details["type"] == "extra_forbidden":
        return _explain_unknown_key(details)
    if details["type"] == "missing":
        return f"{path} is missing"
    if details["type"] == "value_error":
        return f"{path}: {details['msg'].removeprefix('Value error, ')}"
    return f"{path} is {_shown(details['input'])}: expected {_expected(details)}"


def _expected(details: ErrorDetails) -> str:
    if details["type"] in ("model_type", "dict_type"):
        return "an object"
    if details["type"] == "string_pattern_mismatch":
        return f"text of the form {details['ctx']['pattern']}"
    return details["msg"].removeprefix("Input should be ")


def _explain_unknown_key(details: ErrorDetails) -> str:
    *parents, key = [str(part) for part in details["loc"]]
    allowed = _keys_of(parents)
    close = difflib.get_close_matches(key, allowed, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    where = ".".join([*parents, key])
    return f"{where} (found {_shown(details['input'])}) is unknown: {hint}allowed here: {', '.join(allowed)}"


def _keys_of(parents: list[str]) -> list[str]:
    section: type[BaseModel] = Config
    for parent in parents:
        field = section.model_fields.get(parent)
        # an index or a name within a list or dictionary of sections
        section = section if field is None else _section_in(field.annotation) or section
    return [field.alias or name for name, field in section.model_fields.items()]


def _section_in(annotation: object) -> type[BaseModel] | None:
    """The section that a field holds, alone, in a list or by names; None if it holds plain values."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
