"""How often the rows that judge have decided before: told by the ledger's events. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from keepfit.data.identity import Identity, shared
from keepfit.ledger import Event
from keepfit.pipeline.gate.evidence import HoldoutUse

Judged = Literal["holdout", "golden"]

_LOOKS = ("promoted", "rejected", "inconclusive", "staged")
SAME_SHARE = 0.5
"""Of today's rows; with fewer of them known, an earlier decision says little about today's."""


def earlier_use(events: Sequence[Event], identity: Identity, which: Judged = "holdout") -> HoldoutUse:
    """Count the verdicts that rest on at least half of today's rows, of the holdout or of the golden set."""
    shares = []
    for event in events:
        sketch = _sketch(event.details, which) if event.kind in _LOOKS else ()
        if sketch:
            shares.append(shared(identity.sketch, sketch))
    known = [share for share in shares if share >= SAME_SHARE]
    return HoldoutUse(identity.fingerprint, len(known), max(shares, default=0.0), identity.sketch)


def _sketch(details: Mapping[str, Any], which: Judged) -> tuple[str, ...]:
    verdict = details.get("verdict")
    rows = verdict.get(which) if isinstance(verdict, Mapping) else None
    sketch = rows.get("sketch") if isinstance(rows, Mapping) else None
    return tuple(sketch.split()) if isinstance(sketch, str) else ()
