"""The container stack on a real engine, in a copy of the project. scripts/test_stack.sh has built the images.

KEEPFIT_COMPOSE is the command, docker-compose or docker compose; without it these tests are not collected.
"""

import os
import shutil
from pathlib import Path

import pytest
from tests.compose.stack import COMPOSE, ROOT, Stack

if not COMPOSE:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def report():
    """Print a measurement."""

    def show(what, value):
        print(f"measured: {what}: {f'{value:.1f} s' if isinstance(value, float) else value}")

    return show


@pytest.fixture(scope="session")
def new_stack(tmp_path_factory):
    """Make a stack in a copy of what a user has after `git clone`."""
    made = []

    def make(name, **environment):
        # where another user can look as well, other than in pytest's folders
        folder = Path(f"/var/tmp/keepfit-test-{os.getpid()}-{name}")
        folder.mkdir(mode=0o755)
        for part in ("docker", "monitoring"):
            shutil.copytree(ROOT / part, folder / part)
        for file in ("docker-compose.yml", "config.json"):
            shutil.copy2(ROOT / file, folder / file)
        made.append(Stack(folder, f"keepfit-test-{os.getpid()}-{name}", environment))
        return made[-1]

    yield make
    for stack in made:
        stack.close()
        shutil.rmtree(stack.folder, ignore_errors=True)
