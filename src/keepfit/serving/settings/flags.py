"""The flags of the model server: tensorflow_model_server's, with its names, defaults and meaning, and a few of ours.

A table and the parsers of its values. Knows nothing of serving; docs/serving.md describes the same flags.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keepfit.errors import ConfigError

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag that sets the option of the same name, or is only accepted: then `unused` says why."""

    name: str
    parse: Callable[[str], Any]
    help: str
    unused: str = ""

    @property
    def is_boolean(self) -> bool:
        """Tell whether the flag alone, without a value, means true."""
        return self.parse is boolean

    def value(self, text: str) -> Any:
        """Return the value that a text means; raises ConfigError that names the flag."""
        try:
            return self.parse(text)
        except ValueError as error:
            raise ConfigError(f"--{self.name}={text} is wrong: it takes {error}") from error


def boolean(text: str) -> bool:
    """Return true or false."""
    values = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if text.lower() not in values:
        raise ValueError("true or false")
    return values[text.lower()]


def text(text: str) -> str:
    """Return a text that must not be empty."""
    if not text:
        raise ValueError("some text")
    return text


def any_text(text: str) -> str:
    """Return any text; empty means, as without the flag, nothing."""
    return text


def integer(low: int, high: int, what: str = "a whole number") -> Callable[[str], int]:
    """Return a parser of integers within bounds."""

    def parse(text: str) -> int:
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 20 and low <= int(text) <= high):
            raise ValueError(f"{what} from {low} to {high}")
        return int(text)

    return parse


def seconds(text: str) -> float:
    """Return seconds: any negative number, 0, or from 0.01 on; fractions are allowed."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (-math.inf < number <= 0 or 0.01 <= number <= INT32_MAX):
        raise ValueError(f"seconds: 0, a negative number, or from 0.01 to {INT32_MAX}")
    return number


def fraction(text: str) -> float:
    """Return a number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise ValueError("a number from 0 to 1")
    return number


port = integer(0, 65535, "a port (0: none)")
int32 = integer(-INT32_MAX - 1, INT32_MAX)
int64 = integer(-INT64_MAX - 1, INT64_MAX)
count = integer(0, INT32_MAX)
positive = integer(1, INT32_MAX)
size = integer(1, INT64_MAX, "bytes")

FLAGS: tuple[Flag, ...] = (
    # what is served
    Flag("model_name", text, "name of the model in the API (default: default); not used with --model_config_file"),
    Flag("model_base_path", any_text, "folder of the version folders; this or --model_config_file is required"),
    Flag("model_config_file", any_text, "ModelServerConfig (protobuf text): several models, policies, labels"),
    Flag(
        "model_config_file_poll_wait_seconds",
        seconds,
        "between looks at --model_config_file; 0 (default) reads it once; fractions allowed",
    ),
    Flag("file_system_poll_wait_seconds", seconds, "between looks at the folders (default 1); 0 looks once"),
    Flag("saved_model_tags", any_text, "comma-separated tags of the graph to serve (default serve)"),
    Flag("prefer_tflite_model", boolean, "serve model.tflite of a version, if there is one (default false)"),
    Flag(
        "allow_version_labels_for_unavailable_models",
        boolean,
        "let a new label point at a version that is not available yet (default false)",
    ),
    # loading
    Flag("num_load_threads", int32, "how many versions are loaded at the same time; 0 (default): one after the other"),
    Flag("num_unload_threads", int32, "how many versions are unloaded at the same time; 0 (default): one by one"),
    Flag("max_num_load_retries", int32, "how often a load that failed is tried again (default 5)"),
    Flag(
        "load_retry_interval_micros",
        int64,
        "between these tries, in microseconds (default 60000000); a negative number does not wait",
    ),
    Flag("enable_model_warmup", boolean, "replay a version's warmup requests before it is available (default true)"),
    Flag("num_request_iterations_for_warmup", int32, "how often each warmup request is replayed (default 1)"),
    # running
    Flag("tensorflow_session_parallelism", int64, "threads of a model, for both kinds; 0 (default): automatic"),
    Flag("tensorflow_intra_op_parallelism", int64, "threads for one operation; 0 (default): automatic"),
    Flag("tensorflow_inter_op_parallelism", int64, "operations at the same time; 0 (default): automatic"),
    Flag("tensorflow_session_config_file", any_text, "ConfigProto (protobuf text) of the sessions"),
    Flag("per_process_gpu_memory_fraction", fraction, "share of a GPU's memory for each model; 0 (default): automatic"),
    Flag("enable_batching", boolean, "take batching's limits from --batching_parameters_file (default false)"),
    Flag("batching_parameters_file", any_text, "BatchingParameters (protobuf text)"),
    Flag(
        "enable_per_model_batching_parameters",
        boolean,
        "take a model's from batching_params.pbtxt in its version folder (default false)",
    ),
    Flag(
        "enable_signature_method_name_check",
        boolean,
        "classify and regress only signatures that declare to be for that (default false)",
    ),
    Flag(
        "enable_serialization_as_tensor_content",
        boolean,
        "answer gRPC predictions with packed tensors (default false)",
    ),
    # listening
    Flag("port", port, "gRPC API (default 8500); 0 does not listen"),
    Flag("grpc_socket_path", any_text, "Unix socket on which the gRPC API listens as well"),
    Flag("rest_api_port", port, "REST API and metrics (default 8501); 0 does not listen"),
    Flag("rest_api_timeout_in_ms", int32, "how long a REST call may take (default 30000); 0 or less: an hour"),
    Flag("rest_api_enable_cors_support", boolean, "allow web pages of other origins to call REST (default false)"),
    Flag("ssl_config_file", any_text, "SSLConfig (protobuf text): TLS for gRPC"),
    Flag("grpc_channel_arguments", any_text, "comma-separated settings of gRPC connections, as name=value"),
    Flag("enable_grpc_healthcheck_service", boolean, "answer gRPC's health checks (default false)"),
    Flag("monitoring_config_file", any_text, "MonitoringConfig (protobuf text): whether and where metrics are"),
    # of tensorflow_model_server, without a meaning here
    Flag("rest_api_num_threads", int32, "", "one event loop takes all connections"),
    Flag("grpc_max_threads", int32, "", "one event loop takes all connections"),
    Flag("flush_filesystem_caches", boolean, "", "only clients of remote file systems have such caches"),
    Flag("num_tflite_pools", int32, "", "each TFLite model has one interpreter a signature"),
    Flag("num_tflite_interpreters_per_pool", int32, "", "each TFLite model has one interpreter a signature"),
    Flag("platform_config_file", any_text, "", "there is one platform, whose settings are the other flags"),
    Flag(
        "remove_unused_fields_from_bundle_metagraph", boolean, "", "only signatures are kept of a graph's description"
    ),
    Flag("thread_pool_factory_config_file", any_text, "", "each model has a process with threads of its own"),
    Flag("xla_cpu_compilation_enabled", boolean, "", "a model that asks for XLA is always compiled"),
    Flag("xla_gpu_compilation_enabled", boolean, "", "a model that asks for XLA is always compiled"),
    Flag("enable_profiler", boolean, "", "there is no profiler service"),
    Flag("mixed_precision", any_text, "", "models run as they were exported"),
    Flag("skip_initialize_tpu", boolean, "", "there is no support for TPUs"),
    # ours
    Flag("host", text, "address to listen on (ours; default 127.0.0.1, this machine only)"),
    Flag("rest_api_ssl", boolean, "TLS by --ssl_config_file for REST as well (ours; default false: for gRPC alone)"),
    Flag("api_keys_file", any_text, "hashes of the keys that requests must bring, from keepfit api-key (ours)"),
    Flag("access_log_sample_rate", fraction, "share of the requests that get a line of JSON (ours; default 0)"),
    Flag("access_log_file", any_text, "file for these lines (ours; default stderr)"),
    Flag("max_body_bytes", size, "of a REST request or a gRPC message (ours; default 536870912)"),
    Flag("max_held_bytes", size, "of all bodies that are arriving or being answered (ours; default 2147483648)"),
    Flag("max_concurrent_requests", positive, "requests that are answered at the same time (ours; default 8192)"),
    Flag(
        "stay_awake_micros",
        count,
        "how long server and model's process look for the next message before they sleep, where requests come one by "
        "one; 0: not at all (ours; default 300)",
    ),
    Flag("max_request_rows", count, "rows of a request; 0: as many as its bytes allow (ours; default 0)"),
    Flag(
        "workers_per_model",
        integer(1, 1024, "a number of processes"),
        "processes that run each version, for models that keep a core busy (ours; default 1)",
    ),
    Flag("spare_worker", boolean, "keep a process with TensorFlow imported, for fast swaps (ours; default true)"),
)

VERSION = Flag("version", boolean, "print versions and end")
ALTS = Flag("use_alts_credentials", boolean, "refused if true: it exists only in Google's cloud")

BY_NAME = {flag.name: flag for flag in FLAGS}
