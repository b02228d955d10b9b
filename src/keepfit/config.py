"""What config.json may say: frozen typed sections whose field names are the JSON keys; every default stands here once.

Knows nothing of files, of the environment, or of what the values are used for; `project.py` reads them.
"""

from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

MODEL_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


class Section(BaseModel):
    """A part of config.json: frozen, and strict about unknown keys and types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=(), allow_inf_nan=False)


class GateConfig(Section):
    """When a candidate is good enough to be served."""

    min_accuracy_percent: float = Field(
        97.0,
        ge=0,
        le=100,
        description="Classification: least accuracy on the holdout, in percent; an equal one passes.",
    )
    min_r2: float = Field(
        0.5, le=1, description="Regression: least coefficient of determination on the holdout; an equal one passes."
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


class SyntheticConfig(Section):
    """The two-feature, two-class data made when no other source is named."""

    rows: int = Field(10_000, ge=10, le=100_000_000, description="Rows made for each run.")
    class_separation: float = Field(
        5.0,
        gt=0,
        le=100,
        description="Standard deviations between the class centres; the best possible accuracy is Φ(half of it).",
    )


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
    synthetic: SyntheticConfig = SyntheticConfig()

    @model_validator(mode="after")
    def _source_has_what_it_needs(self) -> Self:
        needs = {"synthetic": (), "csv": ("path",), "parquet": ("path",), "sql": ("url", "query")}[self.source]
        for key in needs:
            if not getattr(self, key):
                raise ValueError(f"source {self.source!r} needs the key {key!r} as well")
        if self.holdout_path and "path" not in needs:
            raise ValueError(f"holdout_path is for files: source {self.source!r} splits its rows by holdout_fraction")
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


class RetentionConfig(Section):
    """What is kept on disk."""

    versions: int = Field(
        5, ge=2, description="Versions under models/; the served one and its predecessor always stay."
    )
    candidates: int = Field(3, ge=0, description="Candidates that were not promoted, with their reports.")


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
    retention: RetentionConfig = RetentionConfig()
    models_dir: str = Field("models", min_length=1, description="Where the versions are, relative to config.json.")
    tf_cpp_min_log_level: int = Field(
        2, ge=0, le=3, description="What TensorFlow's C++ code logs, from 0 (all) to 3; TF_CPP_MIN_LOG_LEVEL wins."
    )
