"""An endpoint that really listens."""

from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.monitor.events import samples

from keepfit import project
from keepfit.ledger import LedgerPlace, open_ledger
from keepfit.monitor.endpoint import Endpoint


class Watched:
    """A project in a folder, and its endpoint, asked over HTTP."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self.project = project.load(folder / "config.json", {"TF_HOST": "127.0.0.1:9", **environ})
        self.endpoint = Endpoint(self.project, "127.0.0.1", 0, environ)
        self.endpoint.start()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.endpoint.port}", timeout=30, trust_env=False)

    def record(self, *events):
        with open_ledger(LedgerPlace.of(self.project)) as ledger:
            ledger.add(events)

    def scrape(self):
        answer = self.http.get("/metrics")
        assert answer.status_code == 200, answer.text
        return samples(text_string_to_metric_families(answer.text))

    def notified(self):
        path = self.folder / "notifications.log"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def close(self):
        self.http.close()
        self.endpoint.stop()


@pytest.fixture
def watched(tmp_path):
    """Starts the endpoint of an empty project with this config; what is started is stopped."""
    started = []

    def start(config="{}", **environ):
        (tmp_path / "config.json").write_text(config, encoding="utf-8")
        started.append(Watched(tmp_path, environ))
        return started[-1]

    yield start
    for one in started:
        one.close()
