"""Tells people of decisions: one line in notifications.log, and every Apprise URL of the config.

A notifier that fails is a warning, never a failed run.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import apprise

from keepfit.errors import ConfigError, StorageError
from keepfit.project import expand_environment
from keepfit.storage import append_line

_log = logging.getLogger(__name__)
_WORDS = {"overridden": "promoted by a person", "invalid_data": "not trained, invalid data"}
"""How a notification's title says what the record calls by one word."""


class Notifier:
    """Where decisions are announced."""

    def __init__(self, log_path: Path, urls: Sequence[str], environ: Mapping[str, str]) -> None:
        self._log_path = log_path
        self.urls = urls
        self._environ = environ

    def announce(self, run: str, version: int | None, verdict: str, reason: str, model_name: str) -> list[str]:
        """Announce a decision; return what went wrong, one sentence each, without any secret."""
        numbered = "-" if version is None else str(version)
        line = f"model={model_name} run={run} version={numbered} verdict={verdict} reason={reason}"
        subject = model_name if version is None else f"{model_name} version {version}"
        title = f"Keepfit: {subject} {_WORDS.get(verdict, verdict.replace('_', ' '))}"
        return [*self.note(line), *self.send(title, f"{reason}\nRun {run}")]

    def note(self, line: str) -> list[str]:
        """Write one line with the time before it into the log file; return what went wrong."""
        when = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            append_line(self._log_path, f"{when} {line}")
        except StorageError as error:
            return _warned([str(error)])
        return []

    def send(self, title: str, body: str) -> list[str]:
        """Send a message to every URL; return what went wrong, one sentence each, without any secret."""
        return _warned([problem for url in self.urls if (problem := self._send(url, title, body))])

    def _send(self, url: str, title: str, body: str) -> str:
        kind = url.partition("://")[0] if "://" in url else "configured"
        try:
            with _silenced(logging.getLogger("apprise")):
                messenger = apprise.Apprise()
                if not messenger.add(expand_environment(url, self._environ)):
                    return f"the {kind} notification URL is not one that Apprise knows"
                return "" if messenger.notify(title=title, body=body) else f"the {kind} notification was not delivered"
        except ConfigError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - whatever a notification service raises must not fail the run
            return f"the {kind} notification failed with {type(error).__name__}"


def _warned(problems: list[str]) -> list[str]:
    for problem in problems:
        _log.warning("notification failed: %s", problem)
    return problems


@contextmanager
def _silenced(logger: logging.Logger) -> Iterator[None]:
    """Apprise logs the URLs that it cannot read, secrets and all."""
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
