"""How often the holdout's rows have decided before: told by the ledger's events. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from keepfit.data.identity import Identity, shared
from keepfit.ledger import Event
from keepfit.pipeline.gate.evidence import HoldoutUse

_LOOKS = ("promoted", "rejected", "inconclusive", "staged")
SAME_SHARE = 0.5
"""Of today's rows; with fewer of them known, an earlier decision says little about today's."""


def holdout_use(events: Sequence[Event], identity: Identity) -> HoldoutUse:
    """Count the verdicts that rest on at least half of today's holdout rows."""
    shares = []
    for event in events:
        sketch = _sketch(event.details) if event.kind in _LOOKS else ()
        if sketch:
            shares.append(shared(identity.sketch, sketch))
    known = [share for share in shares if share >= SAME_SHARE]
    return HoldoutUse(identity.fingerprint, len(known), max(shares, default=0.0), identity.sketch)


def _sketch(details: Mapping[str, Any]) -> tuple[str, ...]:
    verdict = details.get("verdict")
    holdout = verdict.get("holdout") if isinstance(verdict, Mapping) else None
    sketch = holdout.get("sketch") if isinstance(holdout, Mapping) else None
    return tuple(sketch.split()) if isinstance(sketch, str) else ()
