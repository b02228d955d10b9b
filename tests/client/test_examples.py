"""Classify and regress of the model that TensorFlow Serving's own tests use, and its Unix socket."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keepfit.client import ClassScore
from keepfit.errors import InvalidRequestError

from .conftest import KINDS

PROGRAM = Path(__file__).parents[1] / "serving" / "half_plus_two.py"


@pytest.fixture(scope="module")
def server(serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("half_plus_two")
    subprocess.run([sys.executable, str(PROGRAM), str(folder / "models" / "123")], check=True, capture_output=True)
    return serve(folder / "models", f"--grpc_socket_path={folder / 's'}")


@pytest.fixture(scope="module")
def client(kind, server):
    with kind.connect(kind.address(server), timeout_s=60) as client:
        yield client


EXAMPLES = [
    [{"x": 2.0}, {"x": 4.0}],
    [{"x": [2.0]}, {"x": np.float32(4)}],
    [{"x": np.array([2.0], np.float32)}, {"x": np.array([4.0])}],
]


@pytest.mark.parametrize("examples", EXAMPLES)
def test_each_example_gets_its_value(client, examples):
    found = client.regress(examples, signature="regress_x_to_y")
    assert (found.dtype, found.tolist()) == (np.float32, [3.0, 4.0])


def test_context_is_shared_by_the_examples(client):
    assert client.regress([{}, {"x": 4.0}], context={"x": 2.0}, signature="regress_x_to_y2")[0] == 4.0


def test_each_example_gets_its_classes(client):
    assert client.classify([{"x": 2.0}], signature="classify_x_to_y") == [[ClassScore("", 3.0)]]
    [[low, high]] = client.classify([{"x": 2.0}], signature="classify_labelled")
    assert (low, high) == (ClassScore("low", -2.0), ClassScore("high", 3.0))


def test_what_is_no_list_of_examples_is_told(client):
    with pytest.raises(InvalidRequestError, match="list of examples"):
        client.regress({"x": 2.0}, signature="regress_x_to_y")
    with pytest.raises(InvalidRequestError):
        client.regress([{"y": "no such feature"}], signature="regress_x_to_y")
    with pytest.raises(InvalidRequestError):
        client.classify([{"x": 2.0}], signature="regress_x_to_y")


@pytest.mark.parametrize("its", KINDS[2:], ids=lambda kind: kind.mode)
def test_unix_socket_is_spoken_to(its, server):
    with its.connect(f"unix:{server.models.parent / 's'}", timeout_s=60) as client:
        prediction = client.predict([2.0])
        assert (prediction.version, prediction.array.tolist()) == (123, [3.0])
