"""The app before a small real HTTP server that answers like TensorFlow Serving, or as badly as a test wants."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from keepfit.client.failures import Server
from keepfit.client.rest_wire import RestWire
from keepfit.frontend.inputs import ModelForm, read_form
from keepfit.frontend.settings import FrontendSettings
from keepfit.frontend.web import create_app

from ..fake_serving import (  # noqa: TID252 - tests are no installed package
    MIXED,
    TWO_FEATURES,
    FakeServing,
    answer_each,
    free_port,
    signatures,
    start,
    stop,
    tensor,
)

__all__ = ["MIXED", "TWO_FEATURES", "FakeServing", "answer_each", "free_port", "signatures", "start", "stop", "tensor"]


def form_of(found: dict[str, Any]) -> ModelForm:
    """Return the form of signatures as they come from a server."""
    document = {"metadata": {"signature_def": {"signature_def": found}}}
    return read_form(RestWire(Server("", "")).read_metadata(json.dumps(document).encode()).signatures)


@pytest.fixture
def fake() -> Iterator[FakeServing]:
    fake = FakeServing()
    server = start(fake)
    yield fake
    stop(fake, server)


@pytest.fixture
def settings(fake: FakeServing) -> FrontendSettings:
    return FrontendSettings("keepfit", fake.url, timeout_s=5.0, reconnect_s=0.2)


@pytest.fixture
def open_page() -> Iterator[Callable[[FrontendSettings], FlaskClient]]:
    """Makes clients of applications, and ends the applications' connections afterwards."""
    sites = []

    def make(settings: FrontendSettings) -> FlaskClient:
        app = create_app(settings)
        sites.append(app.extensions["keepfit"])
        return app.test_client()

    yield make
    for site in sites:
        site.close()


@pytest.fixture
def page(settings: FrontendSettings, open_page: Callable[[FrontendSettings], FlaskClient]) -> FlaskClient:
    return open_page(settings)


@pytest.fixture
def nobody_url() -> str:
    """An address where nothing listens."""
    return f"http://127.0.0.1:{free_port()}"


def eventually(condition: Callable[[], bool], what: str, timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        threading.Event().wait(0.02)
