"""API keys: made, kept as hashes, asked for by both APIs, and changed while the server runs."""

import grpc
import httpx
import pytest
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from keepfit.errors import ConfigError, UnauthenticatedError
from keepfit.serving.requests import keys

from .conftest import wait_for


def grpc_code(guarded, metadata):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "m"
    with grpc.insecure_channel(f"127.0.0.1:{guarded.server.grpc_port}") as channel:
        call = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus
        try:
            call(request, metadata=metadata, timeout=20)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK


def test_file_has_no_key_and_equal_names_have_different_hashes(tmp_path):
    made = [keys.new("a"), keys.new("a")]
    for one in made:
        keys.append(tmp_path / "keys", one.line)
    text = (tmp_path / "keys").read_text()
    assert all(one.key.partition(".")[2] not in text for one in made)
    hashes = keys.read(tmp_path / "keys")
    assert [keys.owner(hashes, {b"x-api-key": one.key.encode()}) for one in made] == ["a", "a"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"authorization": b""},
        {b"authorization": b"Bearer "},
        {b"authorization": b"Basic YTpi"},
        {b"x-api-key": b"a"},
        {b"x-api-key": b"a."},
        {b"x-api-key": b"." * 10_000},
        {b"authorization": b"Bearer \xff\xfe.x"},
    ],
)
def test_what_is_no_key_is_refused(tmp_path, headers):
    keys.append(tmp_path / "keys", keys.new("a").line)
    with pytest.raises(UnauthenticatedError):
        keys.owner(keys.read(tmp_path / "keys"), headers)


def test_key_with_another_name_or_one_changed_letter_is_refused(tmp_path):
    made = keys.new("a")
    for line in (made.line, keys.new("b").line):
        keys.append(tmp_path / "keys", line)
    hashes = keys.read(tmp_path / "keys")
    for wrong in ("b" + made.key[1:], made.key[:-1] + ("A" if made.key[-1] != "A" else "B")):
        with pytest.raises(UnauthenticatedError, match="not valid"):
            keys.owner(hashes, {b"x-api-key": wrong.encode()})


def test_bad_line_is_numbered_but_never_shown(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"# ours\n\n{keys.new('a').line}\na.secretsecret\n")
    with pytest.raises(ConfigError, match="Line 4") as caught:
        keys.read(file)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a:b", "ä", "x" * 65])
def test_name_that_cannot_stand_in_a_key_is_refused(name):
    with pytest.raises(ConfigError, match="cannot name a key"):
        keys.new(name)


def test_rest_asks_for_a_key(guarded):
    assert guarded.post().json() == {"predictions": [[6.0]]}
    assert guarded.post(headers={"X-Api-Key": guarded.key}).status_code == 200
    answer = guarded.post(headers={})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json() == {
        "error": "An API key is required: send it as authorization: Bearer KEY, or as x-api-key: KEY"
    }
    assert guarded.post(headers={"authorization": "Bearer tester.wrong"}).json() == {
        "error": "The API key is not valid"
    }


def test_grpc_asks_for_a_key(guarded):
    assert grpc_code(guarded, [("authorization", f"Bearer {guarded.key}")]) == grpc.StatusCode.OK
    assert grpc_code(guarded, [("x-api-key", guarded.key)]) == grpc.StatusCode.OK
    assert grpc_code(guarded, []) == grpc.StatusCode.UNAUTHENTICATED
    assert grpc_code(guarded, [("x-api-key", guarded.key[:-1])]) == grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/monitoring/prometheus/metrics", 401),
        ("/openapi.json", 401),
        ("/v1/models/m", 401),
        ("/nothing", 401),
        ("/healthz/", 401),
        ("//healthz", 401),
    ],
)
def test_only_health_is_open(guarded, path, code):
    assert httpx.get(guarded.server.url + path).status_code == code


def test_keys_are_added_and_revoked_while_the_server_runs(guarded):
    added = keys.new("added")
    before = (guarded.folder / "keys").read_text()
    keys.append(guarded.folder / "keys", added.line)
    bearer = {"authorization": f"Bearer {added.key}"}
    wait_for(lambda: guarded.post(headers=bearer).status_code == 200, 20)
    (guarded.folder / "keys").write_text(before)
    wait_for(lambda: guarded.post(headers=bearer).status_code == 401, 20)
    assert guarded.post().status_code == 200


def test_file_that_goes_bad_leaves_the_keys_as_they_were(guarded):
    before = (guarded.folder / "keys").read_text()
    (guarded.folder / "keys").write_text("nonsense\n")
    wait_for(lambda: "The API keys stay as they were" in guarded.server.log.read_text(), 20)
    assert guarded.post().status_code == 200
    (guarded.folder / "keys").write_text(before)


def test_no_key_is_ever_logged(guarded):
    guarded.post()
    guarded.post(headers={"authorization": f"Bearer {guarded.key}x"})
    secret = guarded.key.partition(".")[2]
    assert secret not in guarded.server.log.read_text() + (guarded.folder / "access.log").read_text()
