"""The server, put together from its parts, without a front: what answers requests, and what begins and ends with it."""

import os
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector

from keepfit.serving.grpc.api import GrpcApi
from keepfit.serving.grpc.health import Health
from keepfit.serving.grpc.wire import DEFAULT_TIMEOUT_S
from keepfit.serving.metrics.counting import ServingMetrics
from keepfit.serving.models import model_config
from keepfit.serving.models.config_watch import ConfigWatch
from keepfit.serving.models.gauges import gauges
from keepfit.serving.models.manager import Rules
from keepfit.serving.models.models import Models
from keepfit.serving.models.slots import Slots
from keepfit.serving.requests import cors
from keepfit.serving.requests.access_log import AccessLog
from keepfit.serving.requests.admission import Admission, Limits
from keepfit.serving.requests.exchange import Channel, Head
from keepfit.serving.requests.keys import KeyFile
from keepfit.serving.rest.api import RestApi
from keepfit.serving.settings import batching_config, channel_arguments
from keepfit.serving.settings.monitoring import metrics_path
from keepfit.serving.settings.options import Options
from keepfit.serving.visit import RequestVisit, Services
from keepfit.serving.workers import load_request
from keepfit.serving.workers.workers import Workers


class Application:
    """One model server. start() and stop() belong to its event loop; requests may come between."""

    def __init__(self, options: Options) -> None:
        self._options = options
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._metrics = ServingMetrics(
            registry, lambda: gauges(self.models, self._admission), batching_config.thread_pool_name(options)
        )
        self._workers = Workers(spare=options.spare_worker)
        self.models = Models(
            model_config.by_flags(options),
            _rules(options),
            Slots(max(options.num_load_threads, 1), max(options.num_unload_threads, 1), 4 * (os.cpu_count() or 1)),
            self._workers,
            self._metrics,
            allow_labels_for_unavailable=options.allow_version_labels_for_unavailable_models,
        )
        self._config_watch = ConfigWatch(options, self.models)
        message_bytes = channel_arguments.parse(options.grpc_channel_arguments).max_message_bytes
        limits = Limits(
            max_body_bytes=options.max_body_bytes,
            max_message_bytes=message_bytes or options.max_body_bytes,
            max_held_bytes=options.max_held_bytes,
            max_requests=options.max_concurrent_requests,
        )
        self._keys = KeyFile(Path(options.api_keys_file)) if options.api_keys_file else None
        self._admission = Admission(limits, self._keys)
        check_method = options.enable_signature_method_name_check
        self._services = Services(
            admission=self._admission,
            metrics=self._metrics,
            rest=RestApi(
                self.models,
                self._metrics,
                registry,
                options.rest_api_timeout_in_ms / 1000 if options.rest_api_timeout_in_ms > 0 else DEFAULT_TIMEOUT_S,
                metrics_path=metrics_path(options),
                check_method=check_method,
            ),
            grpc=GrpcApi(
                self.models,
                self._metrics,
                limits.max_message_bytes,
                check_method=check_method,
                pack_tensors=options.enable_serialization_as_tensor_content,
            ),
            health=Health(self.models, self._admission) if options.enable_grpc_healthcheck_service else None,
            cross_origin=cors.headers(with_keys=self._keys is not None)
            if options.rest_api_enable_cors_support
            else None,
            rest_port=options.rest_api_port,
            max_body_bytes=options.max_body_bytes,
        )

    @property
    def in_flight(self) -> int:
        """How many requests are being answered."""
        return self._admission.requests

    def drain(self) -> None:
        """Refuse new requests from now on."""
        self._admission.draining = True

    async def start(self) -> None:
        """Start the first worker and the watch over the models."""
        self._workers.start()
        self.models.start()
        self._config_watch.start()
        if self._keys is not None:
            self._keys.start()
        if self._options.access_log_sample_rate:
            file = self._options.access_log_file
            where = Path(file) if file else None
            self._services.access_log = AccessLog(self._options.access_log_sample_rate, where)

    async def stop(self) -> None:
        """End the watch and all workers."""
        self._config_watch.stop()
        await self.models.stop()
        if self._keys is not None:
            self._keys.stop()
        self._workers.stop()
        if self._services.access_log is not None:
            self._services.access_log.close()

    def visit(self, head: Head, channel: Channel) -> RequestVisit:
        """Begin with a request (fronts call this)."""
        return RequestVisit(self._services, head, channel)


def _rules(options: Options) -> Rules:
    return Rules(
        poll_s=options.file_system_poll_wait_seconds,
        max_retries=options.max_num_load_retries,
        retry_interval_s=options.load_retry_interval_micros / 1e6,
        how=load_request.by_flags(options),
        batching=batching_config.by_flags(options),
        workers_per_model=options.workers_per_model,
    )
