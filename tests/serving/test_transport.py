"""TLS, client certificates and Unix sockets, with real clients."""

import shutil
import socket
import ssl
import warnings
from pathlib import Path

import grpc
import httpx
import pytest
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from keepfit.errors import ConfigError
from keepfit.serving import command
from keepfit.serving.settings import channel_arguments, tls

from .certificates import Authority
from .conftest import wait_for


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


def status(channel):
    """Ask over gRPC; return the versions' numbers."""
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "m"
    answer = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=20)
    return [entry.version for entry in answer.model_version_status]


def code_of(channel):
    with pytest.raises(grpc.RpcError) as caught:
        status(channel)
    return caught.value.code()


def connect(server, context):
    """Return a TLS connection to the REST port."""
    return context.wrap_socket(socket.create_connection(("127.0.0.1", server.rest_port)), server_hostname="localhost")


def ready(url, context):
    return lambda: httpx.get(f"{url}/readyz", verify=context).status_code == 200


@pytest.fixture(scope="module")
def encrypted(serve, prepared, authority, tmp_path_factory):
    """A server with TLS and client certificates on both ports and on its Unix socket."""
    folder = tmp_path_factory.mktemp("tls")
    shutil.copytree(prepared / "2", folder / "models" / "2")
    flags = (
        f"--ssl_config_file={authority.ssl_config()}",
        "--rest_api_ssl",
        f"--grpc_socket_path={folder / 'grpc.sock'}",
    )
    server = serve(folder / "models", *flags, wait=False)
    wait_for(ready(f"https://localhost:{server.rest_port}", authority.context()), 60, server.log.read_text)
    return server


def test_client_with_a_certificate_is_answered_on_both_ports(encrypted, authority):
    answer = httpx.get(f"https://localhost:{encrypted.rest_port}/v1/models/m", verify=authority.context())
    assert answer.status_code == 200
    with grpc.secure_channel(f"localhost:{encrypted.grpc_port}", authority.credentials()) as channel:
        assert status(channel) == [2]


def test_tls_offers_http2_and_refuses_what_is_older_than_1_2(encrypted, authority):
    context = authority.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with connect(encrypted, context) as connection:
        assert connection.selected_alpn_protocol() == "h2"
    context = authority.context()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with warnings.catch_warnings(action="ignore"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", encrypted.rest_port)) as connection,
        pytest.raises(OSError, match="SSL"),
    ):
        context.wrap_socket(connection, server_hostname="localhost")


def test_client_without_a_certificate_is_refused(encrypted, authority):
    alone = authority.context(with_client=False)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"https://localhost:{encrypted.rest_port}/healthz", verify=alone)
    target = f"localhost:{encrypted.grpc_port}"
    with grpc.secure_channel(target, authority.credentials(with_client=False)) as channel:
        assert code_of(channel) == grpc.StatusCode.UNAVAILABLE


def test_client_of_another_authority_is_refused(encrypted, authority, tmp_path):
    stranger = Authority(tmp_path)
    credentials = grpc.ssl_channel_credentials(authority.root, stranger.client_key, stranger.client_cert)
    with grpc.secure_channel(f"localhost:{encrypted.grpc_port}", credentials) as channel:
        assert code_of(channel) == grpc.StatusCode.UNAVAILABLE


def test_client_without_tls_is_refused(encrypted):
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://localhost:{encrypted.rest_port}/healthz")
    with grpc.insecure_channel(f"localhost:{encrypted.grpc_port}") as channel:
        assert code_of(channel) == grpc.StatusCode.UNAVAILABLE


def test_the_unix_socket_has_the_same_tls(encrypted, authority):
    named = (("grpc.ssl_target_name_override", "localhost"), ("grpc.default_authority", "localhost"))
    with grpc.secure_channel(f"unix:{socket_of(encrypted)}", authority.credentials(), options=named) as channel:
        assert status(channel) == [2]
    with grpc.insecure_channel(f"unix:{socket_of(encrypted)}") as channel:
        assert code_of(channel) == grpc.StatusCode.UNAVAILABLE


def test_the_key_is_on_no_command_line_and_in_no_environment(encrypted, authority):
    secret = authority.server.private_key_pem.bytes()[100:140]
    process = Path(f"/proc/{encrypted.process.pid}")
    assert secret not in process.joinpath("cmdline").read_bytes() + process.joinpath("environ").read_bytes()


@pytest.fixture(scope="module")
def half_encrypted(serve, prepared, authority, tmp_path_factory):
    """A server with TLS on gRPC only, as tensorflow_model_server has it, and a plain REST port."""
    folder = tmp_path_factory.mktemp("tls")
    shutil.copytree(prepared / "2", folder / "models" / "2")
    file = authority.ssl_config(client_verify=True)
    socket_path = folder / "grpc.sock"
    return serve(folder / "models", f"--ssl_config_file={file}", f"--grpc_socket_path={socket_path}")


def test_tls_for_grpc_alone_leaves_rest_plain(half_encrypted, authority):
    assert half_encrypted.predict().json() == {"predictions": [[6.0]]}
    with grpc.secure_channel(f"localhost:{half_encrypted.grpc_port}", authority.credentials()) as channel:
        assert status(channel) == [2]
    with grpc.insecure_channel(f"localhost:{half_encrypted.grpc_port}") as channel:
        assert code_of(channel) == grpc.StatusCode.UNAVAILABLE


def test_grpc_cannot_go_around_tls_through_the_rest_port(half_encrypted):
    with grpc.insecure_channel(f"localhost:{half_encrypted.rest_port}") as channel:
        assert code_of(channel) == grpc.StatusCode.UNIMPLEMENTED


def test_messages_of_many_megabytes_pass_tls(half_encrypted, authority):
    rows = 2_000_000
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.inputs["x"].dtype = 1
    for size in (rows, 2):
        request.inputs["x"].tensor_shape.dim.add(size=size)
    request.inputs["x"].tensor_content = bytes(8 * rows)
    options = (("grpc.max_receive_message_length", -1),)
    target = f"localhost:{half_encrypted.grpc_port}"
    with grpc.secure_channel(target, authority.credentials(), options=options) as channel:
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)
    assert answer.outputs["y"].tensor_shape.dim[0].size == rows


def test_renewed_certificate_is_taken_without_a_restart(half_encrypted, authority):
    renewed = Authority(authority.folder)
    renewed.ssl_config(client_verify=True, custom_ca=authority.root.decode())
    credentials = grpc.ssl_channel_credentials(renewed.root, authority.client_key, authority.client_cert)

    def is_taken():
        with grpc.secure_channel(f"localhost:{half_encrypted.grpc_port}", credentials) as channel:
            try:
                return status(channel) == [2]
            except grpc.RpcError:
                return False

    wait_for(is_taken, 30, half_encrypted.log.read_text)
    (authority.folder / "ssl.config").write_text("nonsense")
    wait_for(lambda: "Key and certificate stay as they were" in half_encrypted.log.read_text(), 30)
    assert is_taken()


def test_socket_is_removed_in_the_end(half_encrypted):
    """Stops the server: must stay the last test of this fixture."""
    assert half_encrypted.stop() == 0
    assert not socket_of(half_encrypted).exists()


def socket_of(server):
    return server.models.parent / "grpc.sock"


def test_plain_unix_socket_is_for_user_and_group(serve, prepared, tmp_path):
    shutil.copytree(prepared / "2", tmp_path / "models" / "2")
    path = tmp_path / "grpc.sock"
    server = serve(tmp_path / "models", "--port=0", f"--grpc_socket_path={path}")
    assert path.stat().st_mode & 0o777 == 0o660
    with grpc.insecure_channel(f"unix:{path}") as channel:
        assert status(channel) == [2]
    assert server.stop() == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"server_key": ""}, "needs both server_key and server_cert"),
        ({"server_cert": "nonsense"}, "not PEM text"),
        ({"custom_ca": ""}, "no custom_ca to verify clients with"),
        ({"custom_ca": "nonsense"}, "not PEM text"),
    ],
)
def test_bad_tls_settings_are_told_at_the_start(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        tls.read(str(Authority(tmp_path).ssl_config(**changes)))


def test_key_of_another_certificate_is_told(tmp_path):
    other = Authority(tmp_path).server.private_key_pem.bytes().decode()
    with pytest.raises(ConfigError, match="server_key does not belong to server_cert"):
        tls.read(str(Authority(tmp_path).ssl_config(server_key=other)))


def test_tls_for_rest_needs_the_file():
    with pytest.raises(ConfigError, match="--rest_api_ssl needs --ssl_config_file"):
        command.parse(["--model_base_path=x", "--rest_api_ssl"])


def test_socket_path_that_no_system_takes_is_refused():
    with pytest.raises(ConfigError, match="longer than 100 bytes"):
        command.parse(["--model_base_path=x", f"--grpc_socket_path=/{'x' * 100}"])


def test_channel_arguments_with_a_meaning_are_taken_and_others_named(capsys):
    found = channel_arguments.parse("grpc.max_receive_message_length=-1,grpc.keepalive_time_ms=5000,grpc.lb=x")
    assert (found.max_message_bytes, found.keepalive_time_ms, found.unused) == (None, 5000, ("grpc.lb",))
    assert command.main(["--model_base_path=x", "--grpc_channel_arguments=grpc.lb=x", "--api_keys_file=/no"]) == 2
    assert "grpc.lb of --grpc_channel_arguments is accepted, but not used" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["grpc.keepalive_time_ms", "grpc.keepalive_time_ms=soon", "grpc.max_connection_age_ms=0"]
)
def test_bad_channel_arguments_are_named(text):
    with pytest.raises(ConfigError, match="--grpc_channel_arguments has"):
        channel_arguments.parse(text)
