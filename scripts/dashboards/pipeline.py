"""Pipeline: whether retraining runs, what comes of it, how long it takes, and what it stands on."""

from dashboards.panels import (
    GREEN,
    RED,
    YELLOW,
    Json,
    bars,
    dashboard,
    outcome_colors,
    query,
    series,
    stat,
    thresholds,
    words,
)

_DAY = 86_400
_MODEL = '{model=~"$model"}'


def make() -> Json:
    """The dashboard."""
    return dashboard(
        "keepfit-pipeline",
        "Pipeline",
        "Does retraining run, what comes of it, and can the next run begin.",
        "now-30d",
        [],
        [
            (4, list(zip((4,) * 6, _now(), strict=True))),
            (8, [(12, _runs()), (12, _versions())]),
            (8, [(12, _duration()), (12, _stages())]),
            "What it stands on",
            (7, [(12, _disk()), (6, _ledger()), (6, _alerts())]),
        ],
    )


def _now() -> list[Json]:
    return [
        stat(
            "Last run",
            "How it ended; keepfit history says why.",
            f"keepfit_last_run_verdict{_MODEL} == 1",
            legend="{{verdict}}",
            overrides=outcome_colors(),
        ),
        stat(
            "Last successful run",
            "Since a run came to a verdict, whatever that was. The alert is at 8 days.",
            f"max(time() - keepfit_last_successful_retraining_timestamp_seconds{_MODEL})",
            "s",
            decimals=0,
            thresholds=thresholds((None, GREEN), (7 * _DAY, YELLOW), (8 * _DAY, RED)),
        ),
        stat(
            "Last promotion",
            "Since a candidate was published.",
            f"max(time() - keepfit_last_promotion_timestamp_seconds{_MODEL})",
            "s",
            decimals=0,
        ),
        stat(
            "Rejected in a row",
            "Candidates since the last one that was published. The alert is at 3.",
            f"max(keepfit_consecutive_rejections{_MODEL})",
            thresholds=thresholds((None, GREEN), (1, YELLOW), (3, RED)),
        ),
        stat(
            "Next run",
            "When the schedule is due.",
            f"min(keepfit_next_retraining_timestamp_seconds{_MODEL}) * 1000",
            "dateTimeFromNow",
        ),
        stat(
            "Rollbacks",
            "How often versions were taken back.",
            f"sum(keepfit_rollbacks_total{_MODEL})",
        ),
    ]


def _runs() -> Json:
    return series(
        "Runs by how they ended",
        "All runs so far; a step is a run.",
        [query(f"sum by (verdict) (keepfit_runs_total{_MODEL})", "{{verdict}}")],
        stepped=True,
        stacked=True,
        decimals=0,
        min=0,
        overrides=outcome_colors(),
    )


def _versions() -> Json:
    return series(
        "Current version and the one that answers",
        "They differ for the moment of a swap; if they stay apart, the server did not take the version over.",
        [
            query(f"max by (model) (keepfit_current_version{_MODEL})", "current"),
            query(f"max by (model) (keepfit_model_server_available_version{_MODEL})", "answers"),
        ],
        stepped=True,
        decimals=0,
    )


def _duration() -> Json:
    return series(
        "How long the last run took",
        "From its start to its verdict.",
        [query(f"max by (model) (keepfit_last_run_seconds{_MODEL})", "{{model}}")],
        "s",
        stepped=True,
        min=0,
    )


def _stages() -> Json:
    return bars(
        "Stages of the last run",
        "Where its time went.",
        query(f"sort_desc(sum by (stage) (keepfit_last_run_stage_seconds{_MODEL}))", "{{stage}}", instant=True),
        "s",
        min=0,
    )


def _disk() -> Json:
    share = f"min by (folder) (keepfit_disk_free_bytes{_MODEL} / keepfit_disk_size_bytes{_MODEL})"
    return series(
        "Free disk space",
        "Share of the file system under each folder. The alert is at 10 %.",
        [query(share, "{{folder}}")],
        "percentunit",
        min=0,
        max=1,
        thresholds=thresholds((None, "transparent"), (0.1, RED)),
    )


def _ledger() -> Json:
    return stat(
        "Ledger",
        "Whether the record of runs and versions can be read.",
        f"min(keepfit_ledger_readable{_MODEL})",
        mappings=words({0: ("cannot be read", RED), 1: ("readable", GREEN)}),
    )


def _alerts() -> Json:
    return stat(
        "Alerts that came through",
        "Alerts that the trainer passed on to people since it started.",
        'sum(keepfit_alerts_received_total{status="firing"})',
        decimals=0,
    )
