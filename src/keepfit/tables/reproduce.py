"""`keepfit reproduce`: whether training again gave the same."""

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from keepfit.reproduce import Reproduction
from keepfit.tables.wording import plain_table, value


def reproduction_tables(found: Reproduction, name: str) -> list[Table | Text]:
    """The outcome first, then what differs from the record."""
    style = "bold green" if found.outcome == "identical" else "bold red"
    parts: list[Table | Text] = [Text(f"{found.outcome.upper()}: {found.reason}", style)]
    if found.weights is not None:
        parts.append(_results(found, name))
    for title, differences in (("Data", found.data), ("Seed, code, libraries, machine", found.environment)):
        if differences:
            table = plain_table(title, "", "then", "now")
            for difference in differences:
                table.add_row(escape(difference.name), value(difference.a), value(difference.b))
            parts.append(table)
    return parts


def _results(found: Reproduction, name: str) -> Table:
    table = plain_table("Results", "", name, "again")
    table.add_row("weights", "", "identical" if found.weights else "different")
    table.add_row("predictions", "", "identical" if found.predictions else "different")
    if found.largest_difference:
        table.add_row("largest difference", "", value(found.largest_difference))
    for measure in found.evaluation:
        if measure.change:
            table.add_row(escape(measure.name), value(measure.a), value(measure.b))
    return table
