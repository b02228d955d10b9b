"""What the frontend has to be told: one frozen value. Knows nothing of config.json or of the environment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrontendSettings:
    """Which model is shown, where it is served, and how much one request may ask for."""

    model_name: str
    serving_url: str = "http://127.0.0.1:8501"
    api_key: str | None = None
    """For a model server that lets nobody in without one."""
    timeout_s: float = 10.0
    """How long a prediction may take in all, retries included."""
    reconnect_s: float = 1.0
    """How long a model server that refuses connections is given to come back, within `timeout_s`."""
    probe_timeout_s: float = 1.0
    """How long /healthz waits for the model server."""
    max_body_bytes: int = 16 * 2**20
    max_answer_bytes: int = 64 * 2**20
    max_instances: int = 10_000
    threads: int = 32
    """Requests that are worked on at the same time; each only waits for the model server."""
