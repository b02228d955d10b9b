"""The published description against the routes, and hostile requests made from it against the running app."""

import json
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from keepfit.frontend import views
from keepfit.frontend.settings import FrontendSettings
from keepfit.frontend.web import create_app

from .conftest import MIXED, FakeServing, start, stop

DOCUMENT = json.loads((Path(views.__file__).parent / "openapi.json").read_text())


def check_first_instance(request):
    """Answer as a model of two features does, and refuse as TensorFlow Serving does."""
    return {"predictions": [[0.5] for _ in request.get("instances", [0])]}


@pytest.fixture(scope="module")
def fuzzed():
    fake = FakeServing(predict=check_first_instance)
    server = start(fake)
    app = create_app(FrontendSettings("keepfit", fake.url, max_body_bytes=100_000, max_instances=100))
    yield fake, app
    app.extensions["keepfit"].close()
    stop(fake, server)


def test_description_has_every_route_and_no_other(page):
    rules = {rule.rule: rule.methods - {"HEAD", "OPTIONS"} for rule in page.application.url_map.iter_rules()}
    del rules["/static/<path:filename>"]

    assert page.get("/openapi.json").json == DOCUMENT
    assert {path: {method.upper() for method in item} for path, item in DOCUMENT["paths"].items()} == rules


def test_description_is_openapi_and_its_examples_fit():
    schemas = DOCUMENT["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    Draft202012Validator(schemas["PredictRequest"]).validate({"instances": [[1.5, 2.3]]})


schema = schemathesis.openapi.from_dict(DOCUMENT)


@schema.parametrize()
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_requests_made_from_the_description_never_break_it(case, fuzzed):
    _, app = fuzzed
    response = case.call(app=app)
    checks = [not_a_server_error, response_schema_conformance, content_type_conformance]
    case.validate_response(response, checks=checks)


@given(
    body=st.binary(max_size=300) | st.text(max_size=200).map(str.encode),
    content_type=st.sampled_from(
        [
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/plain",
            "",
            "\x00",
        ]
    ),
    accept=st.sampled_from(["*/*", "text/html", "application/json", "", "q=;,"]),
    htmx=st.booleans(),
    mixed=st.booleans(),
)
@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hostile_bodies_are_the_clients_mistake(fuzzed, body, content_type, accept, htmx, mixed):
    fake, app = fuzzed
    fake.signatures = MIXED if mixed else FakeServing().signatures
    headers = {"Content-Type": content_type, "Accept": accept, **({"HX-Request": "true"} if htmx else {})}
    response = app.test_client().post("/predict", data=body, headers=headers)

    assert response.status_code in {200, 400, 413, 415}
    assert "Traceback" not in response.text


@given(
    fields=st.dictionaries(
        st.sampled_from(["x1", "x2", "x3", "features", "", "\x00"]), st.text(max_size=30), max_size=4
    ),
    accept=st.sampled_from(["*/*", "text/html"]),
)
@hypothesis_settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hostile_fields_are_the_clients_mistake(fuzzed, fields, accept):
    fake, app = fuzzed
    fake.signatures = FakeServing().signatures
    response = app.test_client().post("/predict", data=fields, headers={"Accept": accept})

    assert response.status_code in {200, 400, 415}


@given(
    raw=st.binary(max_size=200),
    status=st.sampled_from([200, 400, 404, 500, 503]),
    accept=st.sampled_from(["*/*", "text/html"]),
)
@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_of_the_model_server_is_never_our_500(fuzzed, raw, status, accept):
    fake, app = fuzzed
    fake.raw, fake.status = raw, status
    client = app.test_client()
    try:
        answers = [
            client.get("/", headers={"Accept": accept}),
            client.get("/healthz"),
            client.post("/predict", json={"instances": [1]}),
            client.post("/predict", data={"x1": "1", "x2": "2"}, headers={"Accept": accept}),
        ]
    finally:
        fake.raw, fake.status = None, 200
    assert all(answer.status_code in {200, 400, 501, 502, 503, 504} for answer in answers)
