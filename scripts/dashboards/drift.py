"""Drift: how far the data of runs is from what the served version learned from."""

from dashboards.panels import (
    GREEN,
    GREY,
    RED,
    YELLOW,
    Json,
    bars,
    by_name,
    dashboard,
    query,
    series,
    stat,
    table,
    thresholds,
    words,
)

_MODEL = '{model=~"$model"}'
_EFFECT = thresholds((None, GREEN), (0.1, YELLOW), (0.3, RED))


def make() -> Json:
    """The dashboard."""
    return dashboard(
        "keepfit-drift",
        "Drift",
        "Each run's data against what the served version learned from, column by column. See docs/drift.md.",
        "now-90d",
        [],
        [
            (4, list(zip((6,) * 4, _now(), strict=True))),
            (9, [(12, _effects()), (12, _over_time())]),
            (10, [(24, _columns())]),
        ],
    )


def _now() -> list[Json]:
    return [
        stat(
            "Columns that alarm",
            "They differed in two runs in a row, on different data.",
            f"sum(keepfit_drift_alarm{_MODEL})",
            thresholds=thresholds((None, GREEN), (1, RED)),
        ),
        stat(
            "Columns that differ",
            "In the last comparison alone, which by chance happens in one of twenty.",
            f"count(max by (model, column) (keepfit_drift_significant{_MODEL}) == 1) or vector(0)",
            thresholds=thresholds((None, GREEN), (1, YELLOW)),
        ),
        stat(
            "Last comparison",
            "Since a run's data was last compared.",
            f"max(time() - keepfit_drift_compared_timestamp_seconds{_MODEL})",
            "s",
            decimals=0,
        ),
        stat(
            "Rows compared",
            "Of the last run; as many or more of the served version's.",
            'min(keepfit_drift_rows{model=~"$model", sample="current"})',
            decimals=0,
        ),
    ]


def _effects() -> Json:
    return bars(
        "How far each column is",
        "0: the same distribution, 1: another one altogether. Below 0.1 nothing counts as drift.",
        query(f"topk(20, max by (column) (keepfit_drift_effect{_MODEL}))", "{{column}}", instant=True),
        "none",
        min=0,
        max=1,
        decimals=2,
        thresholds=_EFFECT,
    )


def _over_time() -> Json:
    return series(
        "The same over time",
        "Falls when a version takes over that learned from the new data.",
        [query(f"max by (column) (keepfit_drift_effect{_MODEL})", "{{column}}")],
        "none",
        stepped=True,
        min=0,
        max=1,
        decimals=2,
    )


def _columns() -> Json:
    targets = [
        query(f"max by (column, test) (keepfit_drift_{figure}{_MODEL})", table=True)
        for figure in ("effect", "p_value", "significant")
    ]
    targets.append(query(f"max by (column) (keepfit_drift_alarm{_MODEL})", table=True))
    names = {
        "column": "Column",
        "test": "Test",
        "Value #A": "Effect",
        "Value #B": "p value",
        "Value #C": "Differs",
        "Value #D": "Alarm",
    }
    bar, colored = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}, {"type": "color-text"}
    overrides = [
        by_name("Effect", decimals=2, min=0, max=1, thresholds=_EFFECT, color={"mode": "thresholds"}, cells=bar),
        by_name("p value", decimals=4),
        by_name("Differs", mappings=words({0: ("no", GREY), 1: ("yes", YELLOW)}), cells=colored),
        by_name("Alarm", mappings=words({0: ("no", GREY), 1: ("yes", RED)}), cells=colored),
    ]
    return table(
        "All columns",
        "ks: numbers by Kolmogorov and Smirnov; chi2: categories; missing: what is not there. p values are adjusted.",
        targets,
        names,
        overrides,
    )
