"""What config.json may say: frozen typed sections whose field names are the JSON keys; every default stands here once.

Knows nothing of files, of the environment, or of what the values are used for; `project.py` reads them.
"""

import re
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

MetricName = Literal["auc", "f1", "precision", "recall", "log_loss", "brier", "ece", "mae", "rmse", "r2"]

MODEL_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


class Section(BaseModel):
    """A part of config.json: frozen, and strict about unknown keys and types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=(), allow_inf_nan=False)


class MetricConfig(Section):
    """What one metric has to reach."""

    min: float | None = Field(None, description="Least value; an equal one passes.")
    max: float | None = Field(None, description="Largest value; an equal one passes.")
    margin: float | None = Field(
        None, gt=0, description="Against the served version: how much worse it may be, in the metric's own unit."
    )
    threshold: float = Field(
        0.5, ge=0, le=1, description="f1, precision and recall of two classes: the probability from which on it counts."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.min is None and self.max is None and self.margin is None:
            raise ValueError("nothing is asked of the metric: give min, max or margin")
        return self


class SliceConfig(Section):
    """A part of the holdout that is judged by itself: each value of a column, or the rows of one condition."""

    column: str | None = Field(None, description="A column of the source: each of its values is a slice.")
    where: str | None = Field(
        None, description='Or a condition in Polars SQL over the source\'s columns, such as "age < 30".'
    )
    name: str | None = Field(None, description="How the condition is called; null takes its text.")
    min_rows: int = Field(
        50,
        ge=1,
        description="With fewer rows a condition is inconclusive; a column's values with fewer are judged together.",
    )
    min_accuracy_percent: float | None = Field(
        None, ge=0, le=100, description="Classification: the slice must not be shown to lie below it."
    )
    max_rmse: float | None = Field(None, gt=0, description="Regression: the slice must not be shown to lie above it.")
    optional: bool = Field(False, description="true: with too few rows it is reported, and not judged.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.column is None) == (self.where is None):
            raise ValueError("a slice needs either the key 'column' or the key 'where'")
        return self


class ChampionConfig(Section):
    """How a candidate has to compare with the served version on the same holdout rows."""

    test: Literal["non_inferiority", "superiority", "not_shown_worse", "off"] = Field(
        "non_inferiority",
        description="What has to be shown: that it is no worse than the margin, that it is better, or only that "
        "nothing shows it to be worse, which few rows never do.",
    )
    margin_points: float = Field(
        0.5, gt=0, lt=100, description="Classification: accuracy that a candidate may lose, in percentage points."
    )
    margin_percent: float = Field(
        5.0, gt=0, le=1000, description="Regression: by how much the root mean square error may grow, in percent."
    )
    unusable: Literal["inconclusive", "ignore"] = Field(
        "inconclusive",
        description="What a served version means that cannot be compared, because it does not load for example; "
        "ignore judges by the other rules alone.",
    )


class BehaviourConfig(Section):
    """What a candidate must have in common with the served version, beside being right."""

    max_changed_percent: float | None = Field(
        30.0, ge=0, le=100, description="Predictions that may change without becoming right; null does not judge it."
    )
    max_size_factor: float | None = Field(
        3.0, gt=0, description="Size on disk, as a multiple of the served version's; null does not judge it."
    )
    max_latency_factor: float | None = Field(
        3.0, gt=0, description="Median time of a single row, as a multiple of it; null does not judge it."
    )


class GateConfig(Section):
    """When a candidate is good enough to be served. See docs/gate.md."""

    min_accuracy_percent: float = Field(
        97.0,
        ge=0,
        le=100,
        description="Classification: least accuracy on the holdout, in percent; an equal one passes.",
    )
    min_r2: float = Field(
        0.5, le=1, description="Regression: least coefficient of determination on the holdout; an equal one passes."
    )
    strict: bool = Field(
        False, description="true: not the measured value but the lower bound of its interval has to reach the least."
    )
    confidence: float = Field(
        0.95, ge=0.5, lt=1, description="Of each bound that decides: at 0.95 it errs in at most 5 % of all looks."
    )
    metrics: dict[MetricName, MetricConfig] = Field(
        {}, description="Further metrics by name: auc, f1, precision, recall, log_loss, brier, ece, mae, rmse, r2."
    )
    slices: list[SliceConfig] = Field([], description="Parts of the holdout that are judged by themselves.")
    champion: ChampionConfig = ChampionConfig()
    behaviour: BehaviourConfig = BehaviourConfig()
    holdout_looks: int | None = Field(
        None,
        ge=1,
        description="Decisions for which the same holdout rows are good before the report warns; null is "
        "1 / (1 − confidence), the looks after which the union bound promises nothing.",
    )
    bootstrap_draws: int = Field(
        2000, ge=100, le=100_000, description="Resamplings behind the intervals of metrics other than accuracy."
    )


class TrainConfig(Section):
    """How a candidate is fitted."""

    epochs: int = Field(10, ge=1, le=100_000, description="Passes over the training rows.")
    batch_size: int = Field(64, ge=1, le=1_000_000, description="Rows a gradient step.")
    learning_rate: float = Field(0.01, gt=0, le=100, description="Of the Adam optimizer.")
    seed: int | None = Field(
        None,
        ge=0,
        lt=2**31,
        description="Of weights, shuffling and synthetic data; null draws a fresh one and records it.",
    )
    tensorboard_dir: str | None = Field(
        None,
        min_length=1,
        description="Where each training writes TensorBoard logs, one folder a run; null: nowhere. "
        "Needs the extra tensorboard.",
    )


class SyntheticConfig(Section):
    """The two-feature, two-class data made when no other source is named."""

    rows: int = Field(10_000, ge=10, le=100_000_000, description="Rows made for each run.")
    class_separation: float = Field(
        6.0,
        gt=0,
        le=100,
        description="Standard deviations between the class centres; the best possible accuracy is Φ(half of it).",
    )


class WindowConfig(Section):
    """The most recent rows, the only ones of which the holdout is taken."""

    column: str = Field(min_length=1, description="A column of dates, or of dates and times; no feature by itself.")
    days: float = Field(gt=0, le=36_500, description="How far the window reaches back from the newest row.")


class DataConfig(Section):
    """Where the rows come from and what they mean."""

    source: Literal["synthetic", "csv", "parquet", "sql"] = Field("synthetic", description="Kind of source.")
    path: str | None = Field(None, description="csv, parquet: a file, a folder or a glob, relative to config.json.")
    url: str | None = Field(
        None, description="sql: an SQLAlchemy URL; ${NAME} is replaced by the environment variable NAME."
    )
    query: str | None = Field(None, description="sql: the query whose rows are the data.")
    target: str = Field("label", min_length=1, description="The column to predict.")
    task: Literal["auto", "binary", "multiclass", "regression"] = Field(
        "auto", description="What kind of target it is; auto recognises it from the column."
    )
    features: list[str] | None = Field(None, description="Columns to learn from; null takes all but the target.")
    ignore: list[str] = Field([], description="Columns to leave out, for example an id.")
    categorical: list[str] = Field([], description="Number columns that are really codes, for example a postcode.")
    split_by: list[str] = Field(
        [],
        description="Columns whose values decide the side of the split, such as a customer; empty takes all features.",
    )
    holdout_fraction: float = Field(0.2, gt=0, lt=1, description="Share of the rows kept for judging.")
    holdout_path: str | None = Field(
        None, description="csv, parquet: judge on these rows instead, in a file of the same form as path."
    )
    golden_path: str | None = Field(
        None,
        description="Frozen rows that every candidate answers as well, and that are never trained on: a file, a "
        "folder or a glob of the same form as path; for sql of .csv or .parquet files.",
    )
    window: WindowConfig | None = Field(
        None, description='Judge on recent rows only, such as {"column": "at", "days": 28}; null takes all.'
    )
    synthetic: SyntheticConfig = SyntheticConfig()

    @model_validator(mode="after")
    def _source_has_what_it_needs(self) -> Self:
        needs = {"synthetic": (), "csv": ("path",), "parquet": ("path",), "sql": ("url", "query")}[self.source]
        for key in needs:
            if not getattr(self, key):
                raise ValueError(f"source {self.source!r} needs the key {key!r} as well")
        if self.holdout_path and "path" not in needs:
            raise ValueError(f"holdout_path is for files: source {self.source!r} splits its rows by holdout_fraction")
        if self.golden_path and self.source == "synthetic":
            raise ValueError("golden_path is for rows of your own: source 'synthetic' makes fresh ones in every run")
        if self.golden_path and self.source == "sql" and not self.golden_path.endswith((".csv", ".parquet", ".pq")):
            raise ValueError(
                f"golden_path is {self.golden_path!r}: beside source 'sql' a .csv or .parquet file is expected"
            )
        return self


class ModelConfig(Section):
    """Which Keras model is trained. A plain string stands for {"build": string}."""

    build: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description='"module:function" of your own; null builds the default. See docs/own-model.md.',
    )
    options: dict[str, Any] = Field({}, description="Keyword arguments for the function.")


class ScheduleConfig(Section):
    """When `keepfit up` retrains by itself."""

    enabled: bool = Field(True, description="false: only by hand.")
    cron: str = Field("0 2 * * sun", description="Five cron fields; Sunday 02:00 unless configured.")
    timezone: str = Field("UTC", description="IANA name of the zone in which cron is read.")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is not an IANA time zone, such as 'Europe/Berlin'") from error
        return name


class NotificationsConfig(Section):
    """Who hears of decisions, beside notifications.log."""

    urls: list[str] = Field(
        [],
        description="Apprise URLs; ${NAME} is replaced by the environment variable NAME: no secret stands here.",
    )


class ServingConfig(Section):
    """Where the model server is, for `keepfit up` to start it and for everybody else to find it."""

    host: str = Field("127.0.0.1", min_length=1, description="Listened on and connected to; TF_HOST wins.")
    rest_port: int = Field(8501, ge=1, le=65535, description="REST API and metrics.")
    grpc_port: int = Field(8500, ge=1, le=65535, description="gRPC API.")
    confirm_timeout_s: float = Field(
        120.0, gt=0, description="How long a retraining run waits until the server has the new version."
    )


class FrontendConfig(Section):
    """The web page and its /predict."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(5002, ge=1, le=65535, description="Port to listen on.")
    timeout_s: float = Field(10.0, gt=0, description="How long a prediction may take before it is a 504.")


class TrainerConfig(Section):
    """What `keepfit trainer` listens on: its health, its metrics, and the alerts that Alertmanager sends."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(5003, ge=1, le=65535, description="Port to listen on.")


class LedgerConfig(Section):
    """Where runs, verdicts and deployments are recorded."""

    url: str | None = Field(
        None,
        description="PostgreSQL: postgresql://user:${PASSWORD}@host/database, where ${NAME} is replaced by the "
        "environment variable NAME; null is SQLite in state/ledger.sqlite3. Needs the extra postgres.",
    )

    @field_validator("url")
    @classmethod
    def _postgresql_without_a_secret(cls, url: str | None) -> str | None:
        # never shown: it may hold what it should not
        if url is not None and not url.startswith(("postgresql://", "postgres://")):
            raise ValueError("expected a URL of the form postgresql://user:${PASSWORD}@host/database")
        return _without_a_literal_password(url)


class TrackingConfig(Section):
    """Where runs and versions are logged beside the ledger. See docs/tracking.md."""

    mlflow_url: str | None = Field(
        None,
        description="An MLflow tracking server: http://host:port or https://user:${PASSWORD}@host, where ${NAME} is "
        "replaced by the environment variable NAME; null: none. Needs the extra mlflow.",
    )
    timeout_s: float = Field(
        30.0, gt=0, le=3600, description="How long a run, rollback or restore waits for the MLflow server at most."
    )

    @field_validator("mlflow_url")
    @classmethod
    def _http_without_a_secret(cls, url: str | None) -> str | None:
        # never shown: it may hold what it should not
        if url is not None and not url.startswith(("http://", "https://", "${")):
            raise ValueError("expected a URL of the form http://host:port or https://user:${PASSWORD}@host")
        return _without_a_literal_password(url)


class DriftConfig(Section):
    """When data counts as distributed otherwise than what the served version learned from. See docs/drift.md."""

    significance: float = Field(
        0.05, gt=0, lt=0.5, description="How often all columns of one run together may differ by chance alone."
    )
    min_effect: float = Field(
        0.1, ge=0, lt=1, description="Least distance that counts, between 0 and 1: with many rows any is significant."
    )


class RetentionConfig(Section):
    """What is kept on disk."""

    versions: int = Field(
        5, ge=2, description="Versions under models/; the served one and its predecessor always stay."
    )
    candidates: int = Field(3, ge=0, description="Candidates that were not promoted, with their reports.")


def _without_a_literal_password(url: str | None) -> str | None:
    """Raise ValueError if a secret stands in the URL where ${NAME} should."""
    if url and re.search(r"//[^/@]*:(?!\$\{\w+\}@).*@|[?&](?:password|token)=(?!\$\{)", url):
        raise ValueError("a password stands in it: write ${NAME} in its place, and set the environment variable NAME")
    return url


def _as_model_section(value: object) -> object:
    return {"build": value} if isinstance(value, str) else value


class Config(Section):
    """The whole of config.json."""

    json_schema: str | None = Field(None, alias="$schema", description="For editors: config.schema.json.")
    model_name: str = Field("keepfit", pattern=MODEL_NAME_PATTERN, description="Name in the API; MODEL_NAME wins.")
    gate: GateConfig = GateConfig()
    train: TrainConfig = TrainConfig()
    data: DataConfig = DataConfig()
    model: Annotated[ModelConfig, BeforeValidator(_as_model_section, json_schema_input_type=ModelConfig | str)] = (
        ModelConfig()
    )
    schedule: ScheduleConfig = ScheduleConfig()
    notifications: NotificationsConfig = NotificationsConfig()
    serving: ServingConfig = ServingConfig()
    frontend: FrontendConfig = FrontendConfig()
    trainer: TrainerConfig = TrainerConfig()
    ledger: LedgerConfig = LedgerConfig()
    tracking: TrackingConfig = TrackingConfig()
    drift: DriftConfig = DriftConfig()
    retention: RetentionConfig = RetentionConfig()
    models_dir: str = Field("models", min_length=1, description="Where the versions are, relative to config.json.")
    tf_cpp_min_log_level: int = Field(
        2, ge=0, le=3, description="What TensorFlow's C++ code logs, from 0 (all) to 3; TF_CPP_MIN_LOG_LEVEL wins."
    )
