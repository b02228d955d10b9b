"""Files that survive a crash: atomic writes, flushing to disk, and clear errors for full or read-only disks."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from keepfit.errors import StorageError

_REASONS = {
    errno.ENOSPC: "the disk is full: free some space and try again",
    errno.EDQUOT: "the disk quota is used up: free some space and try again",
    errno.EFBIG: "the file grew over the allowed size",
    errno.EROFS: "the file system is read-only: mount it writable or configure another folder",
    errno.EACCES: "this user may not write there: change the owner or the permissions of the folder",
    errno.EPERM: "this user may not write there: change the owner or the permissions of the folder",
    errno.ENOTDIR: "a file stands where a folder is expected",
    errno.EEXIST: "a file stands where a folder is expected",
}


@contextlib.contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Translate an OSError from writing at `path` into a StorageError that says what to do."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise StorageError(f"cannot write {error.filename or path}: {reason}") from error


def make_folder(path: Path) -> Path:
    """Make the folder and its parents unless they are there; raises StorageError."""
    with guarded(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def require_writable(folder: Path) -> None:
    """Make the folder if it is not there, and raise StorageError that says what to do if no file can be made in it."""
    make_folder(folder)
    with guarded(folder):
        try:
            descriptor, name = tempfile.mkstemp(prefix=".probe-", dir=folder)
        except PermissionError as error:
            owner = folder.stat()
            raise StorageError(
                f"{folder} cannot be written by user {os.getuid()}, group {os.getgid()}: it belongs to "
                f"{owner.st_uid}:{owner.st_gid}; run as that user (in a container: UID={owner.st_uid} and "
                f"GID={owner.st_gid} in the file .env), or give the folder away: chown -R {os.getuid()}:{os.getgid()}"
            ) from error
        os.close(descriptor)
        Path(name).unlink()


def write_atomically(path: Path, text: str) -> None:
    """Replace the file by `text`, so that a reader or a crash sees the old or the new one; raises StorageError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with guarded(path):
        try:
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


def append_line(path: Path, line: str) -> None:
    """Append one line in a single write and flush it to disk; raises StorageError."""
    data = (" ".join(line.splitlines()) + "\n").encode()
    with guarded(path), path.open("ab", buffering=0) as file:
        size = file.tell()
        try:
            if file.write(data) != len(data):
                raise OSError(errno.ENOSPC, "not all of it was written", str(path))
            os.fsync(file.fileno())
        except OSError:
            # no half line stays for the next one to be glued to
            file.truncate(size)
            raise


def sync_tree(root: Path) -> None:
    """Flush every file and folder below `root` to disk, so that a rename after it publishes whole files."""
    with guarded(root):
        for folder, _, names in os.walk(root):
            for name in names:
                _sync(Path(folder, name))
            _sync(Path(folder))


def sync_folder(path: Path) -> None:
    """Flush a folder's entries to disk, so that a rename in it survives a power cut."""
    _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
