"""The whole way of a figure and of an alert: real Keepfit processes, a real Prometheus, a real Alertmanager.

Every query of every panel is run, and has to bring data back; and what fires reaches notifications.log, and what ends
does so too.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from keepfit.client import Client
from keepfit.errors import KeepfitError

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "monitoring"
DASHBOARDS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
}
PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
    if panel["type"] != "row"
]
VARIABLES = {"$model": ".*", "$measure": "accuracy_percent", "$__rate_interval": "30s", "${datasource}": "prometheus"}

pytestmark = pytest.mark.slow


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, timeout_s=90):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} took longer than {timeout_s} s"
        time.sleep(0.2)


def answers(url):
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


class Stack:
    """Model server, frontend, trainer, Prometheus and Alertmanager, on ports of their own."""

    def __init__(self, folder):
        self.folder = folder
        names = ("rest", "grpc", "frontend", "trainer", "prometheus", "alertmanager")
        self.port = {name: free_port() for name in names}
        self._processes = {}
        self._environ = {**os.environ, "TF_HOST": f"127.0.0.1:{self.port['rest']}"}
        self._tie = ["setpriv", "--pdeathsig=KILL"] if shutil.which("setpriv") else []

    def start(self):
        serving = [f"--rest_api_port={self.port['rest']}", f"--port={self.port['grpc']}", "--model_name=keepfit"]
        self._keepfit("server", "serve", f"--model_base_path={self.folder / 'models'}", *serving)
        self.start_frontend()
        self._keepfit("trainer", "trainer", f"--port={self.port['trainer']}")
        self._start_prometheus()
        wait_until(lambda: answers(self.url("rest", "/v1/models/keepfit/versions/1")), "the model server")
        wait_until(lambda: answers(self.url("trainer", "/healthz")), "the trainer")
        wait_until(lambda: answers(self.url("prometheus", "/-/ready")), "Prometheus")
        wait_until(lambda: answers(self.url("alertmanager", "/-/ready")), "Alertmanager")

    def start_frontend(self):
        self._keepfit("frontend", "frontend", f"--port={self.port['frontend']}")
        wait_until(lambda: answers(self.url("frontend", "/metrics")), "the frontend")

    def url(self, name, path):
        return f"http://127.0.0.1:{self.port[name]}{path}"

    def stop(self, *names):
        for name in names or list(self._processes):
            process = self._processes.pop(name)
            process.terminate()
            process.wait(30)

    def ask(self, expression):
        for name, value in VARIABLES.items():
            expression = expression.replace(name, value)
        answer = httpx.post(
            self.url("prometheus", "/api/v1/query"), data={"query": expression}, timeout=30, trust_env=False
        ).json()
        assert answer["status"] == "success", answer
        return answer["data"]["result"]

    def use(self):
        """Ask as clients do: over both protocols and the web page, and once wrongly."""
        for address in (self.url("rest", ""), f"grpc://127.0.0.1:{self.port['grpc']}"):
            with Client(address, "keepfit") as client:
                client.predict([[1.0, 2.0]])
        for body in ({"instances": [[1.0, 2.0]]}, {"instances": []}):
            httpx.post(self.url("frontend", "/predict"), json=body, timeout=10, trust_env=False)

    def notified(self, *words):
        log = self.folder / "notifications.log"
        lines = log.read_text(encoding="utf-8").splitlines()
        return any(all(word in line for word in words) for line in lines)

    def _start_prometheus(self):
        """With the repository's own files, but for addresses and for how long they wait."""
        rules = (MONITORING / "rules" / "keepfit.yml").read_text(encoding="utf-8")
        (self.folder / "rules").mkdir()
        (self.folder / "rules" / "keepfit.yml").write_text(re.sub(r"for: \d+[mh]", "for: 0s", rules), encoding="utf-8")
        for name in ("prometheus", "alertmanager"):
            text = (MONITORING / f"{name}.yml").read_text(encoding="utf-8")
            for service, port in (("tfserving", "rest"), ("frontend", ""), ("trainer", ""), ("alertmanager", "")):
                text = re.sub(rf"\b{service}:\d+", f"127.0.0.1:{self.port[port or service]}", text)
            text = re.sub(r"((?:interval|wait|timeout): )(?!24h)\w+", r"\g<1>1s", text)
            (self.folder / f"{name}.yml").write_text(text, encoding="utf-8")
        listening = "--web.listen-address=127.0.0.1:"
        self._run(
            *("prometheus", "prometheus", f"--config.file={self.folder / 'prometheus.yml'}", "--log.level=warn"),
            *(f"--storage.tsdb.path={self.folder / 'tsdb'}", f"{listening}{self.port['prometheus']}"),
        )
        self._run(
            *("alertmanager", "prometheus-alertmanager", f"--config.file={self.folder / 'alertmanager.yml'}"),
            *(f"--storage.path={self.folder / 'alertmanager'}", f"{listening}{self.port['alertmanager']}"),
            "--cluster.listen-address=",
        )

    def _keepfit(self, name, *arguments):
        self._run(name, sys.executable, "-m", "keepfit", *arguments)

    def _run(self, name, *command):
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [*self._tie, *command], cwd=self.folder, env=self._environ, stdout=log, stderr=log
            )


@pytest.fixture(scope="module")
def stack(_rejected, tmp_path_factory):
    """A project with a version and a rejected candidate, watched while it is used."""
    for program in ("prometheus", "prometheus-alertmanager"):
        if shutil.which(program) is None:
            if os.environ.get("KEEPFIT_REQUIRE_PROMETHEUS") == "1":
                pytest.fail(f"{program} is required by KEEPFIT_REQUIRE_PROMETHEUS=1, but not installed")
            pytest.skip(f"{program} is not installed")
    folder = tmp_path_factory.mktemp("watched") / "project"
    shutil.copytree(_rejected, folder)
    found = Stack(folder)
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.mark.parametrize("panel", PANELS)
def test_every_query_of_a_panel_brings_data_back(stack, panel):
    assert panel["targets"]
    for target in panel["targets"]:

        def brings_data(expression=target["expr"]):
            stack.use()
            found = stack.ask(expression)
            return bool(found) and all(sample["value"][1] != "NaN" for sample in found)

        wait_until(brings_data, f"data for {target['expr']}")


def test_the_choices_and_the_marks_of_the_dashboards_have_data(stack):
    for dashboard in DASHBOARDS.values():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()
                assert all(label in sample["metric"] for sample in stack.ask(metric))
        for mark in dashboard["annotations"]["list"]:
            if "target" in mark:
                assert stack.ask(mark["target"]["expr"].removesuffix(" > 0"))


def test_every_target_is_up_and_no_alert_fires_without_a_reason(stack):
    wait_until(lambda: len(stack.ask("up == 1")) == 3, "three targets")
    # what the machine itself may be short of while the tests run
    excused = "KeepfitDiskNearlyFull|KeepfitSlowPredictions"
    wait_until(lambda: not stack.ask(f'ALERTS{{alertstate="firing", alertname!~"{excused}"}}'), "peace")


def test_an_alert_reaches_people_and_so_does_its_end(stack):
    stack.stop("frontend")
    wait_until(lambda: stack.notified("alert=KeepfitFrontendDown status=firing severity=critical"), "the alert")
    stack.start_frontend()
    wait_until(lambda: stack.notified("alert=KeepfitFrontendDown status=resolved"), "its end")


def test_the_server_is_asked_and_its_end_is_seen(stack):
    stack.stop("server")
    wait_until(lambda: stack.notified("alert=KeepfitModelServerDown status=firing"), "the alert")
    wait_until(lambda: stack.ask("keepfit_model_server_reachable == 0"), "the trainer")
    with pytest.raises(KeepfitError), Client(stack.url("rest", ""), "keepfit", timeout_s=1) as client:
        client.status()


def test_the_files_are_what_the_script_makes(tmp_path):
    subprocess.run([sys.executable, str(ROOT / "scripts" / "make_dashboards.py"), str(tmp_path)], check=True)
    made = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()}
    assert made == DASHBOARDS, "run scripts/make_dashboards.py"


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
def test_a_dashboard_is_whole_and_its_panels_do_not_overlap(dashboard):
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert all(x < 24 for x, _ in cells)
        assert not cells & taken
        taken |= cells
        assert panel["title"]
        if panel["type"] != "row":
            assert panel["description"].endswith((".", "%")), panel["title"]
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    # no hole: every row is full
    assert len(taken) == 24 * (max(y for _, y in taken) + 1)


OWN = re.compile(r"keepfit_(?:requests|refused|request|batch|held|queued|version_available|load|worker)_\w+")


def test_only_what_says_so_needs_keepfits_own_server():
    """The metrics of the embedded server alone are asked for below one heading only, and in no alert."""
    assert not OWN.search((MONITORING / "rules" / "keepfit.yml").read_text(encoding="utf-8"))
    for dashboard in DASHBOARDS.values():
        heading = ""
        for panel in dashboard["panels"]:
            heading = panel["title"] if panel["type"] == "row" else heading
            for target in panel.get("targets", ()):
                assert bool(OWN.search(target["expr"])) == (heading == "Only Keepfit's own server"), target["expr"]
