"""The command line: exit codes, one sentence on standard error, and a help that is there at once."""

import json
import os
import subprocess
import sys
import time

import pytest

from keepfit import errors, exits


def keepfit(folder, *arguments, **environ):
    """Run the command as a user does; returns the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "keepfit", *arguments],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def all_errors(root=errors.KeepfitError):
    yield root
    for child in root.__subclasses__():
        yield from all_errors(child)


@pytest.mark.parametrize("kind", list(all_errors()), ids=lambda kind: kind.__name__)
def test_every_error_has_an_exit_code(kind):
    assert exits.code_of(kind("x")) in {2, 10, 11, 12, 13, 14, 15}


def test_exit_codes_tell_the_endings_apart():
    codes = [exits.OK, exits.REJECTED, exits.INVALID_DATA, exits.FAILED, exits.BUSY, exits.STORAGE, exits.PORT_IN_USE]
    assert codes == [0, 10, 11, 12, 13, 14, 15]
    assert exits.code_of(errors.DataError("x")) == exits.INVALID_DATA
    assert exits.code_of(errors.TrainingError("x")) == exits.FAILED
    assert exits.code_of(errors.QualificationError("x")) == exits.FAILED
    assert exits.code_of(errors.DeploymentError("x")) == exits.FAILED
    assert exits.code_of(errors.BusyError("x")) == exits.BUSY
    assert exits.code_of(errors.StorageError("x")) == exits.STORAGE
    assert exits.code_of(errors.ConfigError("x")) == exits.USAGE


def test_help_names_every_command_at_once(tmp_path):
    best = 9.0
    for _ in range(5):
        started = time.monotonic()
        done = keepfit(tmp_path, "--help")
        best = min(best, time.monotonic() - started)
    assert done.returncode == 0
    for command in ("up", "retrain", "train", "serve", "frontend", "init", "rollback", "restore", "history"):
        assert f" {command} " in done.stdout
    # 0.3 s on a machine that does nothing else; the suite runs beside it
    assert best < 1.0


def test_help_imports_nothing_heavy(tmp_path):
    code = (
        "import sys; from keepfit.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'polars', 'scipy', 'sqlalchemy', 'flask', 'httpx', 'apprise'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["retrain", "train", "serve", "frontend", "rollback", "history", "up"])
def test_mistake_in_the_config_ends_every_command_with_one_sentence(tmp_path, command):
    (tmp_path / "config.json").write_text('{"train": {"epochs": 0}}')
    done = keepfit(tmp_path, command)
    assert done.returncode == exits.USAGE
    assert done.stderr == "keepfit: config.json: train.epochs is 0: expected greater than or equal to 1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_config_that_was_named_must_be_there(tmp_path):
    done = keepfit(tmp_path, "history", "--config", "nowhere.json")
    assert done.returncode == exits.USAGE
    assert done.stderr == f"keepfit: there is no config file at {tmp_path}/nowhere.json\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["retrian"],
        ["retrain", "--trigger", "boredom"],
        ["rollback", "--to", "x"],
        ["restore"],
        ["history", "--limit=0"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_its_code_and_no_traceback(tmp_path, arguments):
    done = keepfit(tmp_path, *arguments)
    assert done.returncode == exits.USAGE
    assert "Traceback" not in done.stderr
    assert "Error" in done.stderr


def test_wrong_cron_ends_up_before_anything_starts(tmp_path):
    (tmp_path / "config.json").write_text('{"schedule": {"cron": "every sunday"}}')
    done = keepfit(tmp_path, "up")
    assert done.returncode == exits.USAGE
    assert "keepfit: schedule.cron is 'every sunday': expected five fields, such as '0 2 * * sun'\n" in done.stderr
    assert not (tmp_path / "logs").exists()


def test_history_of_a_new_project_is_empty(tmp_path):
    done = keepfit(tmp_path, "history", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"served": [], "runs": []}
    assert keepfit(tmp_path, "history").returncode == 0


def test_rollback_without_versions_says_so(tmp_path):
    done = keepfit(tmp_path, "rollback")
    assert (done.returncode, done.stderr) == (exits.USAGE, "keepfit: there is no version yet\n")


def test_version_is_printed(tmp_path):
    assert keepfit(tmp_path, "version").stdout.startswith("keepfit 0.")


def test_reader_that_goes_away_is_no_error(tmp_path):
    command = f"{sys.executable} -m keepfit history --json | true"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
