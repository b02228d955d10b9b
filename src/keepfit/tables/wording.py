"""How numbers, times and decisions read in every table."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

_STYLES = {
    "promoted": "green",
    "PROMOTE": "green",
    "pass": "green",
    "rejected": "red",
    "REJECT": "red",
    "fail": "red",
    "inconclusive": "yellow",
    "INCONCLUSIVE": "yellow",
    "invalid_data": "red",
    "failed": "red",
    "interrupted": "yellow",
    "rolled_back": "yellow",
    "overridden": "magenta",
}


def styled(word: str) -> str:
    """An ending, a decision or an outcome in its colour."""
    style = _STYLES.get(word)
    return f"[{style}]{escape(word)}[/]" if style else escape(word)


def number(value: float | None) -> str:
    """A measure, to six digits."""
    return "not a number" if value is None else f"{value:.6g}"


def value(found: Any) -> str:
    """Anything of a record, short; "–" where there is nothing."""
    if found is None:
        return "–"
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, float):
        return f"{found:.6g}"
    if isinstance(found, int):
        return f"{found:,}"
    if isinstance(found, list | Mapping):
        return escape(json.dumps(_given(found), ensure_ascii=False))
    return escape(str(found))


def _given(found: Any) -> Any:
    """Lists and mappings as config.json would have them: without what is null."""
    if isinstance(found, Mapping):
        return {key: _given(item) for key, item in found.items() if item is not None}
    return [_given(item) for item in found] if isinstance(found, list) else found


def local(when: datetime) -> str:
    """A time in the reader's zone."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def plain_table(title: str, *columns: str) -> Table:
    """A table without lines, which folds what is long, but for the first column: a name there is to be copied."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=place == 0, header_style="dim")
    return table
