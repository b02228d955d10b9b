"""Panels of the few kinds that the dashboards need, in Grafana's JSON, with their colours, legends and tooltips.

A panel is made without a place; `dashboard` puts rows of panels, each with its width, one below the other.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

GREEN, YELLOW, RED, BLUE = "semi-dark-green", "semi-dark-yellow", "semi-dark-red", "semi-dark-blue"
GREY = "text"
WIDTH = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

OUTCOMES = {
    "OK": GREEN,
    "promoted": GREEN,
    "inconclusive": YELLOW,
    "rejected": "semi-dark-orange",
    "invalid_data": "semi-dark-purple",
    "failed": RED,
    "interrupted": GREY,
}
"""Colours that mean the same on every dashboard."""


def query(expr: str, legend: str = "", *, instant: bool = False, table: bool = False, ref: str = "A") -> Json:
    """What is asked of Prometheus: over time, or `instant`; as a `table` with the labels as columns."""
    return {
        "refId": ref,
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": expr,
        "legendFormat": legend or "__auto",
        "instant": instant or table,
        "range": not (instant or table),
        "format": "table" if table else "time_series",
    }


def thresholds(*steps: tuple[float | None, str]) -> Json:
    """Colours from a value on; the first has none."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


def words(texts: Mapping[int, tuple[str, str]]) -> list[Json]:
    """Words and colours for numbers: {0: ("down", RED)}."""
    options = {
        str(number): {"text": text, "color": color, "index": place}
        for place, (number, (text, color)) in enumerate(texts.items())
    }
    return [{"type": "value", "options": options}]


def stat(title: str, about: str, expr: str, unit: str = "none", *, legend: str = "", **field: Any) -> Json:
    """One large number, coloured by thresholds if it has any."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "center",
        "textMode": "name" if legend else "value",
        "orientation": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }
    targets = [query(expr, legend, instant=True)]
    return _panel("stat", title, about, targets, options, unit, **field)


def series(
    title: str,
    about: str,
    targets: Sequence[Json],
    unit: str = "short",
    *,
    stacked: bool = False,
    stepped: bool = False,
    **field: Any,
) -> Json:
    """Lines over time, or areas on one another; `stepped` for what changes with a run only."""
    custom = {
        "drawStyle": "line",
        "lineInterpolation": "stepAfter" if stepped else "linear",
        "lineWidth": 1 if stacked else 2,
        "fillOpacity": 35 if stacked else 8,
        "gradientMode": "none" if stacked else "opacity",
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "scaleDistribution": {"type": "linear"},
        "thresholdsStyle": {"mode": "dashed" if "thresholds" in field else "off"},
    }
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return _panel("timeseries", title, about, targets, options, unit, custom=custom, **field)


def bars(title: str, about: str, target: Json, unit: str = "short", **field: Any) -> Json:
    """Horizontal bars, one a series."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "horizontal",
        "displayMode": "basic",
        "valueMode": "color",
        "showUnfilled": True,
        "namePlacement": "auto",
        "sizing": "auto",
        "minVizHeight": 16,
        "minVizWidth": 8,
        "maxVizHeight": 40,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
    }
    return _panel("bargauge", title, about, [target], options, unit, **field)


def columns(title: str, about: str, target: Json, x: str, unit: str = "short", **field: Any) -> Json:
    """Upright bars, one for each value of the label `x`."""
    options = {
        "xField": x,
        "orientation": "vertical",
        "barWidth": 0.6,
        "groupWidth": 0.7,
        "showValue": "always",
        "stacking": "none",
        "barRadius": 0,
        "fullHighlight": False,
        "xTickLabelRotation": 0,
        "xTickLabelSpacing": 0,
        "xTickLabelMaxLength": 20,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    custom = {"fillOpacity": 70, "lineWidth": 1, "gradientMode": "none", "axisSoftMin": 0}
    panel = _panel("barchart", title, about, [target], options, unit, custom=custom, **field)
    number = {"targetField": x, "destinationType": "number"}
    panel["transformations"] = [
        {"id": "convertFieldType", "options": {"conversions": [number], "fields": {}}},
        {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": x, "desc": False}]}},
        {"id": "convertFieldType", "options": {"conversions": [{**number, "destinationType": "string"}], "fields": {}}},
        {"id": "organize", "options": {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": {}}},
    ]
    return panel


def table(
    title: str, about: str, targets: Sequence[Json], names: dict[str, str], overrides: Sequence[Json] = ()
) -> Json:
    """Rows joined by their labels; `names` are the columns that stay, in order, and what they are called."""
    options = {"showHeader": True, "frameIndex": 0, "cellHeight": "sm", "footer": {"show": False, "reducer": []}}
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}
    panel = _panel("table", title, about, targets, options, "short", custom=custom, overrides=list(overrides))
    panel["transformations"] = [
        {"id": "merge", "options": {}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {"Time": True, "model": True, "instance": True, "job": True, "__name__": True},
                "indexByName": {name: number for number, name in enumerate(names)},
                "renameByName": names,
            },
        },
    ]
    return panel


def matrix(title: str, about: str, target: Json, *, rows: str, columns_of: str) -> Json:
    """A table with a column for each value of one label."""
    panel = table(title, about, [target], {})
    cells = {"columnField": columns_of, "rowField": rows, "valueField": "Value", "emptyValue": "empty"}
    renamed = {"excludeByName": {}, "indexByName": {}, "renameByName": {f"{rows}\\{columns_of}": rows}}
    panel["transformations"] = [
        {"id": "groupingToMatrix", "options": cells},
        {"id": "organize", "options": renamed},
    ]
    return panel


def by_name(name: str, **properties: Any) -> Json:
    """Give one series or column properties of its own, such as decimals=2; `cells` is how a table draws it."""
    cells = properties.pop("cells", None)
    found = [{"id": key, "value": value} for key, value in properties.items()]
    if cells:
        found.append({"id": "custom.cellOptions", "value": cells})
    return {"matcher": {"id": "byName", "options": name}, "properties": found}


def outcome_colors() -> list[Json]:
    """The colours of outcomes, the same on all dashboards."""
    return [by_name(name, color={"mode": "fixed", "fixedColor": color}) for name, color in OUTCOMES.items()]


def dashboard(uid: str, title: str, about: str, since: str, variables: Sequence[Json], rows: Sequence[Any]) -> Json:
    """Put the rows one below the other. A row is a heading, or (height, [(width, panel), …])."""
    panels: list[Json] = []
    top = 0
    for row in rows:
        if isinstance(row, str):
            panels.append(_heading(row, top))
            top += 1
            continue
        height, placed = row
        left = 0
        for width, panel in placed:
            panels.append({**panel, "gridPos": {"h": height, "w": width, "x": left, "y": top}})
            left += width
        if left != WIDTH:
            raise ValueError(f"a row of {title} is {left} columns wide: expected {WIDTH}")
        top += height
    return {
        "uid": uid,
        "title": f"Keepfit · {title}",
        "description": about,
        "tags": ["keepfit"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "timezone": "browser",
        "time": {"from": since, "to": "now"},
        "timepicker": {},
        "fiscalYearStartMonth": 0,
        "liveNow": False,
        "weekStart": "",
        "links": [_links()],
        "annotations": {"list": [_builtin_annotations(), _version_changes()]},
        "templating": {"list": [_datasource(), variable("model", "keepfit_current_version"), *variables]},
        "panels": [{"id": number, **panel} for number, panel in enumerate(panels, 1)],
    }


def variable(label: str, metric: str, *, many: bool = True, first: str = "") -> Json:
    """A choice among the values that a label of a metric has."""
    asked = f"label_values({metric}, {label})"
    current = {"selected": True, "text": first or "All", "value": first or "$__all"}
    return {
        "name": label,
        "type": "query",
        "datasource": SOURCE,
        "definition": asked,
        "query": {"query": asked, "refId": "labels"},
        "current": current,
        "refresh": 2,
        "sort": 1,
        "multi": many,
        "includeAll": many,
        **({"allValue": ".*"} if many else {}),
        "hide": 0,
        "options": [],
        "regex": "",
        "skipUrlSync": False,
    }


def _panel(kind: str, title: str, about: str, targets: Sequence[Json], options: Json, unit: str, **field: Any) -> Json:
    overrides = field.pop("overrides", [])
    color = {"mode": "thresholds" if kind in ("stat", "bargauge") else "palette-classic"}
    defaults = {"color": color, "unit": unit, "mappings": [], **field}
    defaults.setdefault("thresholds", thresholds((None, BLUE)))
    lettered = [{**target, "refId": chr(ord("A") + number)} for number, target in enumerate(targets)]
    return {
        "type": kind,
        "title": title,
        "description": about,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": options,
        "targets": lettered,
    }


def _heading(title: str, top: int) -> Json:
    return {
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": top},
        "panels": [],
    }


def _links() -> Json:
    return {
        "type": "dashboards",
        "title": "Keepfit",
        "tags": ["keepfit"],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": False,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def _builtin_annotations() -> Json:
    return {
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    }


def _version_changes() -> Json:
    return {
        "datasource": SOURCE,
        "enable": True,
        "target": {
            "refId": "Anno",
            "expr": 'changes(keepfit_current_version{model=~"$model"}[2m]) > 0',
            "interval": "60s",
        },
        "iconColor": BLUE,
        "name": "Version changes",
        "titleFormat": "Another version of {{model}} is current",
        "textFormat": "",
        "tagKeys": "",
    }


def _datasource() -> Json:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": {"selected": True, "text": "Prometheus", "value": "prometheus"},
        "refresh": 1,
        "multi": False,
        "includeAll": False,
        "hide": 2,
        "options": [],
        "regex": "",
        "skipUrlSync": False,
    }
