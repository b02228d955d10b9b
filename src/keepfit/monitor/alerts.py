"""Alertmanager's webhook as people should read it. Pure: a body in, lines and a message out."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from keepfit.errors import InvalidRequestError

_LONGEST = 500
"""Characters of a text that an alert brings, which anybody who may post here has written."""

_MOST_TOLD = 20
"""Alerts of a message; each has its line in the log whatever their number."""


class Alert(BaseModel):
    """One alert of a group; what else Alertmanager sends of it is of no use here."""

    status: Literal["firing", "resolved"]
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}

    @property
    def name(self) -> str:
        """What the rule is called."""
        return _short(self.labels.get("alertname", "")) or "unnamed"

    @property
    def summary(self) -> str:
        """What is wrong, in one sentence."""
        return _short(self.annotations.get("summary", "")) or "no summary was given"

    def line(self) -> str:
        """One line for notifications.log, without its time."""
        words = {
            "model": self.labels.get("model") or self.labels.get("model_name", ""),
            "alert": self.name,
            "status": self.status,
            "severity": self.labels.get("severity", ""),
        }
        return " ".join(f"{key}={_word(text)}" for key, text in words.items()) + f" reason={self.summary}"


class Group(BaseModel):
    """What one call of the webhook tells (version 4 of its format)."""

    alerts: list[Alert] = Field(min_length=1, max_length=1000)
    truncated: int = Field(0, alias="truncatedAlerts", ge=0)

    @property
    def title(self) -> str:
        """The message's title: what fires and what does no more."""
        said = [
            f"{', '.join(dict.fromkeys(alert.name for alert in self.alerts if alert.status == status))} {status}"
            for status in ("firing", "resolved")
            if any(alert.status == status for alert in self.alerts)
        ]
        return _short(f"Keepfit: {'; '.join(said)}")

    @property
    def body(self) -> str:
        """The message's text: a sentence and a way to the runbook for each alert, as far as anybody would read."""
        texts = [_paragraph(alert) for alert in self.alerts[:_MOST_TOLD]]
        if left_out := self.truncated + len(self.alerts[_MOST_TOLD:]):
            texts.append(f"And {left_out} more: see notifications.log, or Alertmanager.")
        return "\n\n".join(texts)


def read(body: bytes) -> Group:
    """Read the body of a webhook's call; raises InvalidRequestError."""
    try:
        return Group.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise InvalidRequestError(f"this is not what Alertmanager's webhook sends: {where}: {first['msg']}") from error


def _paragraph(alert: Alert) -> str:
    runbook = _short(alert.annotations.get("runbook_url", ""))
    severity = f" ({_short(alert.labels['severity'])})" if alert.labels.get("severity") else ""
    lines = [
        f"{alert.name} {alert.status}{severity}: {alert.summary}",
        _short(alert.annotations.get("description", "")),
    ]
    if runbook and alert.status == "firing":
        lines.append(f"What to do: {runbook}")
    return "\n".join(filter(None, lines))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _word(text: str) -> str:
    return "_".join(_short(text).split()) or "-"
