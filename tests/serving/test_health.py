"""gRPC's health service and the place of the metrics."""

import threading

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from keepfit.errors import ConfigError
from keepfit.serving.settings import monitoring
from keepfit.serving.settings.options import Options

from .conftest import wait_for

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def empty(serve, models):
    """A server with the health service and metrics elsewhere, whose model has no version yet."""
    config = models.parent / "monitoring.config"
    config.write_text('prometheus_config { enable: true path: "/metrics" }\n')
    flags = ("--enable_grpc_healthcheck_service", f"--monitoring_config_file={config}")
    server = serve(models, *flags, wait=False)
    server.wait_for(lambda: httpx.get(f"{server.url}/healthz").status_code == 200, 60)
    return server


def check(stub, service=""):
    return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=20).status


def test_health_is_told_when_asked_and_as_it_changes(empty, prepared):
    with grpc.insecure_channel(f"127.0.0.1:{empty.grpc_port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        assert check(stub) == NOT_SERVING
        heard = []
        stream = stub.Watch(health_pb2.HealthCheckRequest())
        reader = threading.Thread(target=lambda: heard.extend(answer.status for answer in stream))
        reader.start()
        wait_for(lambda: heard == [NOT_SERVING], 20)
        empty.publish(prepared / "1", 1)
        wait_for(lambda: heard == [NOT_SERVING, SERVING], 90, empty.log.read_text)
        for service in ("", "PredictionService", "tensorflow.serving.ModelService"):
            assert check(stub, service) == SERVING
        with pytest.raises(grpc.RpcError) as caught:
            check(stub, "nothing")
        assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.NOT_FOUND, "service name unknown")
        assert httpx.get(f"{empty.url}/metrics").status_code == 200
        assert empty.stop() == 0
        reader.join(20)
        assert heard == [NOT_SERVING, SERVING, NOT_SERVING]


def test_watcher_who_leaves_is_forgotten(empty):
    with grpc.insecure_channel(f"127.0.0.1:{empty.grpc_port}") as channel:
        stream = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(stream).status == NOT_SERVING
        assert "keepfit_requests_in_flight 2\n" in httpx.get(f"{empty.url}/metrics").text
        stream.cancel()
        wait_for(lambda: "keepfit_requests_in_flight 1\n" in httpx.get(f"{empty.url}/metrics").text, 20)


def test_without_the_flag_there_is_no_health_service(shared):
    with grpc.insecure_channel(f"127.0.0.1:{shared.grpc_port}") as channel, pytest.raises(grpc.RpcError) as caught:
        check(health_pb2_grpc.HealthStub(channel))
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ""),
        ("prometheus_config { enable: false }", ""),
        ("prometheus_config { enable: true }", monitoring.DEFAULT_PATH),
        ('prometheus_config { enable: true path: "/m" }', "/m"),
    ],
)
def test_file_decides_whether_and_where_metrics_are(tmp_path, text, path):
    (tmp_path / "config").write_text(text)
    assert monitoring.metrics_path(Options(monitoring_config_file=str(tmp_path / "config"))) == path


def test_metrics_are_on_without_a_file():
    assert monitoring.metrics_path(Options()) == monitoring.DEFAULT_PATH


def test_path_that_none_can_be_is_refused(tmp_path):
    (tmp_path / "config").write_text('prometheus_config { enable: true path: "m" }')
    with pytest.raises(ConfigError, match="must begin with /"):
        monitoring.metrics_path(Options(monitoring_config_file=str(tmp_path / "config")))
