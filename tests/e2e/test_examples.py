"""The three examples go through the whole loop: trained, judged, served, and asked over REST, gRPC and the page."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import numpy as np
import polars as pl
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from keepfit import exits

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ("breast_cancer", "digits", "churn")
BY_ROWS = 20

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Served:
    """An example that `keepfit up` runs, with the rows that it is asked about."""

    name: str
    folder: Path
    config: dict
    metrics: dict
    frame: pl.DataFrame

    @property
    def rest(self) -> str:
        return f"http://127.0.0.1:{self.config['serving']['rest_port']}/v1/models/{self.name}"

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.config['frontend']['port']}"

    @property
    def is_numeric(self) -> bool:
        return "features" in self.metrics["signature"]["inputs"]

    def inputs(self) -> dict[str, np.ndarray]:
        """The first rows as the model's inputs, the way that the schema describes them."""
        rows = self.frame.head(BY_ROWS)
        named = self.metrics["signature"]["inputs"]
        if self.is_numeric:
            return {"features": rows.select(named["features"]).to_numpy().astype(np.float32)}
        kinds = {column["name"]: column["kind"] for column in self.schema()["columns"]}
        return {name: as_input(rows[column], kinds[column]) for name, column in named.items()}

    def schema(self) -> dict:
        return json.loads((self.folder / "models" / "1" / "schema.json").read_text(encoding="utf-8"))

    def labels(self) -> list[str]:
        target = self.config["data"]["target"]
        return [str(value).lower() for value in self.frame.head(BY_ROWS)[target].to_list()]

    def accuracy(self, predictions: np.ndarray) -> float:
        classes = [name.lower() for name in self.metrics["signature"]["classes"]]
        chosen = predictions.argmax(axis=1) if predictions.shape[1] > 1 else (predictions[:, 0] >= 0.5).astype(int)
        return float(np.mean([classes[index] == label for index, label in zip(chosen, self.labels(), strict=True)]))


def as_input(values: pl.Series, kind: str) -> np.ndarray:
    if kind == "numeric":
        return values.cast(pl.Float32).fill_null(float("nan")).to_numpy()
    if kind == "boolean":
        return values.cast(pl.Boolean).to_numpy()
    texts = values.cast(pl.String).fill_null("")
    return np.array(texts.to_list(), dtype=object)


@pytest.fixture(scope="module", params=EXAMPLES)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("examples") / request.param
    ignored = shutil.ignore_patterns("models", "state", "logs", "*.log", "last_train_log.txt")
    shutil.copytree(ROOT / "examples" / request.param, folder, ignore=ignored)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"serving": {"rest_port": free_port(), "grpc_port": free_port()}, "frontend": {"port": free_port()}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in ("TF_HOST", "MODEL_NAME")}
    with (folder / "printed").open("wb") as output:
        up = subprocess.Popen(
            [sys.executable, "-m", "keepfit", "up"], cwd=folder, stdout=output, stderr=output, env=environment
        )
    try:
        wait_until_served(folder, up)
        metrics = json.loads((folder / "models" / "1" / "metrics.json").read_text(encoding="utf-8"))
        [data] = folder.glob("data.*")
        frame = pl.read_csv(data) if data.suffix == ".csv" else pl.read_parquet(data)
        yield Served(config["model_name"], folder, config, metrics, frame)
    finally:
        up.send_signal(signal.SIGTERM)
        assert up.wait(timeout=15) == 0


def wait_until_served(folder: Path, up: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 150
    while "next scheduled retraining" not in (printed := (folder / "printed").read_text(encoding="utf-8")):
        assert up.poll() is None, printed
        assert time.monotonic() < deadline, printed
        time.sleep(0.1)
    assert "PROMOTED   version 1" in printed
    assert "served     by" in printed


def ask_rest(served: Served) -> np.ndarray:
    inputs = {name: jsonable(values) for name, values in served.inputs().items()}
    # NaN stands bare in TensorFlow Serving's JSON, as Python's json writes it
    answer = httpx.post(f"{served.rest}:predict", content=json.dumps({"inputs": inputs}), timeout=30)
    assert answer.status_code == 200, answer.text
    return np.array(answer.json()["outputs"])


def jsonable(values: np.ndarray) -> list:
    return values.tolist()


def test_the_report_lies_beside_the_model(served: Served) -> None:
    report = (served.folder / "models" / "1" / "report.html").read_text(encoding="utf-8")
    assert served.metrics["run"] in report


def test_rest_answers_as_the_labels_say(served: Served) -> None:
    predictions = ask_rest(served)
    assert predictions.shape == (
        BY_ROWS,
        max(1, len(served.metrics["signature"]["classes"]) if served.name == "digits" else 1),
    )
    assert served.accuracy(predictions) >= 0.75


def test_row_format_answers_the_same(served: Served) -> None:
    inputs = {name: jsonable(values) for name, values in served.inputs().items()}
    names = list(inputs)
    rows = (
        inputs["features"]
        if served.is_numeric
        else [dict(zip(names, row, strict=True)) for row in zip(*inputs.values(), strict=True)]
    )
    answer = httpx.post(f"{served.rest}:predict", content=json.dumps({"instances": rows}), timeout=30)
    assert answer.status_code == 200, answer.text
    np.testing.assert_allclose(np.array(answer.json()["predictions"]), ask_rest(served), rtol=1e-5)


def test_grpc_answers_the_same(served: Served) -> None:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = served.name
    for name, values in served.inputs().items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    with grpc.insecure_channel(f"127.0.0.1:{served.config['serving']['grpc_port']}") as channel:
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=30)
    found = tf.make_ndarray(answer.outputs[served.metrics["signature"]["output"]])
    np.testing.assert_allclose(found, ask_rest(served), rtol=1e-5)


def test_the_page_shows_a_form_and_predicts_from_it(served: Served) -> None:
    page = httpx.get(f"{served.page}/", timeout=30)
    assert page.status_code == 200
    assert served.name in page.text
    first = {name: values[0] for name, values in served.inputs().items()}
    form = (
        {f"x{i + 1}": str(v) for i, v in enumerate(first["features"])}
        if served.is_numeric
        else {n: str(v) for n, v in first.items()}
    )
    answer = httpx.post(f"{served.page}/predict", data=form, timeout=30)
    assert answer.status_code == 200, answer.text
    np.testing.assert_allclose(answer.json()["predictions"][0], ask_rest(served)[0], rtol=1e-4)


def test_the_model_reaches_what_the_data_allows(served: Served) -> None:
    reached = served.metrics["test_accuracy_percent"]
    assert reached >= served.config["gate"]["min_accuracy_percent"]
    if served.name == "churn":
        text = (served.folder / "best_possible.json").read_text(encoding="utf-8")
        best = json.loads(text)["expected_accuracy_percent"]
        # 2,400 holdout rows have a standard error of 0.6 points
        assert best - 3 <= reached <= best + 2.5


@pytest.mark.parametrize("served", ["digits"], indirect=True)
def test_digits_are_trained_again_to_the_bit_until_the_data_changes(served: Served) -> None:
    data = served.folder / "data.parquet"
    done = reproduce(served)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "IDENTICAL: weights and predictions are bit-identical" in done.stdout
    before = data.read_bytes()
    served.frame.head(served.frame.height - 1).write_parquet(data)
    done = reproduce(served)
    data.write_bytes(before)
    assert done.returncode == exits.DIFFERENT
    assert f"the data changed: {served.frame.height - 1:,} rows are there now" in done.stdout


def reproduce(served: Served) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "keepfit", "reproduce", "1"]
    return subprocess.run(command, cwd=served.folder, capture_output=True, text=True, check=False)
