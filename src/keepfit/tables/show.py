"""`keepfit show`: all that is recorded of one run or version."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from keepfit.comparison import flat
from keepfit.config import Config
from keepfit.lookup import Entry
from keepfit.pipeline.drift_wording import told
from keepfit.tables.wording import local, plain_table, styled, value


def entry_tables(entry: Entry) -> list[Table]:
    """What it is, how it was judged, from what it was made, and what happened to it."""
    tables = [_head(entry)]
    if entry.metrics:
        tables += [_rules(entry.metrics), _made(entry.metrics)]
    return [*tables, _events(entry)]


def entry_json(entry: Entry) -> dict[str, Any]:
    """The same for programs, with the whole metrics.json."""
    return {
        "run": entry.run,
        "version": entry.version,
        "place": entry.place,
        "folder": str(entry.folder) if entry.folder else None,
        "deployments": [
            {"since": found.since.isoformat(), "until": found.until.isoformat() if found.until else None}
            for found in entry.deployments
        ],
        "events": [{**event.to_dict(), "details": None} for event in entry.events],
        "metrics": dict(entry.metrics),
    }


def _head(entry: Entry) -> Table:
    table = _facts(f"{entry.name[0].upper()}{entry.name[1:]}")
    metrics = entry.metrics
    table.add_row("state", escape(entry.place))
    if entry.version is not None:
        table.add_row("run", value(entry.run))
    if entry.started is not None:
        trigger = f"{entry.started.reason}{_by(entry.started.actor)}"
        table.add_row("started", f"{local(entry.started.at)}, {escape(trigger)}")
    if entry.ending is not None:
        table.add_row("ended", f"{local(entry.ending.at)}, {styled(entry.ending.kind)}")
    verdict = metrics.get("verdict") or {}
    if verdict:
        table.add_row("verdict", f"{styled(str(verdict.get('decision')))}: {escape(str(verdict.get('reason')))}")
    elif entry.ending is not None:
        table.add_row("why", escape(entry.ending.reason))
    if override := metrics.get("override"):
        table.add_row("override", escape(f"{override['reason']} ({override['by']['user']}, {override['at']})"))
    for title, text in _reached(metrics):
        table.add_row(title, text)
    for deployment in entry.deployments:
        until = "now" if deployment.until is None else local(deployment.until)
        table.add_row("served", f"{local(deployment.since)} to {until}")
    return table


def _by(actor: Mapping[str, str]) -> str:
    who = "@".join(filter(None, (actor.get("user"), actor.get("host"))))
    return f", by {who}" if who else ""


def _reached(metrics: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    if metrics.get("test_accuracy_percent") is not None:
        low, high = metrics["test_accuracy_interval_percent"]
        yield "accuracy", f"{metrics['test_accuracy_percent']:.2f} %  (95 % interval {low:.2f} to {high:.2f})"
    for name, title in (("r2", "R²"), ("rmse", "RMSE"), ("mae", "MAE")):
        if name in metrics.get("evaluation", {}):
            yield title, value(metrics["evaluation"][name])


def _rules(metrics: Mapping[str, Any]) -> Table:
    table = plain_table("Rules", "rule", "outcome", "numbers")
    for rule in (metrics.get("verdict") or {}).get("rules", ()):
        name = f"{rule['rule']} {rule.get('subject', '')}".strip()
        outcome = rule.get("outcome") or ("pass" if rule.get("passed") else "fail")
        table.add_row(escape(name), styled(outcome), escape(str(rule.get("reason", ""))))
    return table


def _made(metrics: Mapping[str, Any]) -> Table:
    table = _facts("Made from")
    dataset = metrics.get("dataset") or {}
    train_rows, holdout_rows = value(dataset.get("train_rows")), value(dataset.get("holdout_rows"))
    table.add_row("data", f"{train_rows} rows to train, {holdout_rows} to judge")
    table.add_row("fingerprint", value(dataset.get("fingerprint")))
    if golden := dataset.get("golden"):
        table.add_row("golden set", f"{value(golden.get('rows'))} rows, fingerprint {value(golden.get('fingerprint'))}")
    if drift := metrics.get("drift"):
        table.add_row("drift", escape(told(drift)))
    table.add_row("seed", str(metrics.get("seed")))
    table.add_row("config", "\n".join(_unusual(metrics.get("config") or {})) or "all defaults")
    git = metrics.get("git")
    if git:
        dirty = f", with uncommitted changes {str(git.get('diff_sha256') or '')[:12]}" if git.get("dirty") else ""
        table.add_row("code", f"commit {str(git['commit'])[:12]}{dirty}")
    for file, digest in (metrics.get("code") or {}).items():
        table.add_row("", escape(f"{file} {str(digest)[:12]}"))
    for name in ("libraries", "machine"):
        table.add_row(name, escape(", ".join(f"{key} {item}" for key, item in (metrics.get(name) or {}).items())))
    durations = metrics.get("durations_s") or {}
    table.add_row("seconds", ", ".join(f"{stage} {seconds:g}" for stage, seconds in durations.items()))
    return table


def _unusual(config: Mapping[str, Any]) -> Iterable[str]:
    """What differs from the defaults, one key a line."""
    usual = flat(Config().model_dump(mode="json", by_alias=True))
    for key, found in flat(config).items():
        if key != "$schema" and found != usual.get(key):
            yield f"{key} = {value(found)}"


def _events(entry: Entry) -> Table:
    table = plain_table("What happened", "when", "what", "by", "why")
    for event in entry.events:
        table.add_row(local(event.at), styled(event.kind), escape(event.actor.get("user", "")), escape(event.reason))
    return table


def _facts(title: str) -> Table:
    table = plain_table(title)
    table.show_header = False
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table
