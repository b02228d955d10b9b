"""How requests are joined into batches: TensorFlow Serving's BatchingParameters as a value, checked as there.

Knows nothing of requests or queues.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keepfit import protos
from keepfit.errors import ConfigError, ModelLoadError
from keepfit.serving.settings import config_files
from keepfit.serving.settings.options import Options

PER_MODEL_FILE = "batching_params.pbtxt"
DEFAULT_THREAD_POOL = "model_server_batch_threads"
DEFAULT_BATCH_SIZE = 1000
DEFAULT_ENQUEUED_BATCHES = 10
"""TensorFlow's defaults (SharedBatchScheduler::QueueOptions)."""


@dataclass(frozen=True, slots=True)
class Batching:
    """The limits of batches, sizes in rows. The defaults are those without --enable_batching."""

    max_batch_size: int = 1024
    max_request_size: int | None = None
    """Larger requests are refused; None: they run alone."""
    splits: bool = False
    """Whether a request larger than a batch is run in several."""
    timeout_s: float = 0.0
    """How long the oldest request waits for others while a worker is free."""
    max_enqueued_batches: int | None = None
    """Of one signature; None: only the number and the bytes of requests are bounded."""
    in_flight: int = 2
    """Batches sent to a worker and not answered: one runs while the next already lies in the worker's socket."""
    allowed_sizes: tuple[int, ...] = ()
    """Sizes to which batches are padded with copies of a row, so that the model sees no others."""
    pads_inputs: bool = False
    """Whether inputs that differ in other dimensions than the first are padded and joined as well."""
    awake_s: float = 0.0
    """How long front and worker look for each other's bytes before they sleep, when a request comes alone."""

    def padded_size(self, rows: int) -> int:
        """Return the allowed size to which a batch is padded; its own if there is none."""
        return next((size for size in self.allowed_sizes if size >= rows), rows)


def by_flags(options: Options) -> Callable[[Path], Batching]:
    """Return what tells the limits of the version in a folder; raises ConfigError as of_options does."""
    if options.enable_batching and options.enable_per_model_batching_parameters:
        return lambda folder: _with_ours(of_version(folder), options)
    batching = _with_ours(of_options(options), options)
    return lambda _: batching


def _with_ours(batching: Batching, options: Options) -> Batching:
    """Return limits with what only our flags say."""
    rows = [size for size in (batching.max_request_size, options.max_request_rows) if size]
    return replace(batching, max_request_size=min(rows) if rows else None, awake_s=options.stay_awake_micros / 1e6)


def of_none(_: Path) -> Batching:
    """Return the limits without --enable_batching."""
    return Batching()


def of_options(options: Options) -> Batching:
    """Return what the flags say for all models; raises ConfigError."""
    if not options.enable_batching:
        return Batching()
    if not options.batching_parameters_file:
        return of_message(protos.BatchingParameters())
    return of_message(config_files.read(options.batching_parameters_file, protos.BatchingParameters))


def thread_pool_name(options: Options) -> str:
    """Return what TensorFlow Serving would call its threads for batches; raises ConfigError."""
    if not options.enable_batching or not options.batching_parameters_file:
        return DEFAULT_THREAD_POOL
    name: str = config_files.read(options.batching_parameters_file, protos.BatchingParameters).thread_pool_name.value
    return name


def of_version(path: Path) -> Batching:
    """Return what the file in a version's folder says, or no limits if there is none; raises ModelLoadError."""
    file = path / PER_MODEL_FILE
    if not file.is_file():
        return Batching()
    try:
        return of_message(config_files.read(str(file), protos.BatchingParameters))
    except ConfigError as error:
        raise ModelLoadError(f"{file} is wrong: {error}") from error


def of_message(message: Any) -> Batching:
    """Return a BatchingParameters message as a value; raises ConfigError with TensorFlow Serving's texts."""
    size = _value(message, "max_batch_size", DEFAULT_BATCH_SIZE)
    enqueued = _value(message, "max_enqueued_batches", DEFAULT_ENQUEUED_BATCHES)
    timeout_us = _value(message, "batch_timeout_micros", 0)
    threads = _value(message, "num_batch_threads", 2)
    splits = message.enable_large_batch_splitting.value
    batch = _value(message, "max_execution_batch_size", size) if splits else size
    _require(size > 0, f"input_batch_size_limit must be positive; was {size}")
    _require(timeout_us >= 0, f"batch_timeout_micros must be non-negative; was {timeout_us}")
    _require(enqueued >= 0, f"max_enqueued_batches must be non-negative; was {enqueued}")
    _require(threads > 0, f"num_batch_threads must be positive; was {threads}")
    _require(batch > 0, f"max_execution_batch_size must be positive; was {batch}")
    _require(
        batch <= size,
        f"max_execution_batch_size ({batch}) must be no greater than input_batch_size_limit ({size})",
    )
    allowed = tuple(message.allowed_batch_sizes)
    _require(
        not allowed or allowed[-1] == batch,
        "Last entry in allowed_batch_sizes must match max_batch_size; "
        f"last entry was {allowed[-1] if allowed else 0}; expected {batch}",
    )
    _require(
        all(0 < low < high for low, high in itertools.pairwise(allowed)),
        "allowed_batch_sizes entries must be monotonically increasing",
    )
    return Batching(
        max_batch_size=batch,
        max_request_size=size,
        splits=splits,
        timeout_s=timeout_us / 1e6,
        max_enqueued_batches=enqueued,
        in_flight=min(threads, 2),
        allowed_sizes=allowed,
        pads_inputs=message.pad_variable_length_inputs,
    )


def _value(message: Any, name: str, default: int) -> int:
    return getattr(message, name).value if message.HasField(name) else default


def _require(condition: bool, text: str) -> None:
    if not condition:
        raise ConfigError(f"INVALID_ARGUMENT: {text}")
