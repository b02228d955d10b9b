"""`keepfit history`: what was served when, and how every run ended."""

from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from keepfit.ledger import ENDINGS, Event, deployments
from keepfit.pipeline.summary import brief
from keepfit.tables.wording import local, plain_table, styled


def history_tables(events: Sequence[Event], limit: int) -> list[Table]:
    """Deployments and endings of runs, the newest last."""
    served = plain_table("Served", "version", "from", "until", "why")
    for deployment in deployments(events)[-limit:]:
        until = "now" if deployment.until is None else local(deployment.until)
        served.add_row(str(deployment.version), local(deployment.since), until, escape(brief(deployment.reason)))
    runs = plain_table("Runs", "run", "ended", "how", "version", "why")
    for event in [event for event in events if event.kind in ENDINGS][-limit:]:
        version = "" if event.version is None else str(event.version)
        runs.add_row(event.run, local(event.at), styled(event.kind), version, escape(_why(event)))
    return [served, runs]


def _why(event: Event) -> str:
    """Verdicts in short: `keepfit show` has their numbers. What went wrong is told in full."""
    return brief(event.reason) if event.kind in ("promoted", "rejected", "inconclusive") else event.reason


def history_json(events: Sequence[Event]) -> dict[str, Any]:
    """The same, and without limit, for programs."""
    starts = {event.run: event for event in events if event.kind == "started"}
    return {
        "served": [
            {
                "version": deployment.version,
                "since": deployment.since.isoformat(),
                "until": deployment.until.isoformat() if deployment.until else None,
                "reason": deployment.reason,
            }
            for deployment in deployments(events)
        ],
        "runs": [
            {
                "run": event.run,
                "trigger": starts[event.run].reason if event.run in starts else None,
                "by": dict(starts[event.run].actor) if event.run in starts else None,
                "started": starts[event.run].at.isoformat() if event.run in starts else None,
                "ended": event.at.isoformat(),
                "status": event.kind,
                "version": event.version,
                "reason": event.reason,
            }
            for event in events
            if event.kind in ENDINGS
        ],
    }
