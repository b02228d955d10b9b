"""Full and read-only disks, and data files of every bad kind: told in a sentence, and nothing is harmed."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys

import httpx
import polars as pl
import pytest

from keepfit import exits
from keepfit.ledger import open_ledger
from keepfit.pipeline import artifacts


def can_mount(folder):
    """Whether this process may mount a file system; a user who is not root may not, nor may root in some containers."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode == 0:
        subprocess.run(["umount", str(folder)], check=True)
    return done.returncode == 0


@pytest.fixture
def disk(tmp_path):
    """Make a disk of a few megabytes: mount one at a folder, with what the folder has already."""
    if sys.platform != "linux" or os.getuid() != 0 or not can_mount(tmp_path):
        pytest.skip("needs the right to mount a file system")
    mounted = []

    def make(folder, size_mb):
        kept = tmp_path / f"kept-{len(mounted)}"
        shutil.copytree(folder, kept)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(folder)], check=True)
        mounted.append(folder)
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        return Disk(folder)

    yield make
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


class Disk:
    """A mounted disk."""

    def __init__(self, folder):
        self._folder = folder
        self._ballast = folder / ".ballast"

    def fill(self, leave_kb):
        """Fill it but for so many kilobytes."""
        free = shutil.disk_usage(self._folder).free
        with self._ballast.open("wb") as file, contextlib.suppress(OSError):
            file.write(b"\0" * max(0, free - 1024 * leave_kb))
            file.flush()

    def free(self):
        """Give the space back."""
        self._ballast.unlink()

    def remount(self, mode):
        """Make it read-only (ro) or writable (rw)."""
        subprocess.run(["mount", "-o", f"remount,{mode}", str(self._folder)], check=True)


def check_told(done, reason):
    assert done.returncode == exits.STORAGE, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("keepfit: ")
    assert reason in line
    assert "Traceback" not in done.stdout


def check_unharmed(project):
    assert project.visible() == [1]
    assert artifacts.damaged_files(project.models / "1") == []


def check_works_again(project):
    done = project.run("retrain")
    assert done.returncode == exits.OK, done.stdout + done.stderr
    assert project.visible()[0] == 1
    assert len(project.visible()) == 2
    assert artifacts.damaged_files(project.models / str(project.visible()[1])) == []
    assert list((project.models / ".staging").iterdir()) == []
    with open_ledger(project.folder / "state" / "ledger.sqlite3") as ledger:
        assert [event.version for event in ledger.events() if event.kind == "promoted"] == project.visible()


def test_full_models_disk_is_told_and_harms_nothing(promoted, disk):
    """A version has about 140 kB: the space ends in another file each time."""
    models = disk(promoted.models, 2)
    for leave_kb in (0, 8, 40, 90):
        models.fill(leave_kb)
        done = promoted.run("retrain")
        check_told(done, "cannot write ")
        check_unharmed(promoted)
        if leave_kb:
            assert list((promoted.models / ".staging").iterdir()) == []
            assert promoted.decisions()[-1]["verdict"] == "failed"
        models.free()
    check_works_again(promoted)


@pytest.mark.slow
def test_full_disk_under_the_whole_project_is_told_and_what_is_served_stays(promoted, disk, serve):
    """Ledger, log and notifications are on the full disk as well: what cannot be recorded is not promoted."""
    whole = disk(promoted.folder, 3)
    url = serve(promoted)
    for leave_kb in (0, 16, 64, 200):
        whole.fill(leave_kb)
        done = promoted.run("retrain")
        assert "Traceback" not in done.stdout + done.stderr
        assert done.returncode == exits.STORAGE, done.stdout + done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert promoted.visible() == [1]
        assert artifacts.damaged_files(promoted.models / "1") == []
        assert httpx.post(f"{url}:predict", json={"instances": [[1.0, 2.0]]}).status_code == 200
        whole.free()
    assert promoted.run("retrain").returncode == exits.OK
    check_record(promoted)


def check_record(project):
    """Every run that began has ended, every version is recorded, and every line of the notifications is whole."""
    with open_ledger(project.folder / "state" / "ledger.sqlite3") as ledger:
        events = ledger.events()
    assert [event.version for event in events if event.kind == "promoted"] == project.visible()
    started = {event.run for event in events if event.kind == "started"}
    assert started == {event.run for event in events if event.kind in ("promoted", "failed", "interrupted")}
    assert all({"run", "version", "verdict"} <= set(line) for line in project.decisions())


def test_read_only_models_disk_is_told_and_harms_nothing(promoted, disk):
    models = disk(promoted.models, 8)
    models.remount("ro")
    check_told(promoted.run("retrain"), "the file system is read-only: mount it writable or configure another folder")
    check_told(promoted.run("rollback", "--to", "1"), "the file system is read-only")
    check_unharmed(promoted)
    models.remount("rw")
    check_works_again(promoted)


@pytest.fixture
def immutable():
    """Make a folder such that not even root can make, rename or remove anything in it."""
    made = []

    def make(folder):
        if (
            sys.platform != "linux"
            or subprocess.run(["chattr", "+i", folder], capture_output=True, check=False).returncode
        ):
            pytest.skip("needs a file system and a user with the right to set attributes")
        made.append(folder)

    yield make
    for folder in made:
        subprocess.run(["chattr", "-i", folder], check=True)


def test_models_folder_that_becomes_read_only_in_the_middle_is_told(promoted, immutable):
    with promoted.start("retrain", stdout=-1, stderr=-1) as process:
        for line in process.stdout:
            if "epoch 1/2" in line:
                immutable(promoted.models)
        errors = process.stderr.read()
    assert process.returncode == exits.STORAGE, errors
    assert errors.startswith("keepfit: cannot write ")
    assert "this user may not write there" in errors
    assert len(errors.splitlines()) == 1
    check_unharmed(promoted)
    subprocess.run(["chattr", "-i", promoted.models], check=True)
    check_works_again(promoted)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_folder_without_the_right_to_write_is_told(promoted):
    promoted.models.chmod(0o555)
    try:
        check_told(promoted.run("retrain"), "this user may not write there")
    finally:
        promoted.models.chmod(0o755)
    check_unharmed(promoted)
    check_works_again(promoted)


@pytest.mark.parametrize("limit", [3_000, 20_000])
def test_file_that_may_not_grow_is_told_and_harms_nothing(promoted, limit):
    """The way to a full disk for those who may not mount one: no file over the limit."""
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))\n"
        "from keepfit.cli import main; main(['retrain'])\n"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=promoted.folder,
        env=promoted.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    check_told(done, "cannot")
    check_unharmed(promoted)
    check_works_again(promoted)


@pytest.mark.parametrize("name", ["models", "state", "notifications.log", "last_train_log.txt"])
def test_something_else_in_the_place_of_each_file_and_folder_is_told(user_project, name):
    path = user_project.folder / name
    if name in ("models", "state"):
        path.write_text("")
    else:
        path.mkdir()
    done = user_project.run("retrain")
    if name == "notifications.log":  # a notifier never fails the run
        assert done.returncode == exits.OK
        assert "notifications.log: Is a directory" in done.stdout
    else:
        check_told(done, f"cannot write {path}")


GOOD = "x1,x2,label\n" + "".join(f"{n}.5,{n % 7},{n % 2}\n" for n in range(200))


def csv(text):
    return text if isinstance(text, bytes) else text.encode()


BAD_FILES = {
    "empty": ("csv", b""),
    "only a header": ("csv", b"x1,x2,label\n"),
    "cut in a quoted text": ("csv", csv(GOOD + '1,"no end')),
    "ragged": ("csv", csv(GOOD + "1,2,1,9\n")),
    "not UTF-8": ("csv", csv(GOOD) + b"1,\xff\xfe,0\n"),
    "UTF-16": ("csv", GOOD.encode("utf-16")),
    "null bytes": ("csv", b"\0" * 4096),
    "infinite": ("csv", csv(GOOD + "inf,1,0\n")),
    "NaN target": ("csv", csv(GOOD + "1.0,1,NaN\n")),
    "missing target": ("csv", csv(GOOD + "1.0,1,\n")),
    "text among numbers": ("csv", csv(GOOD + "n/a,1,0\n")),
    "one class": ("csv", csv("x1,x2,label\n" + "".join(f"{n},{n % 7},1\n" for n in range(200)))),
    "no target column": ("csv", csv(GOOD.replace("label", "other"))),
    "the same column twice": ("csv", csv(GOOD.replace("x2", "x1"))),
    "empty parquet": ("parquet", b""),
    "no parquet": ("parquet", csv(GOOD)),
    "a binary": ("csv", bytes(range(256)) * 64),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_data_file_is_told_in_one_sentence(user_project, name):
    form, content = BAD_FILES[name]
    (user_project.folder / f"data.{form}").write_bytes(content)
    check_refused(user_project, form)


def test_truncated_parquet_is_told_in_one_sentence(user_project):
    path = user_project.folder / "data.parquet"
    pl.DataFrame({"x1": range(500), "x2": range(500), "label": [0, 1] * 250}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-100])
    check_refused(user_project, "parquet")


def check_refused(project, form):
    project.configure(data={"source": form, "path": f"data.{form}"})
    done = project.run("retrain")
    assert done.returncode == exits.INVALID_DATA, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("keepfit: ")
    assert len(line) < 600
    assert "Traceback" not in done.stdout
    assert project.visible() == []
    assert project.decisions()[-1]["verdict"] == "invalid_data"
    assert project.decisions()[-1]["reason"] == line.removeprefix("keepfit: ")


def test_missing_data_file_is_told(user_project):
    check_refused(user_project, "csv")


def wide(columns, rows):
    header = ",".join([*(f"c{n}" for n in range(columns)), "label"])
    lines = (",".join([*(str((row * 31 + n) % 97) for n in range(columns)), str(row % 2)]) for row in range(rows))
    return "\n".join([header, *lines]) + "\n"


def test_more_than_ten_thousand_columns_are_refused(user_project):
    (user_project.folder / "data.csv").write_text(wide(10_001, 20))
    check_refused(user_project, "csv")


@pytest.mark.slow
def test_ten_thousand_columns_go_through(user_project):
    (user_project.folder / "data.csv").write_text(wide(10_000, 60))
    user_project.configure(
        data={"source": "csv", "path": "data.csv"}, gate={"min_accuracy_percent": 0}, train={"epochs": 1}
    )
    done = user_project.run("retrain")
    assert done.returncode in (exits.OK, exits.REJECTED), done.stderr
    assert done.stderr == ""
