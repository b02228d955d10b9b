"""The serving metrics as Prometheus reads them."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from keepfit.metrics import ServingMetrics, gauge


def samples(registry):
    text = generate_latest(registry).decode()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_under_tensorflow_servings_names_and_ours():
    registry = CollectorRegistry()
    metrics = ServingMetrics(registry)
    metrics.observe_request("m", "2", "REST", "predict", "OK", 0.003)
    metrics.observe_request("m", "2", "REST", "predict", "OK", 0.004)
    metrics.observe_request("m", "", "GRPC", "predict", "NOT_FOUND", 0.001)
    found = samples(registry)
    assert found[(":tensorflow:serving:request_count", ("model_name", "m"), ("status", "OK"))] == 2
    latency = (("API", "predict"), ("entrypoint", "REST"), ("model_name", "m"))
    assert found[(":tensorflow:serving:request_latency_count", *latency)] == 2
    assert found[(":tensorflow:serving:request_latency_sum", *latency)] == 7000.0
    refused = (("api", "GRPC"), ("call", "predict"), ("model", "m"), ("status", "NOT_FOUND"), ("version", ""))
    assert found[("keepfit_requests_total", *refused)] == 1
    ours = (("api", "REST"), ("call", "predict"), ("model", "m"), ("version", "2"))
    assert found[("keepfit_request_seconds_bucket", *sorted([*ours, ("le", "0.0025")]))] == 0
    assert found[("keepfit_request_seconds_bucket", *sorted([*ours, ("le", "0.005")]))] == 2
    assert found[("keepfit_request_seconds_bucket", *sorted([*ours, ("le", "+Inf")]))] == 2


def test_a_value_at_a_bound_is_within_it():
    registry = CollectorRegistry()
    ServingMetrics(registry).observe_batch("m", "1", 4)
    found = samples(registry)
    at = {
        limit: found[("keepfit_batch_rows_bucket", ("le", limit), ("model", "m"), ("version", "1"))] for limit in "24"
    }
    assert at == {"2": 0, "4": 1}


def test_gauges_are_asked_for_when_somebody_looks():
    registry = CollectorRegistry()
    values = {("m",): 1.0}
    ServingMetrics(registry, lambda: [gauge("g", "A gauge.", ("model",), values)])
    values["m",] = 5.0
    assert samples(registry)[("g", ("model", "m"))] == 5.0


def test_two_servers_in_one_process_do_not_share_numbers():
    first, second = CollectorRegistry(), CollectorRegistry()
    ServingMetrics(first).observe_batch("m", "1", 1)
    ServingMetrics(second)
    assert samples(second) == {}
