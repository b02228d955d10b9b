"""TLS with client certificates, and keys, before the real server: over both transports, sync and async."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from keepfit.client import Retry, Tls
from keepfit.errors import UnauthenticatedError, UnreachableError
from keepfit.serving.requests import keys

from ..serving.certificates import Authority  # noqa: TID252 - tests are no installed package
from ..serving.conftest import wait_for  # noqa: TID252 - tests are no installed package
from .conftest import KINDS

SOON = Retry(within_s=0.5)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("tls"))
    (authority.folder / "ca.pem").write_bytes(authority.root)
    (authority.folder / "client.pem").write_bytes(authority.client_cert)
    (authority.folder / "client.key").write_bytes(authority.client_key)
    return authority


@pytest.fixture(scope="module")
def tls(authority):
    folder = authority.folder
    return Tls(folder / "ca.pem", folder / "client.pem", folder / "client.key")


@pytest.fixture(scope="module")
def encrypted(serve, prepared, authority, tls, tmp_path_factory):
    """A server with TLS, client certificates and keys on both ports, and its key."""
    folder = tmp_path_factory.mktemp("encrypted")
    shutil.copytree(prepared / "2", folder / "models" / "2")
    made = keys.new("tester")
    keys.append(folder / "keys", made.line)
    server = serve(
        folder / "models",
        f"--ssl_config_file={authority.ssl_config()}",
        "--rest_api_ssl",
        f"--grpc_socket_path={folder / 'socket'}",
        f"--api_keys_file={folder / 'keys'}",
        wait=False,
    )
    with KINDS[0].connect(f"https://localhost:{server.rest_port}", tls=tls, api_key=made.key) as client:
        wait_for(client.ready, 90, server.log.read_text)
    return server, made.key


def address(kind, server):
    rest = kind.transport == "rest"
    return f"https://localhost:{server.rest_port}" if rest else f"grpcs://localhost:{server.grpc_port}"


def test_certificate_and_key_let_in(kind, encrypted, tls):
    server, key = encrypted
    with kind.connect(address(kind, server), tls=tls, api_key=key, timeout_s=60) as client:
        assert client.predict([[1, 2]]).array.tolist() == [[6.0]]
        large = client.predict(np.ones((100_000, 2), np.float32))
        assert large.array.shape == (100_000, 1)


def test_unix_socket_is_encrypted_as_well(encrypted, tls):
    server, key = encrypted
    for kind in KINDS[2:]:
        with kind.connect(f"unixs:{server.models.parent / 'socket'}", tls=tls, api_key=key, timeout_s=60) as client:
            assert client.predict([[1, 2]]).array.tolist() == [[6.0]]


def test_certificate_must_bear_the_name_that_is_expected(kind, encrypted, tls):
    server, key = encrypted
    where = address(kind, server).replace("localhost", "127.0.0.1")
    with kind.connect(where, tls=replace(tls, server_name="localhost"), api_key=key, timeout_s=60) as client:
        assert client.predict([[1, 2]]).array.tolist() == [[6.0]]
    stranger = kind.connect(where, tls=replace(tls, server_name="elsewhere.example"), api_key=key, retry=SOON)
    with stranger as client, pytest.raises(UnreachableError, match=r"(?is)secure.*(certificate|hostname)"):
        client.predict([[1, 2]])


@pytest.mark.parametrize("key", [None, "tester.wrong"])
def test_without_a_key_it_is_told(kind, encrypted, tls, key):
    server, _ = encrypted
    with kind.connect(address(kind, server), tls=tls, api_key=key) as client, pytest.raises(UnauthenticatedError):
        client.predict([[1, 2]])


def test_server_of_an_unknown_authority_is_not_spoken_to(kind, encrypted):
    server, key = encrypted
    stranger = kind.connect(address(kind, server), api_key=key, retry=SOON)
    with stranger as client, pytest.raises(UnreachableError, match=r"(?is)secure.*certificate"):
        client.predict([[1, 2]])


def test_client_without_a_certificate_is_not_let_in(kind, encrypted, authority):
    server, key = encrypted
    alone = Tls(authority.folder / "ca.pem")
    stranger = kind.connect(address(kind, server), tls=alone, api_key=key, retry=SOON)
    with stranger as client, pytest.raises(UnreachableError):
        client.predict([[1, 2]])
