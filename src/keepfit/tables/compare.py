"""`keepfit compare`: two runs or versions beside one another."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from keepfit.comparison import Comparison, Difference
from keepfit.tables.wording import plain_table, styled, value


def comparison_tables(comparison: Comparison, a: str, b: str) -> list[Table | Text]:
    """What both reached, and then only what differs."""
    parts: list[Table | Text] = [_measures(comparison.measures, a, b), _rules(comparison.rules, a, b)]
    sections = (
        ("Data", comparison.data, "same rows, same columns"),
        ("Config", comparison.config, "same"),
        ("Seed, code, libraries, machine", comparison.environment, "same"),
    )
    for title, differences, same in sections:
        parts.append(_differences(title, differences, a, b) if differences else Text(f"{title}: {same}", "bold"))
    return parts


def _measures(differences: Sequence[Difference], a: str, b: str) -> Table:
    table = plain_table("Reached", "", a, b, "change")
    for found in differences:
        change = "" if found.change is None else f"{found.change:+.6g}"
        table.add_row(escape(found.name), value(found.a), value(found.b), change)
    return table


def _rules(differences: Sequence[Difference], a: str, b: str) -> Table:
    table = plain_table("Judged", "rule", a, b)
    for found in differences:
        table.add_row(escape(found.name), _outcome(found.a), _outcome(found.b))
    return table


def _outcome(text: str | None) -> str:
    if text is None:
        return "–"
    outcome, _, number = text.partition(" ")
    return f"{styled(outcome)} {number}".strip()


def _differences(title: str, differences: Sequence[Difference], a: str, b: str) -> Table:
    table = plain_table(title, "", a, b)
    for found in differences:
        table.add_row(escape(found.name), value(found.a), value(found.b))
    return table
