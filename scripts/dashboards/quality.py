"""Model quality: how good each version was on its holdout, and how that compares with what the gate asks."""

from dashboards.panels import (
    BLUE,
    GREEN,
    YELLOW,
    Json,
    by_name,
    columns,
    dashboard,
    matrix,
    query,
    series,
    stat,
    table,
    thresholds,
    variable,
)

_DAY = 86_400
_CURRENT = 'and on (model, version) count_values by (model) ("version", keepfit_current_version{model=~"$model"})'
"""Leaves of the figures of all versions those of the current one, whose number is a value there and a label here."""
_MEASURE = 'keepfit_version_measure{model=~"$model", measure="$measure"}'


def make() -> Json:
    """The dashboard."""
    return dashboard(
        "keepfit-quality",
        "Model quality",
        "What each version reached on its holdout before it was published, and what the gate asked of it.",
        "now-90d",
        [variable("measure", "keepfit_version_measure", many=False, first="accuracy_percent")],
        [
            (4, list(zip((5, 5, 5, 5, 4), _now(), strict=True))),
            (9, [(12, _by_version()), (12, _over_time())]),
            (8, [(24, _all_measures())]),
            (9, [(24, _gate())]),
        ],
    )


def _now() -> list[Json]:
    return [
        stat("Current version", "The highest in models/.", 'max(keepfit_current_version{model=~"$model"})'),
        stat("Its $measure", "On its own holdout, before it was published.", f"{_MEASURE} {_CURRENT}", decimals=2),
        stat(
            "Last candidate's $measure",
            "Of the last run that came to a verdict, promoted or not.",
            'keepfit_last_candidate_measure{model=~"$model", measure="$measure"}',
            decimals=2,
        ),
        stat(
            "Its age",
            "Since the current version was published first. The alert is at 30 days.",
            'max(time() - keepfit_current_version_created_timestamp_seconds{model=~"$model"})',
            "s",
            decimals=0,
            thresholds=thresholds((None, GREEN), (15 * _DAY, YELLOW), (30 * _DAY, "semi-dark-red")),
        ),
        stat("Rollbacks", "How often versions were taken back.", 'sum(keepfit_rollbacks_total{model=~"$model"})'),
    ]


def _by_version() -> Json:
    return columns(
        "$measure by version",
        "The newest 20 versions, each on the holdout of its own run: a step may also come from other rows.",
        query(f"sum by (version) ({_MEASURE})", table=True),
        "version",
        decimals=2,
        color={"mode": "fixed", "fixedColor": BLUE},
    )


def _over_time() -> Json:
    return series(
        "$measure of the current version",
        "Changes only with the version. The dots of the last candidate show what was not promoted as well.",
        [
            query(f"{_MEASURE} {_CURRENT}", "version {{version}}"),
            query('keepfit_last_candidate_measure{model=~"$model", measure="$measure"}', "last candidate"),
        ],
        stepped=True,
        decimals=2,
    )


def _all_measures() -> Json:
    return matrix(
        "All measures by version",
        "Everything that was measured on the holdout; low and high are the bounds of the 95 % interval.",
        query('sum by (version, measure) (keepfit_version_measure{model=~"$model"})', table=True),
        rows="version",
        columns_of="measure",
    )


def _gate() -> Json:
    targets = [
        query(f'keepfit_gate_value{{model=~"$model"}} {_CURRENT}', table=True),
        query(f'keepfit_gate_bound{{model=~"$model"}} {_CURRENT}', table=True),
    ]
    names = {
        "version": "Version",
        "rule": "Rule",
        "subject": "Of what",
        "Value #A": "Found",
        "Value #B": "Asked",
    }
    return table(
        "The gate's rules for the current version",
        "What each rule found and asked; rules without a number are in the version's report.html.",
        targets,
        names,
        [by_name("Found", decimals=2), by_name("Asked", decimals=2)],
    )
