"""Every command that the README prints is run here as it is printed, in a copy of the project."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COPIED = ["src", "scripts", "examples", "pyproject.toml", "config.json", "requirements.lock", "requirements-dev.lock"]
COPIED += ["requirements.frontend.txt", "train_tf.py", "retrain_pipeline.py", "app.py", "README.md", "LICENSE"]

BACKGROUND = ("./scripts/run_all.sh", ".venv/bin/keepfit up --config my_project/config.json")
BY_CI = "./scripts/test.sh"

# listens on the README's ports, as no other file does
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def printed_commands() -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


def is_set_up() -> bool:
    """Whether setup.sh has nothing to do: it must not install into the environment that runs the tests."""
    stamp = Path(sys.prefix) / ".installed-requirements-dev.lock"
    wanted = (ROOT / "requirements-dev.lock").read_bytes() + (ROOT / "pyproject.toml").read_bytes()
    return stamp.is_file() and stamp.read_text(encoding="utf-8").strip() == hashlib.sha256(wanted).hexdigest()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert is_set_up(), "run ./scripts/setup.sh requirements-dev.lock first"
    folder = tmp_path_factory.mktemp("home") / "keepfit"
    folder.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "models", "state"))
        else:
            shutil.copy2(source, folder / name)
    (folder / ".venv").symlink_to(Path(sys.prefix), target_is_directory=True)
    return folder


def run(command: str, folder: Path, home: Path | None = None) -> str:
    environment = {**os.environ, "HOME": str(home)} if home else dict(os.environ)
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


class Background:
    """A command that runs until it is stopped, with what it printed so far."""

    def __init__(self, command: str, folder: Path) -> None:
        self._output = folder / "background.log"
        with self._output.open("wb") as file:
            self.process = subprocess.Popen(
                ["bash", "-c", f"exec {command}"], cwd=folder, stdout=file, stderr=file, start_new_session=True
            )

    def printed(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, *texts: str, timeout_s: float = 120) -> None:
        deadline = time.monotonic() + timeout_s
        while not all(text in self.printed() for text in texts):
            assert self.process.poll() is None, f"it ended:\n{self.printed()}"
            assert time.monotonic() < deadline, f"no {texts} within {timeout_s} s:\n{self.printed()}"
            time.sleep(0.1)

    def stop(self) -> None:
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=20) == 0, self.printed()
        assert time.monotonic() - started < 10

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)


def check(command: str, printed: str) -> None:
    """What a reader would look for in the answer."""
    if ":predict" in command or "/predict" in command:
        [[probability]] = json.loads(printed)["predictions"]
        assert 0 <= probability <= 1
    elif command.endswith("/v1/models/keepfit"):
        [status] = json.loads(printed)["model_version_status"]
        assert status["state"] == "AVAILABLE"
    elif command.endswith("/metrics"):
        assert "# TYPE" in printed
    elif "retrain_pipeline.py" in command or "manual_train" in command:
        assert "PROMOTED" in printed
    elif "keepfit init" in command:
        assert "30 numeric" in printed
    elif "train" in command:
        assert "test accuracy" in printed
    else:
        assert printed


def test_every_printed_command_works_in_the_order_of_the_page(copy: Path) -> None:
    running: Background | None = None
    try:
        for command in printed_commands():
            if command in BACKGROUND:
                if running is not None:
                    running.stop()
                running = Background(command, copy)
                running.wait_for("web page", "served", "next scheduled retraining")
            elif command != BY_CI:
                check(command, run(command, copy))
        assert running is not None
        running.stop()
    finally:
        if running is not None:
            running.kill()
    notifications = (copy / "notifications.log").read_text(encoding="utf-8")
    assert notifications.count("verdict=promoted") >= 3


def test_the_crontab_line_retrains(copy: Path) -> None:
    [line] = re.findall(r"^0 2 \* \* 0 +(.*)$", README, re.MULTILINE)
    run(line, copy, home=copy.parent)
    assert "PROMOTED" in (copy / "cron.log").read_text(encoding="utf-8")


def test_ci_runs_the_test_command() -> None:
    assert BY_CI in printed_commands()
    assert BY_CI in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_frontend_requirements_are_all_that_the_scripts_need(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_COMPILE", "1")  # of TensorFlow's thousands of files few are ever imported
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    run(f"{python} -m pip install -q -r requirements.frontend.txt", copy)
    assert "test accuracy" in run(f"{python} train_tf.py", copy)
    assert "PROMOTED" in run(f"{python} retrain_pipeline.py", copy)
    page = Background(f"{python} app.py --port 5013", copy)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                assert httpx.get("http://127.0.0.1:5013/healthz").status_code == 200
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline, page.printed()
                time.sleep(0.1)
        page.stop()
    finally:
        page.kill()
