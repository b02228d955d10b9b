"""What a killed run left undone, put right by the next one. Only for the holder of the run lock."""

from datetime import UTC, datetime

from keepfit.ledger import Ledger, unfinished_runs
from keepfit.pipeline import artifacts
from keepfit.versions import Versions


def recover(versions: Versions, ledger: Ledger) -> list[str]:
    """Remove half-made candidates and complete the record; return one sentence for each thing done."""
    done = []
    if count := versions.clean_staging():
        done.append(f"removed what {count} interrupted run{'s' if count > 1 else ''} left in staging")
    events = ledger.events()
    known = {event.version for event in events if event.kind in ("promoted", "rolled_back", "restored")}
    # a version that is visible was published whole; only the line in the ledger is missing
    for number in versions.numbers():
        if number not in known:
            metrics = artifacts.read_metrics(versions.path(number))
            reason = f"{metrics.get('verdict', {}).get('reason', 'found in the models folder')} (recorded afterwards)"
            ledger.append("promoted", reason, run=metrics.get("run"), version=number, at=_created(metrics))
            done.append(f"recorded version {number}, which was published by a run that was killed right after")
    for run in unfinished_runs(ledger.events()):
        ledger.append("interrupted", "the process ended before the run did", run=run)
        done.append(f"recorded that run {run} was interrupted")
    return done


def _created(metrics: dict[str, str]) -> datetime:
    try:
        return datetime.fromisoformat(metrics["created_at"])
    except (KeyError, TypeError, ValueError):
        return datetime.now(UTC)
