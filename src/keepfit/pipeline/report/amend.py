"""Writes anew what a report says of its candidate once a person has promoted it; the pictures stay as they are."""

from collections.abc import Mapping
from typing import Any

from keepfit.pipeline.report.heading import heading_of
from keepfit.pipeline.report.ruling import grouped, rulings_of
from keepfit.pipeline.report.template import environment, shared

PARTS = ("title", "heading", "unserved")
"""What depends on whether the candidate is served. In the page each stands between marks of its name."""


def amend(page: str, metrics: Mapping[str, Any]) -> str:
    """Return the page headed by what `metrics` say now; a page without the marks, an older one, stays as it is."""
    verdict = metrics["verdict"]
    heading = heading_of(metrics, grouped(rulings_of(verdict), verdict["decision"]))
    for name in PARTS:
        before, start, rest = page.partition(f"<!--{name}-->")
        _, end, after = rest.partition(f"<!--/{name}-->")
        if start and end:
            written = environment().get_template(f"report.{name}.html").render(**shared(metrics), heading=heading)
            page = f"{before}{start}{written}{end}{after}"
    return page
