"""The container stack on a real engine, in a copy of the project. scripts/test_stack.sh has built the images.

KEEPFIT_COMPOSE is the command, docker-compose or docker compose; without it these tests are not collected.
"""

import os
import re
import shutil
from pathlib import Path

import pytest
from tests.compose.stack import COMPOSE, ROOT, Stack

RECEIVER = """
services:
  receiver:
    image: keepfit/frontend
    entrypoint: [python, -u, -c]
    command:
      - |
        from http.server import BaseHTTPRequestHandler, HTTPServer
        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self):
                print(self.rfile.read(int(self.headers["Content-Length"])).decode(), flush=True)
                self.send_response(200)
                self.end_headers()
        HTTPServer(("", 8000), Receiver).serve_forever()
"""


if not COMPOSE:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def report():
    """Print a measurement."""

    def show(what, value):
        print(f"measured: {what}: {f'{value:.1f} s' if isinstance(value, float) else value}")

    return show


def _copy(name, **environment):
    """A stack in a copy of what a user has after `git clone`, where other users can look as well."""
    folder = Path(f"/var/tmp/keepfit-test-{os.getpid()}-{name}")
    folder.mkdir(mode=0o755)
    for part in ("docker", "monitoring"):
        shutil.copytree(ROOT / part, folder / part)
    for file in ("docker-compose.yml", "config.json"):
        shutil.copy2(ROOT / file, folder / file)
    return Stack(folder, folder.name, environment)


def _remove(stack):
    stack.close()
    shutil.rmtree(stack.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def new_stack():
    """Make a stack with these variables in its .env; it is gone when the module ends."""
    made = []

    def make(name, **environment):
        made.append(_copy(name, **environment))
        return made[-1]

    yield make
    for stack in made:
        _remove(stack)


@pytest.fixture(scope="session")
def whole_stack():
    """All services, with a receiver of what Apprise sends. Those who use it find it as the test before left it."""
    found = _copy("whole")
    (found.folder / "docker-compose.override.yml").write_text(RECEIVER, encoding="utf-8")
    found.configure(notifications={"urls": ["json://receiver:8000/"]})
    _hurry(found.folder / "monitoring")
    yield found
    _remove(found)


def _hurry(monitoring):
    """The same rules and routes, with shorter waits."""
    for path in (monitoring / "prometheus.yml", monitoring / "alertmanager.yml", *(monitoring / "rules").glob("*.yml")):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"for: 1m\b", "for: 5s", text)
        text = re.sub(r"(_interval|_wait|group_interval): (5s|15s|30s|1m|5m)\b", r"\1: 5s", text)
        path.write_text(re.sub(r"scrape_timeout: .*", "scrape_timeout: 5s", text), encoding="utf-8")
