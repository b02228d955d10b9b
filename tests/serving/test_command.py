"""The command line: flags, their mistakes, ports, and both fronts."""

import socket
import subprocess
import sys
import time

import grpc
import httpx
import pytest
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from keepfit.errors import ConfigError
from keepfit.serving import command, envoy_front
from keepfit.serving.options import Options, from_environment, to_environment


def test_flags_are_taken_in_both_forms(tmp_path):
    options = command.parse(
        [
            "--port=1",
            "--rest_api_port",
            "2",
            "--model_name=a b",
            f"--model_base_path={tmp_path}",
            "--spare_worker=false",
        ]
    )
    assert (options.port, options.rest_api_port, options.model_name) == (1, 2, "a b")
    assert options.model_base_path == str(tmp_path)
    assert options.spare_worker is False
    assert options.file_system_poll_wait_seconds == 1.0
    assert command.parse(["--model_base_path", "x", "--file_system_poll_wait_seconds=.5"]).host == "127.0.0.1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--model_base_path is required"),
        (["--model_base_path=x", "--modle_name=y"], "Unknown flag --modle_name; did you mean --model_name?"),
        (["--model_base_path=x", "--zzz"], "Unknown flag --zzz; --help lists"),
        (["--model_base_path=x", "stray"], "Unknown flag stray"),
        (["--model_base_path"], "expected one argument"),
        (["--model_base_path="], "--model_base_path= is wrong: it takes some text"),
        (["--model_base_path=x", "--port=70000"], "--port=70000 is wrong: it takes a port"),
        (["--model_base_path=x", "--port=0", "--rest_api_port=0"], "nothing would be served"),
        (["--model_base_path=x", "--spare_worker=maybe"], "it takes true or false"),
        (["--model_base_path=x", "--file_system_poll_wait_seconds=nan"], "it takes seconds from"),
        (["--model_base_path=x", "--rest_api_timeout_in_ms=0"], "it takes milliseconds"),
        (["--model_base_path=x", "--front=nginx"], "it takes auto, envoy or hypercorn"),
    ],
)
def test_wrong_flags_are_named(arguments, message):
    with pytest.raises(ConfigError) as caught:
        command.parse(arguments)
    assert message in str(caught.value)


def test_every_flag_is_an_option_and_has_help():
    assert {flag.name for flag in command.FLAGS} <= set(Options.__dataclass_fields__)
    assert all(flag.help for flag in command.FLAGS)


def test_options_survive_the_environment(monkeypatch):
    options = command.parse(["--model_base_path=x", "--model_name=ä"])
    for name, value in to_environment(options).items():
        monkeypatch.setenv(name, value)
    assert from_environment() == options


def test_port_in_use_is_named_without_a_traceback(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "keepfit.serving.command", f"--model_base_path={tmp_path}", f"--port={port}"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_flag_ends_with_2(capsys):
    assert command.main(["--nonsense"]) == 2
    assert "Unknown flag --nonsense" in capsys.readouterr().err


def test_command_imports_neither_tensorflow_nor_a_front():
    program = (
        "import sys, keepfit.serving.command; "
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'pyvoy', 'hypercorn', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_envoy_listens_on_both_ports_with_one_application_and_has_no_admin():
    config = envoy_front.config(Options(model_base_path="x", port=1, rest_api_port=2))
    (listener,) = config["static_resources"]["listeners"]
    assert listener["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 2}
    assert [entry["address"]["socket_address"]["port_value"] for entry in listener["additional_addresses"]] == [1]
    assert listener["enable_reuse_port"] is False
    assert "admin" not in config


@pytest.mark.parametrize("front", ["envoy", "hypercorn"])
def test_both_fronts_answer_on_both_ports_within_half_a_second_or_so(serve, models, front):
    started = time.monotonic()
    server = serve(models, f"--front={front}", wait=False)
    server.wait_for(lambda: httpx.get(f"{server.url}/healthz").status_code == 200)
    assert time.monotonic() - started < 3.0  # 0.4 s on an idle machine; other tests may run beside this one
    assert httpx.get(f"http://127.0.0.1:{server.grpc_port}/healthz").status_code == 200
    assert server.stop() == 0


def test_hypercorn_serves_grpc_with_trailers_too(serve, prepared, models):
    server = serve(models, "--front=hypercorn", wait=False)
    server.publish(prepared / "2", 1)
    server.wait_for_version(1, 60)
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        assert list(stub.Predict(predict_request(), timeout=10).outputs["y"].float_val) == [6.0]
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(predict_request("other"), timeout=10)
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert server.predict().json() == {"predictions": [[6.0]]}
    assert server.stop() == 0


def predict_request(model="m"):
    message = predict_pb2.PredictRequest()
    message.model_spec.name = model
    message.inputs["x"].dtype = 1
    message.inputs["x"].float_val.extend([1.0, 2.0])
    for size in (1, 2):
        message.inputs["x"].tensor_shape.dim.add(size=size)
    return message
