"""Whole runs through the command line: how they end, what they leave behind, and what they never make visible."""

import json
import re
import signal
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from keepfit import exits
from keepfit.ledger import LedgerPlace, open_ledger
from keepfit.pipeline import artifacts

OWN = """
import keras
from keras import layers

def useless(inputs, outputs, task):
    constant = layers.Dense(outputs, "sigmoid", kernel_initializer="zeros", trainable=False)
    return keras.Sequential([keras.Input((inputs,)), constant])

class Gap(layers.Layer):
    def call(self, x, training=None):
        return x if training else keras.ops.where(x > 0.5, keras.ops.full_like(x, float("nan")), x)

def predicts_nan(inputs, outputs, task):
    return keras.Sequential([keras.Input((inputs,)), layers.Dense(outputs, "sigmoid"), Gap()])

def failing(inputs, outputs, task):
    raise RuntimeError("no such luck")

class Moody(layers.Layer):
    def call(self, x):
        import tensorflow as tf
        noise = tf.py_function(lambda v: v, [x], tf.float32)
        noise.set_shape(x.shape)
        return noise

def only_in_this_process(inputs, outputs, task):
    return keras.Sequential(
        [keras.Input((inputs,)), layers.Dense(16, "relu"), Moody(), layers.Dense(outputs, "sigmoid")]
    )
"""


@pytest.fixture
def own(user_project):
    (user_project.folder / "own_model.py").write_text(OWN)
    return user_project


def events(project):
    with open_ledger(project.folder / "state" / "ledger.sqlite3") as ledger:
        return ledger.events()


def staging(project):
    return [path.name for path in (project.models / ".staging").glob("*")]


def test_promoted_run_says_each_stage(first_run):
    assert first_run.returncode == exits.OK
    assert first_run.stderr == ""
    stages = re.findall(r"^  (\w+) ", first_run.stdout, re.MULTILINE)
    assert [stage for stage in dict.fromkeys(stages) if stage != "note"] == [
        *("data", "training", "trained", "qualified", "judged", "PROMOTED", "served", "report")
    ]
    assert "epoch 2/2  loss " in first_run.stdout
    assert "not yet: no model server answers at http://127.0.0.1:" in first_run.stdout


def test_promoted_version_is_whole_and_staging_is_empty(promoted):
    assert promoted.visible() == [1]
    assert artifacts.damaged_files(promoted.models / "1") == []
    assert staging(promoted) == []
    files = {path.relative_to(promoted.models / "1").as_posix() for path in (promoted.models / "1").rglob("*")}
    assert {"saved_model.pb", "metrics.json", "report.html", "schema.json", "manifest.json"} <= files
    assert "assets.extra/tf_serving_warmup_requests" in files


def test_metrics_have_everything_that_was_promised(promoted):
    metrics = promoted.metrics(1)
    assert metrics["version"] == 1
    assert metrics["model_name"] == "keepfit"
    assert metrics["verdict"]["decision"] == "PROMOTE"
    assert metrics["task"] == "binary"
    low, high = metrics["test_accuracy_interval_percent"]
    assert 90 <= metrics["test_accuracy_percent"] <= 100
    assert low < metrics["test_accuracy_percent"] <= high
    assert 0 < metrics["test_loss"] < 1
    assert metrics["training_loss"] == metrics["curves"]["loss"][-1]
    assert len(metrics["curves"]["loss"]) == len(metrics["curves"]["accuracy"]) == 2
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", metrics["created_at"])
    assert {"data", "training", "evaluation", "export"} <= set(metrics["durations_s"])
    assert metrics["dataset"]["fingerprint"]
    assert len(metrics["dataset"]) > 3
    assert metrics["config"]["train"]["epochs"] == 2
    assert 0 <= metrics["seed"] < 2**31
    assert "git" in metrics
    assert {"python", "keepfit", "tensorflow", "keras", "numpy"} <= set(metrics["libraries"])
    assert metrics["signature"]["inputs"] == {"features": ["x1", "x2"]}
    assert metrics["trigger"] == "manual"


def test_decision_is_in_the_ledger_the_notifications_and_the_log(promoted):
    metrics = promoted.metrics(1)
    assert [(event.kind, event.version) for event in events(promoted)] == [("started", None), ("promoted", 1)]
    assert events(promoted)[1].details == metrics
    (line,) = promoted.decisions()
    assert (line["version"], line["verdict"], line["run"]) == ("1", "promoted", metrics["run"])
    assert re.fullmatch(r"accuracy [\d.]+ % ≥ [\d.]+ %", line["reason"])
    assert metrics["verdict"]["reason"].startswith(line["reason"])
    log = (promoted.folder / "last_train_log.txt").read_text(encoding="utf-8")
    for text in (
        "data: ",
        "epoch 1/2",
        "epoch 2/2",
        "judged: ",
        "rule finite_predictions: pass: ",
        "qualified: ",
        "PROMOTED: version 1",
    ):
        assert text in log


def test_rejected_candidate_is_never_visible(own):
    own.configure(model="own_model:useless", gate={"min_accuracy_percent": 99.9})
    seen, stop = set(), threading.Event()

    def watch():
        while not stop.is_set():
            seen.update(own.visible())
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    done = own.run("retrain")
    stop.set()
    watcher.join()
    assert done.returncode == exits.REJECTED, done.stderr
    assert "REJECTED" in done.stdout
    assert "nothing is served yet" in done.stdout
    assert seen == set()
    (candidate,) = (own.models / ".candidates").iterdir()
    assert artifacts.damaged_files(candidate) == []
    metrics = artifacts.read_metrics(candidate)
    assert (metrics["version"], metrics["verdict"]["decision"]) == (None, "REJECT")
    assert (candidate / "report.html").is_file()
    assert staging(own) == []
    assert [event.kind for event in events(own)] == ["started", "rejected"]
    (line,) = own.decisions()
    assert (line["verdict"], line["version"]) == ("rejected", "-")
    assert re.search(r" < 99\.9 %(;.*)?\. Nothing is served yet\. What it takes: an accuracy of 99", line["reason"])
    assert f"report     {candidate}/report.html" in done.stdout
    history = own.run("history", "--json")
    assert [run["status"] for run in json.loads(history.stdout)["runs"]] == ["rejected"]


def test_candidate_that_predicts_nan_is_rejected_and_not_a_crash(own):
    own.configure(model="own_model:predicts_nan")
    done = own.run("retrain")
    assert done.returncode == exits.REJECTED, done.stderr
    log = (own.folder / "last_train_log.txt").read_text(encoding="utf-8")
    assert "some predictions are not finite numbers" in log
    (candidate,) = (own.models / ".candidates").iterdir()
    assert artifacts.read_metrics(candidate)["test_loss"] is None


def test_invalid_data_stops_before_training_and_leaves_the_served_version(promoted):
    data = {"source": "csv", "path": "data.csv"}
    (promoted.folder / "data.csv").write_text("x1,label\n1.0,0\n2.0,1\n")
    promoted.configure(data=data)
    done = promoted.run("retrain")
    assert done.returncode == exits.INVALID_DATA
    assert done.stderr.startswith("keepfit: ")
    assert "'x2'" in done.stderr
    assert "Traceback" not in done.stderr
    assert "training" not in done.stdout
    assert promoted.visible() == [1]
    assert [event.kind for event in events(promoted)][2:] == ["started", "invalid_data"]
    assert promoted.decisions()[-1]["verdict"] == "invalid_data"


def test_own_model_that_fails_is_a_failed_run(own):
    own.configure(model="own_model:failing")
    done = own.run("retrain")
    assert done.returncode == exits.FAILED
    assert re.fullmatch(
        r"keepfit: own_model:failing failed with RuntimeError: no such luck \(own_model\.py, line \d+\)\n", done.stderr
    )
    assert own.visible() == []
    assert staging(own) == []
    assert own.decisions()[-1]["verdict"] == "failed"
    log = (own.folder / "last_train_log.txt").read_text(encoding="utf-8")
    assert "RuntimeError: no such luck" in log
    assert "Traceback" in log


def test_model_that_works_only_in_the_trainers_process_is_not_published(own):
    own.configure(model="own_model:only_in_this_process")
    done = own.run("retrain")
    assert done.returncode == exits.FAILED, done.stdout
    assert "the candidate does not work in a fresh process: " in done.stderr
    assert own.visible() == []
    assert staging(own) == []
    assert own.decisions()[-1]["verdict"] == "failed"


def test_second_run_is_busy_and_the_first_one_goes_on(user_project):
    with user_project.start("retrain", stdout=-3, stderr=-3) as first:
        _wait_for((user_project.models / ".run.holder").exists)
        second = user_project.run("retrain")
        assert second.returncode == exits.BUSY
        assert f"another run is under way (process {first.pid}, since " in second.stderr
        assert user_project.run("train").returncode == exits.BUSY
    assert first.returncode == exits.OK
    assert user_project.visible() == [1]
    assert [event.kind for event in events(user_project)] == ["started", "promoted"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_is_recorded_and_cleaned_up(user_project, number):
    with user_project.start("retrain", stdout=-1, stderr=-1) as process:
        _wait_for(lambda: staging(user_project))
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == exits.INTERRUPTED
    assert errors == "keepfit: interrupted; what was served is still served\n"
    assert staging(user_project) == []
    assert [event.kind for event in events(user_project)] == ["started", "interrupted"]
    assert user_project.decisions()[-1]["verdict"] == "interrupted"


def test_run_goes_on_when_nobody_reads_its_lines(user_project):
    with user_project.start("retrain", stdout=-1, stderr=-1) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=120) == exits.OK
    assert [event.kind for event in events(user_project)] == ["started", "promoted"]


@pytest.fixture
def slow_listener():
    """Takes notifications, and answers none until it is told to."""
    asked, answer = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.set()
            answer.wait(60)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"json://127.0.0.1:{server.server_port}", asked
        answer.set()
        server.shutdown()
        thread.join()


def test_run_that_is_interrupted_after_its_end_keeps_its_one_ending(user_project, slow_listener):
    url, asked = slow_listener
    user_project.configure(notifications={"urls": [url]})
    with user_project.start("retrain", stdout=-1, stderr=-1) as process:
        assert asked.wait(120)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert user_project.visible() == [1]
    assert [event.kind for event in events(user_project)] == ["started", "promoted"]


def _wait_for(condition, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_train_publishes_nothing_and_prints_the_metrics(user_project):
    done = user_project.run("train", "--json")
    assert done.returncode == exits.OK, done.stderr
    metrics = json.loads(done.stdout)
    assert metrics["version"] is None
    assert metrics["test_accuracy_percent"] > 90
    assert user_project.visible() == []
    (candidate,) = (user_project.models / ".candidates").iterdir()
    assert artifacts.read_metrics(candidate) == metrics
    assert [event.kind for event in events(user_project)] == ["started", "staged"]


def test_seed_of_the_record_repeats_the_training(promoted):
    seed = promoted.metrics(1)["seed"]
    promoted.configure(train={"epochs": 2, "batch_size": 32, "seed": seed})
    repeated = json.loads(promoted.run("train", "--json").stdout)
    first = promoted.metrics(1)
    for key in ("seed", "curves", "evaluation", "test_loss"):
        assert repeated[key] == first[key]
    assert repeated["dataset"]["fingerprint"] == first["dataset"]["fingerprint"]


def test_regression_goes_through_the_loop_and_answers_in_its_unit(user_project):
    lines = [f"{n / 10},{(n * 7) % 13},{1000 + 20 * n / 10 + 3 * ((n * 7) % 13)}" for n in range(600)]
    (user_project.folder / "houses.csv").write_text("\n".join(["area,rooms,price", *lines]) + "\n")
    user_project.configure(
        data={"source": "csv", "path": "houses.csv", "target": "price"}, train={"epochs": 20, "batch_size": 32}
    )
    done = user_project.run("retrain")
    assert done.returncode == exits.OK, done.stdout + done.stderr
    metrics = user_project.metrics(1)
    assert (metrics["task"], metrics["test_accuracy_percent"]) == ("regression", None)
    assert metrics["evaluation"]["r2"] > 0.9
    assert metrics["evaluation"]["rmse"] < 200


def test_old_versions_are_pruned_but_never_the_current_one_and_its_predecessor(promoted):
    promoted.configure(retention={"versions": 2})
    for expected in ([1, 2], [2, 3]):
        assert promoted.run("retrain").returncode == exits.OK
        assert promoted.visible() == expected


@pytest.mark.slow
def test_run_ends_when_the_server_serves_and_a_rollback_is_served_too(promoted, serve):
    url = serve(promoted)
    done = promoted.run("retrain")
    assert done.returncode == exits.OK
    assert re.search(r"served     by http://.*, \d+\.\d s after it was published", done.stdout)
    assert httpx.get(f"{url}/versions/2").json()["model_version_status"][0]["state"] == "AVAILABLE"
    back = promoted.run("rollback", "--reason", "a test")
    assert "version 1 served after" in back.stdout
    assert promoted.visible() == [1]
    again = promoted.run("restore", "2")
    assert "version 2 served after" in again.stdout
    assert [served["version"] for served in json.loads(promoted.run("history", "--json").stdout)["served"]] == [
        1,
        2,
        1,
        2,
    ]


class Refusing(threading.Thread):
    """Says that it serves version 1 and cannot load any other, as TensorFlow Serving would."""

    def __init__(self, port):
        super().__init__()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                old = self.path.endswith(("/models/keepfit", "/versions/1"))
                status = {"error_code": "OK", "error_message": ""}
                if not old:
                    status = {"error_code": "INTERNAL", "error_message": "an op is not registered"}
                found = {"version": "1" if old else "2", "state": "AVAILABLE" if old else "END", "status": status}
                body = json.dumps({"model_version_status": [found]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)

    def run(self):
        self.server.serve_forever(0.01)


def test_version_that_the_server_cannot_load_is_taken_back(promoted):
    refusing = Refusing(promoted.serving_port)
    refusing.start()
    try:
        done = promoted.run("retrain")
    finally:
        refusing.server.shutdown()
        refusing.join()
        refusing.server.server_close()
    assert done.returncode == exits.FAILED
    assert done.stderr == (
        "keepfit: the model server could not take version 2: an op is not registered; "
        "it was taken back, version 1 serves\n"
    )
    assert promoted.visible() == [1]
    assert (promoted.models / ".retired" / "2").is_dir()
    assert [event.kind for event in events(promoted)][2:] == ["started", "promoted", "rolled_back"]
    served = json.loads(promoted.run("history", "--json").stdout)["served"]
    assert [deployment["version"] for deployment in served] == [1, 2, 1]
    assert promoted.decisions()[-1]["verdict"] == "rolled_back"


def test_notification_that_fails_does_not_fail_the_run(promoted):
    promoted.configure(notifications={"urls": ["json://127.0.0.1:1/s3cret", "nonsense", "json://${NOT_SET}"]})
    done = promoted.run("retrain")
    assert done.returncode == exits.OK
    assert "the json notification was not delivered" in done.stdout
    assert "NOT_SET is not set" in done.stdout
    log = (promoted.folder / "last_train_log.txt").read_text(encoding="utf-8")
    assert "s3cret" not in log + json.dumps(promoted.metrics(2))


@pytest.mark.parametrize("trouble", ["deleted", "damaged"])
def test_ledger_that_was_lost_is_rebuilt_from_the_versions_and_they_are_no_news(promoted, trouble):
    before = promoted.metrics(1)
    path = promoted.folder / "state" / "ledger.sqlite3"
    path.unlink() if trouble == "deleted" else path.write_bytes(b"rubbish" * 1000)
    promoted.configure(data={"source": "csv", "path": "none.csv"})
    done = promoted.run("retrain")
    assert done.returncode == exits.INVALID_DATA, done.stderr
    assert ("file is not a database; it was moved to ledger.damaged-" in done.stdout) == (trouble == "damaged")
    assert "1 lost record made again from what models has" in done.stdout
    found = events(promoted)
    assert [event.kind for event in found] == ["promoted", "started", "invalid_data"]
    assert (found[0].version, found[0].details) == (1, before)
    assert [line["verdict"] for line in promoted.decisions()] == ["promoted", "invalid_data"]


def test_nothing_is_promoted_that_could_not_be_recorded(promoted):
    """Somebody locks the ledger in the middle of the run and does not let go."""
    path = promoted.folder / "state" / "ledger.sqlite3"
    locker = sqlite3.connect(path)
    with promoted.start("retrain", stdout=-1, stderr=-1) as process:
        _wait_for(lambda: staging(promoted))
        locker.execute("BEGIN EXCLUSIVE")
        _, stderr = process.communicate(timeout=120)
    assert process.returncode == exits.STORAGE
    assert "database is locked, and stayed so for 10 s: see which process holds it; so nothing was promoted" in stderr
    assert promoted.visible() == [1]
    locker.close()
    (kept,) = (promoted.models / ".candidates").iterdir()
    assert artifacts.damaged_files(kept) == []
    assert kept.name in stderr
    assert (promoted.folder / "state" / "ledger.pending.jsonl").is_file()
    with open_ledger(path) as ledger:
        assert [event.kind for event in ledger.events()] == ["started", "promoted", "started", "failed"]


def test_postgresql_that_goes_in_the_middle_of_a_run_costs_no_record_and_promotes_nothing(promoted, postgres):
    url = postgres.new_database()
    promoted.environ["KEEPFIT_TEST_PASSWORD"] = "s3cret"
    promoted.configure(ledger={"url": url})
    with promoted.start("retrain", stdout=-1, stderr=-1) as process:
        _wait_for(lambda: staging(promoted))
        postgres.stop()
        try:
            _, stderr = process.communicate(timeout=120)
            unreachable = promoted.run("retrain")
        finally:
            postgres.start()
    assert process.returncode == exits.STORAGE
    assert re.search(
        r"the ledger postgresql://127\.0\.0\.1:\d+/ledger_\d+ cannot be used: .*nothing was promoted", stderr
    )
    assert unreachable.returncode == exits.STORAGE
    assert promoted.visible() == [1]
    (kept,) = (promoted.models / ".candidates").iterdir()
    with open_ledger(LedgerPlace(promoted.folder / "state" / "ledger.sqlite3", url, "keepfit")) as ledger:
        found = ledger.events()
    assert [(event.kind, event.version) for event in found] == [("promoted", 1), ("started", None), ("failed", None)]
    assert (found[2].run, found[0].details) == (kept.name, promoted.metrics(1))
    log = (promoted.folder / "last_train_log.txt").read_text(encoding="utf-8")
    assert "s3cret" not in log + stderr + unreachable.stderr + (kept / "metrics.json").read_text(encoding="utf-8")
