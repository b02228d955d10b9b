"""What the server was told on its command line, as one value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """The server's options, by the names of their flags. Ports of 0 are not listened on; an empty text is not set."""

    model_base_path: str = ""
    model_name: str = "default"
    model_config_file: str = ""
    model_config_file_poll_wait_seconds: float = 0.0
    file_system_poll_wait_seconds: float = 1.0
    saved_model_tags: str = "serve"
    prefer_tflite_model: bool = False
    allow_version_labels_for_unavailable_models: bool = False

    num_load_threads: int = 0
    num_unload_threads: int = 0
    max_num_load_retries: int = 5
    load_retry_interval_micros: int = 60_000_000
    enable_model_warmup: bool = True
    num_request_iterations_for_warmup: int = 1

    tensorflow_session_parallelism: int = 0
    tensorflow_intra_op_parallelism: int = 0
    tensorflow_inter_op_parallelism: int = 0
    tensorflow_session_config_file: str = ""
    per_process_gpu_memory_fraction: float = 0.0
    enable_batching: bool = False
    batching_parameters_file: str = ""
    enable_per_model_batching_parameters: bool = False
    enable_signature_method_name_check: bool = False
    enable_serialization_as_tensor_content: bool = False

    host: str = "127.0.0.1"
    port: int = 8500
    grpc_socket_path: str = ""
    rest_api_port: int = 8501
    rest_api_timeout_in_ms: int = 30_000
    rest_api_enable_cors_support: bool = False
    ssl_config_file: str = ""
    grpc_channel_arguments: str = ""
    enable_grpc_healthcheck_service: bool = False
    monitoring_config_file: str = ""

    spare_worker: bool = True
    workers_per_model: int = 1
    rest_api_ssl: bool = False
    api_keys_file: str = ""
    access_log_sample_rate: float = 0.0
    access_log_file: str = ""
    max_body_bytes: int = 512 * 2**20
    max_held_bytes: int = 2 * 2**30
    max_concurrent_requests: int = 8192
    max_request_rows: int = 0
    stay_awake_micros: int = 300

    @property
    def config_files(self) -> tuple[str, ...]:
        """The files that flags name."""
        files = (
            self.model_config_file,
            self.batching_parameters_file,
            self.ssl_config_file,
            self.monitoring_config_file,
            self.tensorflow_session_config_file,
        )
        return tuple(file for file in files if file)
