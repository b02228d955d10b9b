"""What a run recorded of drift, in a sentence. Needs no statistics."""

from collections.abc import Mapping
from typing import Any

_TOLD = 5


def told(record: Mapping[str, Any]) -> str:
    """One sentence for a person."""
    against = f"the data of version {record['reference_version']}"
    if record["reason"]:
        return f"not compared: {record['reason']}"
    drifted = [finding for finding in record["findings"] if finding["drifted"]]
    if not drifted:
        return f"no column differs from {against} ({record['tests']} tests)"
    shown = [f"{finding['column']} by {finding['effect']:.2f} ({finding['test']})" for finding in drifted[:_TOLD]]
    more = f" and {len(drifted) - _TOLD} more" if len(drifted) > _TOLD else ""
    return f"differs from {against}: {', '.join(shown)}{more}"
