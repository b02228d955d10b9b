"""The routes: what people, browsers' scripts and programs get, in good times and in bad."""

import io
import json
import logging
import re
from dataclasses import replace

import pytest

from keepfit.frontend.web import SECURITY_HEADERS

from .conftest import MIXED, answer_each, signatures, tensor

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
HTMX = {"HX-Request": "true", "Accept": "*/*"}
CURL = {"Accept": "*/*"}
INSTANCES = {"instances": [[1.5, 2.3]]}
FIELDS = {"x1": "1.5", "x2": "2.3"}


def test_page_shows_model_version_state_and_its_inputs(page):
    response = page.get("/")

    assert response.status_code == 200
    assert re.search(r"<h1>keepfit</h1>", response.text)
    assert re.search(r"Version 3 <small>available</small>", response.text)
    assert re.findall(r'name="(x\d+)"', response.text) == ["x1", "x2"]
    assert '<textarea id="f-features" name="features"' in response.text


def test_page_of_a_table_has_each_input_in_its_kind(fake, page):
    fake.signatures = MIXED
    text = page.get("/").text

    assert re.search(r'name="age"[^>]*type="number"', text)
    assert re.search(r'name="city"[^>]*type="text"', text)
    assert '<select id="f-member" name="member">' in text
    assert re.search(r'name="visits"[^>]*step="1"[^>]*required', text)
    assert "Leave a number or a text empty where it is unknown" in text


def test_json_is_answered_exactly_as_the_model_server_does(fake, page):
    fake.raw = b'{\n    "predictions": [[0.8203125]\n    ]\n}'
    response = page.post("/predict", json=INSTANCES)

    assert (response.status_code, response.data, response.mimetype) == (200, fake.raw, "application/json")


def test_form_of_curl_is_answered_in_json(fake, page):
    response = page.post("/predict", data=FIELDS, headers=CURL)

    assert response.json == {"predictions": [[0.8203125]]}
    assert json.loads(fake.asked[-1][1]) == INSTANCES


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", "", "application/x+json"])
def test_json_is_recognised_where_the_content_type_is_careless(page, content_type):
    response = page.post("/predict", data=json.dumps(INSTANCES), content_type=content_type)

    assert response.json == {"predictions": [[0.8203125]]}


def test_multipart_form_is_a_form(page):
    response = page.post("/predict", data=FIELDS, content_type="multipart/form-data")

    assert response.json == {"predictions": [[0.8203125]]}


def test_form_of_a_browser_is_answered_with_the_page_and_its_values(page):
    response = page.post("/predict", data=FIELDS, headers=BROWSER)

    assert response.mimetype == "text/html"
    assert "<!doctype html>" in response.text
    assert re.search(r'name="x1" value="1.5"', response.text)
    assert "82.0 %" in response.text


def test_script_of_the_page_is_answered_with_the_piece_it_needs(page):
    response = page.post("/predict", data=FIELDS, headers=HTMX)

    assert response.mimetype == "text/html"
    assert "<html" not in response.text
    assert "82.0 %" in response.text


def test_mistake_in_a_form_is_named_to_programs_and_beside_the_field(page):
    wrong = {"x1": "1.5", "x2": "much"}

    response = page.post("/predict", data=wrong, headers=CURL)
    assert (response.status_code, response.json) == (
        400,
        {"error": "x2 is 'much': expected a number, such as 1.5, or nan"},
    )
    response = page.post("/predict", data=wrong, headers=BROWSER)
    assert response.status_code == 400
    assert re.search(r'name="x2" value="much"[^>]*aria-invalid="true"[^>]*aria-describedby="e-x2"', response.text)
    response = page.post("/predict", data=wrong, headers=HTMX)
    assert response.status_code == 400
    assert '<a href="#f-x2">' in response.text


def test_what_people_write_is_shown_as_text(fake, page):
    fake.predict = answer_each("<script>alert(1)</script>")
    fake.signatures = signatures(**{'"><b>x': tensor("DT_STRING", -1), "y": tensor("DT_STRING", -1)})
    response = page.post("/predict", data={'"><b>x': "<i>", "y": "'"}, headers=BROWSER)

    assert response.status_code == 200
    for hostile in ("<script>alert", '"><b>', "<i>"):
        assert hostile not in response.text


def test_fields_are_kept_in_a_table_that_is_asked(fake, page):
    fake.signatures = MIXED
    data = {"age": "", "city": "Ulm", "member": "true", "visits": "3"}
    response = page.post("/predict", data=data, headers=BROWSER)

    assert '<option value="true" selected>' in response.text
    assert json.loads(fake.asked[-2][1])["instances"][0]["city"] == "Ulm"


@pytest.mark.parametrize(
    ("status", "answered", "title"),
    [
        (400, 400, "That does not fit the model"),
        (404, 503, "There is no such model yet"),
        (500, 502, "The model failed on this input"),
        (501, 501, "This model cannot be asked that way"),
        (503, 503, "The model is not ready yet"),
        (504, 504, "The model took too long"),
        (418, 502, "What answers is not a model server"),
    ],
)
def test_error_of_the_model_server_is_json_for_programs_and_a_page_for_people(fake, page, status, answered, title):
    fake.status = status

    response = page.post("/predict", json=INSTANCES)
    assert response.status_code == answered
    assert list(response.json) == ["error"]
    assert "as the test wants" in response.json["error"] or status == 418
    for headers in (BROWSER, HTMX):
        response = page.post("/predict", data=FIELDS, headers=headers)
        assert response.status_code == answered
        assert title in response.text


def test_server_that_is_down_is_502(settings, open_page, nobody_url):
    page = open_page(replace(settings, serving_url=nobody_url))

    assert page.post("/predict", json=INSTANCES).status_code == 502
    response = page.post("/predict", data=FIELDS, headers=BROWSER)
    assert response.status_code == 502
    assert "./scripts/run_all.sh" in response.text


def test_server_that_is_slow_is_504(fake, settings, open_page):
    fake.delay_s = 30
    response = open_page(replace(settings, timeout_s=0.2)).post("/predict", json=INSTANCES)

    assert response.status_code == 504
    assert "0.2 s" in response.json["error"]


@pytest.mark.parametrize(
    ("states", "says"),
    [
        ([(7, "LOADING", "")], "Version 7 is in the state LOADING."),
        ([(7, "END", "no space left")], "Version 7 is in the state END: no space left"),
        ([], "no version of"),
    ],
)
def test_page_without_a_model_says_what_is_missing(fake, page, states, says):
    fake.states = states
    response = page.get("/")

    assert response.status_code == 503
    assert says in response.text
    assert "Try again" in response.text


def test_page_of_an_unknown_model_says_how_to_train_one(settings, open_page):
    response = open_page(replace(settings, model_name="other")).get("/")

    assert response.status_code == 503
    assert "python retrain_pipeline.py" in response.text


def test_health_is_of_this_process_and_tells_the_servers_state(fake, page, settings, open_page, nobody_url):
    assert page.get("/healthz").json == {
        "status": "ok",
        "model": "keepfit",
        "model_server": {"url": fake.url, "state": "AVAILABLE", "versions": [3]},
    }
    fake.states = [(4, "LOADING", "")]
    assert page.get("/healthz").json["model_server"]["state"] == "LOADING"
    gone = open_page(replace(settings, serving_url=nobody_url)).get("/healthz")
    assert (gone.status_code, gone.json["model_server"]["state"]) == (200, "UNREACHABLE")


def test_metrics_count_requests_and_errors_of_each_application_alone(fake, page, settings, open_page):
    page.post("/predict", json=INSTANCES)
    page.get("/no/such/page")
    fake.status = 503
    page.post("/predict", json=INSTANCES)
    text = page.get("/metrics").text

    assert 'keepfit_frontend_requests_total{route="/predict",status="200"} 1.0' in text
    assert 'keepfit_frontend_requests_total{route="/predict",status="503"} 1.0' in text
    assert 'keepfit_frontend_requests_total{route="unmatched",status="404"} 1.0' in text
    assert 'keepfit_frontend_upstream_errors_total{error="UnavailableError"} 1.0' in text
    assert 'keepfit_frontend_request_seconds_count{route="/predict"} 2.0' in text
    assert 'route="/predict"' not in open_page(settings).get("/metrics").text


def test_too_much_at_once_is_refused(settings, open_page):
    page = open_page(replace(settings, max_body_bytes=1000, max_instances=2))

    for headers in (CURL, BROWSER):
        assert page.post("/predict", data={"x1": "1" * 2000}, headers=headers).status_code == 413
    assert "1000 bytes" in page.post("/predict", json={"instances": [[1.5, 2.3]] * 200}).json["error"]
    assert "at most 2" in page.post("/predict", json={"instances": [[1, 2]] * 3}).json["error"]
    assert "at most 2" in page.post("/predict", data={"features": "1 2\n1 2\n1 2"}).json["error"]


@pytest.mark.parametrize(
    ("data", "headers", "says"),
    [
        (b"<a/>", {"Content-Type": "application/xml"}, "'application/xml'"),
        (b"x1=1", {}, "of no stated type"),
        (b"{}", {"Content-Type": "application/json", "Content-Encoding": "gzip"}, "'gzip'"),
    ],
)
def test_other_content_is_415(page, data, headers, says):
    response = page.post("/predict", data=data, headers=headers)

    assert response.status_code == 415
    assert says in response.json["error"]


def test_file_is_no_value(page):
    response = page.post("/predict", data={"x1": (io.BytesIO(b"1"), "x1.txt")}, content_type="multipart/form-data")

    assert response.status_code == 400
    assert "'x1' is a file" in response.json["error"]


def test_wrong_address_and_method_are_json_or_a_page(page):
    assert page.get("/nowhere", headers=CURL).json["error"].startswith("The page is /")
    assert "There is no such page" in page.get("/nowhere", headers=BROWSER).text
    response = page.get("/predict", headers=CURL)
    assert (response.status_code, list(response.json)) == (405, ["error"])
    assert "POST" in response.headers["Allow"]


def test_every_answer_has_the_security_headers(fake, page):
    for response in (page.get("/"), page.get("/nowhere"), page.get("/static/keepfit.css"), page.get("/healthz")):
        assert SECURITY_HEADERS.items() <= dict(response.headers).items()
        response.close()


def test_pages_need_nothing_from_elsewhere_and_nothing_inline(fake, page):
    for text in (page.get("/").text, page.post("/predict", data=FIELDS, headers=BROWSER).text, page.get("/x").text):
        assert not re.search(r'(src|href)="(https?:)?//', text)
        assert not re.search(r"<style|style=|<script(?![^>]*src=)|\son\w+=", text)


def test_static_files_of_the_page_are_there(page):
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.get("/").text):
        response = page.get(address)
        assert (response.status_code, "max-age" in response.headers["Cache-Control"]) == (200, True)
        response.close()


def test_mistake_of_our_own_shows_no_stack_trace(page, caplog):
    @page.application.before_request
    def crash():
        raise ZeroDivisionError("secret detail")

    with caplog.at_level(logging.CRITICAL, "keepfit.frontend.web"):
        responses = [page.get("/healthz", headers=headers) for headers in (CURL, BROWSER)]
    assert responses[0].json == {"error": "The frontend itself made a mistake."}
    for response in responses:
        assert response.status_code == 500
        assert "secret" not in response.text
        assert "Traceback" not in response.text


def test_versions_that_have_ended_are_no_news(fake, page):
    fake.states = [(4, "LOADING", ""), (3, "AVAILABLE", ""), (2, "END", "")]
    text = page.get("/").text

    assert "Version 4 <small>loading</small>" in text
    assert "Version 2" not in text


def test_model_server_that_asks_for_a_key_is_shown_it(fake, settings, open_page):
    open_page(replace(settings, api_key="s3cret")).get("/")

    assert fake.headers["authorization"] == "Bearer s3cret"
