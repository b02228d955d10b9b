"""The append-only record of runs, verdicts and deployments, in SQLite or PostgreSQL.

One table of events; whatever is asked of it is derived from them. The version directories stay the truth for
serving: a ledger that is missing, damaged or out of reach never stops it.
"""

from keepfit.ledger.event import CHANGES, ENDINGS, Deployment, Event, Kind, deployments, unfinished_runs
from keepfit.ledger.mend import mend
from keepfit.ledger.place import LedgerPlace
from keepfit.ledger.store import Ledger, open_ledger, record

__all__ = [
    "CHANGES",
    "ENDINGS",
    "Deployment",
    "Event",
    "Kind",
    "Ledger",
    "LedgerPlace",
    "deployments",
    "mend",
    "open_ledger",
    "record",
    "unfinished_runs",
]
