"""When drift is an alarm: a column that drifted in two comparisons in a row, each on new data. Pure.

Works on the records of runs, so that a restart forgets nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

IN_A_ROW = 2


def alarming_columns(records: Sequence[Mapping[str, Any]], current: int | None) -> list[str]:
    """The columns that alarm, by the `drift` records of runs, oldest first, and the version that is current.

    Only comparisons with that version count: one that learned from newer data starts anew. Of runs on the very same
    data only the last counts, because it is the same evidence.
    """
    windows: dict[str, list[str]] = {}
    for record in records:
        if record.get("reference_version") == current and record.get("findings"):
            fingerprint = str(record.get("fingerprint"))
            windows.pop(fingerprint, None)
            windows[fingerprint] = [str(found["column"]) for found in record["findings"] if found.get("drifted")]
    last = list(windows.values())[-IN_A_ROW:]
    if len(last) < IN_A_ROW:
        return []
    return [column for column in dict.fromkeys(last[-1]) if all(column in drifted for drifted in last)]
