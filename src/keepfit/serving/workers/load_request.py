"""What a worker is told about the version that it loads: sent by the front, read by the worker."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from keepfit import protos
from keepfit.serving.settings import config_files
from keepfit.serving.settings.options import Options


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """How every version is loaded."""

    tags: tuple[str, ...] = ("serve",)
    prefer_tflite: bool = False
    warmup_iterations: int = 1
    """How often each warmup request is replayed; 0 for never."""
    session_config: str = ""
    """A ConfigProto message, in hexadecimal digits."""

    def header(self, path: str) -> dict[str, Any]:
        """Return the header of the frame that asks a worker to load the version in a directory."""
        return {"op": "load", "path": path, "how": asdict(self)}

    @classmethod
    def of(cls, header: Mapping[str, Any]) -> Self:
        """Return the request in a frame's header."""
        return cls(**{**header["how"], "tags": tuple(header["how"]["tags"])})


def by_flags(options: Options) -> LoadRequest:
    """Return how versions are loaded according to the flags; raises ConfigError for a bad session config file."""
    return LoadRequest(
        tags=tuple(tag for tag in options.saved_model_tags.split(",") if tag),
        prefer_tflite=options.prefer_tflite_model,
        warmup_iterations=max(options.num_request_iterations_for_warmup, 1) if options.enable_model_warmup else 0,
        session_config=_session_config(options).SerializeToString().hex(),
    )


def _session_config(options: Options) -> Any:
    file = options.tensorflow_session_config_file
    config = config_files.read(file, protos.ConfigProto) if file else protos.ConfigProto()
    intra, inter = options.tensorflow_intra_op_parallelism, options.tensorflow_inter_op_parallelism
    if intra <= 0 and inter <= 0:
        intra = inter = options.tensorflow_session_parallelism
    if intra:
        config.intra_op_parallelism_threads = intra
    if inter:
        config.inter_op_parallelism_threads = inter
    if options.per_process_gpu_memory_fraction:
        config.gpu_options.per_process_gpu_memory_fraction = options.per_process_gpu_memory_fraction
    return config
