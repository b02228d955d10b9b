"""Files are replaced whole, lines are appended whole, and a disk that does not take them is told in one sentence."""

import errno
import os
import resource
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepfit.errors import StorageError
from keepfit.storage import append_line, guarded, make_folder, require_writable, sync_tree, write_atomically


def test_file_is_replaced_and_nothing_else_stays(tmp_path):
    path = tmp_path / "a.json"
    write_atomically(path, "old")
    write_atomically(path, "new: ä\n")
    assert path.read_text(encoding="utf-8") == "new: ä\n"
    assert list(tmp_path.iterdir()) == [path]


def test_reader_sees_only_whole_files(tmp_path):
    path = tmp_path / "a.txt"
    texts = {letter * 100_000 for letter in "xy"}
    write_atomically(path, "x" * 100_000)
    stop = threading.Event()

    def write():
        while not stop.is_set():
            for text in texts:
                write_atomically(path, text)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert all(path.read_text() in texts for _ in range(300))
    finally:
        stop.set()
        writer.join()


def test_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    write_atomically(path, "old")
    code = (
        "import resource, signal, sys; from pathlib import Path; from keepfit.storage import write_atomically\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "write_atomically(Path(sys.argv[1]), 'new' * 10_000)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert "StorageError: cannot write " in done.stderr
    assert "the file grew over the allowed size" in done.stderr
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_half_a_line_is_taken_back(tmp_path):
    path = tmp_path / "lines.log"
    append_line(path, "first")
    code = (
        "import resource, signal, sys; from pathlib import Path; from keepfit.storage import append_line\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))\n"
        "from keepfit.errors import StorageError\n"
        "try: append_line(Path(sys.argv[1]), 'second and long')\n"
        "except StorageError as error: print(error)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "append_line(Path(sys.argv[1]), 'third')\n"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.startswith(f"cannot write {path}: ")
    assert path.read_text() == "first\nthird\n"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5))
def test_each_text_becomes_one_line(tmp_path_factory, texts):
    path = tmp_path_factory.getbasetemp() / "one-line.log"
    path.unlink(missing_ok=True)
    for text in texts:
        append_line(path, text)
    lines = path.read_bytes().decode().split("\n") if texts else [""]
    assert lines[-1] == ""
    assert len(lines) == len(texts) + 1
    assert all(len(line.splitlines()) <= 1 for line in lines)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "the disk is full: free some space and try again"),
        (errno.EDQUOT, "the disk quota is used up: free some space and try again"),
        (errno.EROFS, "the file system is read-only: mount it writable or configure another folder"),
        (errno.EACCES, "this user may not write there: change the owner or the permissions of the folder"),
        (errno.EPERM, "this user may not write there: change the owner or the permissions of the folder"),
        (errno.EFBIG, "the file grew over the allowed size"),
        (errno.ENOTDIR, "a file stands where a folder is expected"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_each_trouble_is_told_with_what_to_do(tmp_path, number, reason):
    with pytest.raises(StorageError) as caught, guarded(tmp_path):
        raise OSError(number, os.strerror(number))
    assert str(caught.value) == f"cannot write {tmp_path}: {reason}"


def test_other_errors_pass(tmp_path):
    with pytest.raises(ZeroDivisionError), guarded(tmp_path):
        raise ZeroDivisionError


def test_file_in_the_way_of_a_folder_is_told(tmp_path):
    (tmp_path / "models").write_text("")
    for path in (tmp_path / "models", tmp_path / "models" / "below"):
        with pytest.raises(StorageError) as caught:
            make_folder(path)
        assert str(caught.value) == f"cannot write {path}: a file stands where a folder is expected"


def test_tree_with_nested_folders_is_flushed(tmp_path):
    make_folder(tmp_path / "a" / "b")
    (tmp_path / "a" / "b" / "c").write_text("x")
    sync_tree(tmp_path)
    (tmp_path / "a" / "b" / "broken").symlink_to("nowhere")
    with pytest.raises(StorageError):
        sync_tree(tmp_path)


def test_a_folder_that_can_be_written_is_made_and_left_empty(tmp_path):
    require_writable(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"cannot write .*file: a file stands where a folder is expected"):
        require_writable(tmp_path / "file")
