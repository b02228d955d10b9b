"""What the server's metrics say, of requests observed here and of a server that runs."""

import concurrent.futures
import re
from pathlib import Path

import grpc
import httpx
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from keepfit import exposition
from keepfit.serving.metrics import bounds
from keepfit.serving.metrics.counting import KEPT_VERSIONS, ServingMetrics
from keepfit.serving.requests.timing import Timing

DOCS = Path(__file__).parents[3] / "docs" / "serving.md"
PATH = "/monitoring/prometheus/metrics"


def parsed(text):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(re.sub("# TYPE.*", "", text))  # or it renames counters
        for sample in family.samples
    }


def timing(version="2", signature="serving_default", seconds=0.003):
    """Return the timing of a request that has just been answered: 1 ms of it ran."""
    made = Timing()
    made.started -= seconds
    made.queued = made.started + 0.0005
    made.answered = made.started + 0.0025
    made.run_s = 0.001
    made.rows = 3
    made.version, made.signature = version, signature
    return made


@pytest.fixture
def observed():
    """Metrics, and a function that reads them."""
    registry = CollectorRegistry()
    return ServingMetrics(registry), lambda: parsed(exposition.text_of(registry).decode())


def test_requests_are_counted_under_tensorflow_servings_names_and_units(observed):
    metrics, read = observed
    metrics.observe_request("m", "REST", "predict", "OK", timing())
    metrics.observe_request("m", "GRPC", "classify", "OK", timing())
    metrics.observe_request("m", "GRPC", "predict", "NOT_FOUND", timing(version=""))
    found = read()
    assert found[(":tensorflow:serving:request_count", ("model_name", "m"), ("status", "OK"))] == 2
    assert found[(":tensorflow:serving:request_count", ("model_name", "m"), ("status", "NOT_FOUND"))] == 1
    for api, entrypoint in (("predict", "REST"), ("Classify", "GRPC")):
        labels = (("API", api), ("entrypoint", entrypoint), ("model_name", "m"))
        assert found[(":tensorflow:serving:request_latency_count", *labels)] == 1
        assert 3000 < found[(":tensorflow:serving:request_latency_sum", *labels)] < 100_000
    ran = (("API", "Predict"), ("model_name", "m"), ("runtime", "TF1"))
    assert found[(":tensorflow:serving:runtime_latency_sum", *ran)] == pytest.approx(1000)
    assert found[(":tensorflow:serving:request_example_count_total", ("model", "m"))] == 3
    assert found[(":tensorflow:serving:request_example_counts_sum", ("model", "m"))] == 3
    assert (":tensorflow:serving:request_latency_bucket", *sorted([*labels, ("le", "708235")])) in found


def test_bounds_are_printed_as_there():
    assert [f"{bound:g}" for bound in bounds.TF_LATENCY_US[:4]] == ["10", "18", "32.4", "58.32"]


def test_ours_tell_version_signature_and_phase(observed):
    metrics, read = observed
    metrics.observe_request("m", "REST", "predict", "OK", timing())
    metrics.observe_request("m", "REST", "predict", "INVALID_ARGUMENT", timing())
    found = read()
    which = {"api": "REST", "call": "predict", "model": "m", "signature": "serving_default", "version": "2"}
    assert found[("keepfit_requests_total", *sorted({**which, "status": "INVALID_ARGUMENT"}.items()))] == 1
    assert found[("keepfit_request_seconds_count", *sorted(which.items()))] == 1
    phases = {
        phase: found[("keepfit_request_phase_seconds_sum", *sorted({**which, "phase": phase}.items()))]
        for phase in ("parse", "queue", "run", "serialise")
    }
    assert phases["parse"] == pytest.approx(0.0005)
    assert phases["queue"] == pytest.approx(0.001)
    assert phases["run"] == pytest.approx(0.001)
    assert sum(phases.values()) == pytest.approx(found[("keepfit_request_seconds_sum", *sorted(which.items()))])


def test_model_that_is_not_served_is_counted_without_its_name(observed):
    metrics, read = observed
    metrics.observe_request("", "REST", "predict", "NOT_FOUND", timing(version="", signature=""))
    assert [name for name, *_ in read()].count("keepfit_requests_total") == 1
    assert not any(name.startswith(":tensorflow:serving:request_count") for name, *_ in read())


def test_series_of_old_versions_end(observed):
    metrics, read = observed
    for version in range(KEPT_VERSIONS + 5):
        metrics.observe_request("m", "REST", "predict", "OK", timing(version=str(version)))
        metrics.observe_batch("m", str(version), 1)
    versions = {dict(labels)["version"] for name, *labels in read() if name == "keepfit_requests_total"}
    assert versions == {str(version) for version in range(5, KEPT_VERSIONS + 5)}
    latest = (":tensorflow:serving:request_count", ("model_name", "m"), ("status", "OK"))
    assert read()[latest] == KEPT_VERSIONS + 5


def test_two_servers_in_one_process_do_not_share_numbers(observed):
    metrics, _ = observed
    metrics.observe_request("m", "REST", "predict", "OK", timing())
    other = CollectorRegistry()
    ServingMetrics(other)
    assert not [name for name, *_ in parsed(exposition.text_of(other).decode()) if name == "keepfit_requests_total"]


@pytest.fixture(scope="module")
def scraped(shared):
    """The metrics of a server that was asked over both APIs, with and without success."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: shared.predict(), range(20)))
    shared.predict(signature_name="checked", instances=((-1.0, -1.0),))
    httpx.post(f"{shared.url}/v1/models/other:predict", json={"instances": [1]})
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.inputs["x"].dtype = 1
    for size in (1, 2):
        request.inputs["x"].tensor_shape.dim.add(size=size)
    request.inputs["x"].float_val.extend([1, 2])
    with grpc.insecure_channel(f"127.0.0.1:{shared.grpc_port}") as channel:
        prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=20)
    return parsed(httpx.get(shared.url + PATH).text)


def value(found, name, **labels):
    return sum(
        number for (sample, *have), number in found.items() if sample == name and labels.items() <= dict(have).items()
    )


def test_running_server_tells_where_time_went(scraped):
    for api in ("REST", "GRPC"):
        which = {"api": api, "model": "m", "version": "2", "signature": "serving_default"}
        count = value(scraped, "keepfit_request_seconds_count", **which)
        assert count >= 1
        total = value(scraped, "keepfit_request_seconds_sum", **which)
        parts = {
            phase: value(scraped, "keepfit_request_phase_seconds_sum", **which, phase=phase)
            for phase in ("parse", "queue", "run", "serialise")
        }
        assert all(part > 0 for part in parts.values()), parts
        assert sum(parts.values()) == pytest.approx(total, rel=0.01)
    assert value(scraped, ":tensorflow:serving:runtime_latency_count", API="Predict", runtime="TF1") >= 21


def test_failures_are_counted_by_their_status(scraped):
    failed = {"model": "m", "version": "2", "signature": "checked", "status": "INVALID_ARGUMENT"}
    assert value(scraped, "keepfit_requests_total", **failed) >= 1
    assert value(scraped, "keepfit_requests_total", model="", status="NOT_FOUND") >= 1


def test_types_and_numbers_are_printed_as_there(shared):
    shared.predict()
    lines = httpx.get(shared.url + PATH).text.splitlines()
    for name in (":tensorflow:serving:request_count", ":tensorflow:core:graph_runs", "keepfit_requests_total"):
        assert f"# TYPE {name} counter" in lines
    assert "# TYPE :tensorflow:serving:request_latency histogram" in lines
    assert "# TYPE keepfit_version_available gauge" in lines
    assert next(line for line in lines if line.startswith(":tensorflow:core:graph_runs ")).split(" ")[1].isdecimal()


def test_histograms_have_tensorflows_buckets(observed):
    metrics, read = observed
    metrics.observe_request("m", "GRPC", "classify", "OK", timing())
    metrics.observe_run(0.001)
    found = list(read())
    for name, count in {
        "serving:request_latency": 33,
        "serving:runtime_latency": 33,
        "serving:request_example_counts": 15,
        "serving:batching_session:queuing_latency": 52,
        "core:graph_run_time_usecs_histogram": 20,
    }.items():
        assert len([one for one, *_ in found if one == f":tensorflow:{name}_bucket"]) == count + 1, name


def test_runs_of_models_are_counted_under_tensorflows_names(observed):
    metrics, read = observed
    for _ in range(300):
        metrics.observe_run(0.0015)
    found = read()
    assert found[(":tensorflow:core:graph_runs",)] == 300
    assert found[(":tensorflow:core:graph_run_time_usecs",)] == 450_000
    assert found[(":tensorflow:core:graph_run_time_usecs_histogram_bucket", ("le", "1000"))] == 0
    assert found[(":tensorflow:core:graph_run_time_usecs_histogram_bucket", ("le", "2000"))] == 300


def test_workers_are_measured(scraped):
    which = {"model": "m", "version": "2"}
    assert value(scraped, "keepfit_version_available", **which) == 1
    assert value(scraped, "keepfit_worker_memory_bytes", **which) > 10 * 2**20
    assert value(scraped, "keepfit_worker_restarts_total", **which) == 0
    assert value(scraped, "keepfit_load_seconds", **which) > 0
    assert value(scraped, ":tensorflow:cc:saved_model:load_attempt_count", status="success") == 1
    assert value(scraped, "keepfit_batch_rows_count", **which) >= 1
    assert (
        0
        < value(scraped, ":tensorflow:cc:saved_model:load_latency")
        < 1e6 * value(scraped, "keepfit_load_seconds", **which)
    )
    runs = value(scraped, ":tensorflow:core:graph_runs")
    assert 1 <= runs < value(scraped, ":tensorflow:serving:batching_session:wrapped_run_count")  # one failed
    assert value(scraped, ":tensorflow:core:graph_run_time_usecs") > 0


def test_refusals_are_counted(guarded):
    guarded.post(headers={})
    found = parsed(httpx.get(guarded.server.url + PATH, headers=guarded.bearer).text)
    assert value(found, "keepfit_refused_requests_total", api="REST", status="UNAUTHENTICATED") >= 1


def test_every_metric_is_documented_and_none_else(scraped):
    text = DOCS.read_text(encoding="utf-8").partition("## Metrics")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `([:a-z_]+)`", text, re.MULTILINE))
    suffix = re.compile(r"_(bucket|sum|count)$")
    histograms = {suffix.sub("", name) for name, *_ in scraped if name.endswith("_bucket")}
    names = {base if (base := suffix.sub("", name)) in histograms else name for name, *_ in scraped}
    unseen = {
        ":tensorflow:serving:request_example_counts",
        ":tensorflow:serving:request_example_count_total",
        ":tensorflow:serving:model_warmup_latency",  # test_swap.py has a version with warmup requests
    }
    names = {name for name in names if not name.startswith("process_")}  # not on every system
    assert names | unseen | {"keepfit_refused_requests_total"} == documented
