"""Addresses: which are taken, what they mean, and how wrong ones are told."""

import pytest

from keepfit.client import Client, Tls
from keepfit.client.address import Address, parse
from keepfit.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "address", "printed"),
    [
        ("models", Address("http", "models", 8501), "http://models:8501"),
        ("127.0.0.1:9000", Address("http", "127.0.0.1", 9000), "http://127.0.0.1:9000"),
        ("[::1]:9000", Address("http", "::1", 9000), "http://[::1]:9000"),
        ("http://models", Address("http", "models", 80), "http://models:80"),
        ("https://models/a/b/", Address("https", "models", 443, "/a/b"), "https://models:443/a/b"),
        ("grpc://models", Address("grpc", "models", 8500), "grpc://models:8500"),
        ("grpcs://models:1", Address("grpcs", "models", 1), "grpcs://models:1"),
        ("unix:/run/keepfit.sock", Address("unix", "", 0, "/run/keepfit.sock"), "unix:/run/keepfit.sock"),
        ("unix:///run/keepfit.sock", Address("unix", "", 0, "/run/keepfit.sock"), "unix:/run/keepfit.sock"),
        ("unixs:/run/keepfit.sock", Address("unixs", "", 0, "/run/keepfit.sock"), "unixs:/run/keepfit.sock"),
        ("unix:here.sock", Address("unix", "", 0, "here.sock"), "unix:here.sock"),
    ],
)
def test_address_is_read(text, address, printed):
    found = parse(text)
    assert found == address
    assert str(found) == printed
    assert found.is_rest == found.scheme.startswith("http")
    assert found.is_secure == found.scheme.endswith("s")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unix:",
        "unixs:",
        "ftp://models:1",
        "http://",
        "grpc://models/path",
        "models:port",
        "http://u:p@models",
        "http://a?b",
        "[::1",
    ],
)
def test_wrong_address_is_named_with_what_is_expected(text):
    with pytest.raises(ConfigError, match="expected host:8501"):
        Client(text, "m")


@pytest.mark.parametrize(
    ("address", "options", "text"),
    [
        ("models", {"timeout_s": 0}, "timeout_s is 0"),
        ("models", {"api_key": "a\nb"}, "api_key"),
        ("models", {"tls": Tls(key_file="x")}, "certificate_file and key_file"),
        ("https://models", {"tls": Tls(ca_file="/nowhere/ca.pem")}, "/nowhere/ca.pem"),
        ("grpcs://models", {"tls": Tls(ca_file="/nowhere/ca.pem")}, "/nowhere/ca.pem"),
    ],
)
def test_wrong_option_is_told_at_once(address, options, text):
    with pytest.raises(ConfigError, match=text):
        Client(address, "m", **options)
