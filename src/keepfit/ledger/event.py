"""What is recorded, and what is derived from it. Pure but for a new event's time, id and author."""

import getpass
import os
import socket
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Kind = Literal[
    "started",
    "promoted",
    "rejected",
    "inconclusive",
    "staged",
    "invalid_data",
    "failed",
    "interrupted",
    "rolled_back",
    "restored",
    "overridden",
]
ENDINGS: tuple[Kind, ...] = (
    "promoted",
    "rejected",
    "inconclusive",
    "staged",
    "invalid_data",
    "failed",
    "interrupted",
)
CHANGES: tuple[Kind, ...] = ("promoted", "overridden", "rolled_back", "restored")
"""What changes which version is current; `version` of such an event is the one that is current afterwards."""


@dataclass(frozen=True)
class Event:
    """Something that happened: to a run, to a version, or both.

    `actor` says who did it: "user" and "host". `id` is the same wherever the event is kept, and kept again.
    """

    at: datetime
    kind: Kind
    run: str | None
    version: int | None
    reason: str
    details: Mapping[str, Any]
    actor: Mapping[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` makes the event again."""
        return {
            "id": self.id,
            "at": self.at.astimezone(UTC).isoformat(timespec="milliseconds"),
            "kind": self.kind,
            "run": self.run,
            "version": self.version,
            "reason": self.reason,
            "details": dict(self.details),
            "actor": dict(self.actor),
        }

    @staticmethod
    def from_dict(found: Mapping[str, Any]) -> "Event":
        """Raises KeyError, TypeError or ValueError if it is not one."""
        return Event(
            datetime.fromisoformat(found["at"]),
            found["kind"],
            found["run"],
            found["version"],
            found["reason"],
            found["details"],
            found["actor"],
            found["id"],
        )


@dataclass(frozen=True)
class Deployment:
    """A time in which a version was the current one; `until` is None while it is."""

    version: int
    since: datetime
    until: datetime | None
    reason: str


def actor() -> dict[str, str]:
    """Who runs this process: the user, and behind sudo the one who called it; and on which host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        user = str(os.getuid())
    caller = os.environ.get("SUDO_USER", "")
    return {"user": f"{caller} as {user}" if caller not in ("", user) else user, "host": socket.gethostname()}


def unfinished_runs(events: Sequence[Event]) -> list[str]:
    """The runs that started and have no ending, oldest first: running now, or killed."""
    ended = {event.run for event in events if event.kind in ENDINGS}
    return [event.run for event in events if event.kind == "started" and event.run and event.run not in ended]


def deployments(events: Sequence[Event]) -> list[Deployment]:
    """Which version was current when, oldest first."""
    changes = [event for event in events if event.kind in CHANGES]
    ends = [*(event.at for event in changes[1:]), None]
    # the first version of all may be taken back: then there is no current one, and no version in the event
    return [
        Deployment(event.version, event.at, end, event.reason)
        for event, end in zip(changes, ends, strict=False)
        if event.version is not None
    ]
