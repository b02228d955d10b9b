"""docker-compose.yml, the Dockerfiles and what is said of them, without an engine. tests/compose/ runs them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.compose.stack import ROOT

COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
SERVICES = COMPOSE["services"]


def test_every_variable_is_documented_and_none_else():
    used = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE_TEXT)) - {"TF_CPP_MIN_LOG_LEVEL"}
    [table] = re.findall(r"^### What can be set\n.*?\n(\|.*?)\n\n", DEPLOYMENT, re.DOTALL | re.MULTILINE)
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)} == used - {"TFSERVING_SCALE"}
    assert "`TFSERVING_SCALE=0`" in DEPLOYMENT


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_what_keeps_it_in_bounds(name):
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"test", "interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["logging"]["options"]["max-size"]
    for port in service.get("ports", []):
        assert port.startswith("${BIND_ADDRESS:-127.0.0.1}:")


def test_images_of_others_are_pinned_and_docs_name_the_same():
    for service in SERVICES.values():
        image = re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", service["image"])
        if "build" not in service:
            assert re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", image)
        for named in re.findall(rf"{image.split(':')[0]}:[\w.]+", DEPLOYMENT):
            assert named == image


def test_the_published_ports_are_those_of_the_docs():
    for service in SERVICES.values():
        for port in service.get("ports", []):
            default = re.fullmatch(r"\$\{BIND_ADDRESS:-127\.0\.0\.1\}:\$\{[A-Z_]+:-(\d+)\}:(\d+)", port)
            assert default is not None
            assert default.group(1) == default.group(2)
            assert default.group(1) in DEPLOYMENT


def test_the_page_needs_no_more_libraries_than_its_image_has():
    locked = (ROOT / "docker" / "frontend.lock").read_text(encoding="utf-8")
    program = f"""
import importlib.metadata, sys
allowed = {{"keepfit", *{re.findall(r"^([a-z0-9-]+)==", locked, re.MULTILINE)!r}}}
for module, owners in importlib.metadata.packages_distributions().items():
    if not any(owner.lower().replace("_", "-") in allowed for owner in owners):
        sys.modules[module] = None  # as if it were not installed
import keepfit.cli, gunicorn.arbiter, gunicorn.workers.gthread
from keepfit.frontend import command
from keepfit.frontend.settings import FrontendSettings
client = command.create_app(FrontendSettings("m", serving_url="http://127.0.0.1:9")).test_client()
for path in ("/", "/healthz", "/metrics", "/openapi.json"):
    client.get(path)
print(client.post("/predict", json={{"instances": [[1, 2]]}}).status_code)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("502\n", 0), done.stderr


@pytest.mark.parametrize("name", ["build.lock", "frontend.lock"])
def test_what_is_locked_for_the_images_is_what_is_locked_for_all(name):
    def versions(path):
        return set(re.findall(r"^([a-z0-9-]+==\S+)", Path(path).read_text(encoding="utf-8"), re.MULTILINE))

    assert versions(ROOT / "docker" / name) <= versions(ROOT / "requirements.lock")
