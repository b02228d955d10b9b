"""Only one run at a time: a lock that dies with its process, and a note of who holds it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from keepfit.errors import BusyError
from keepfit.storage import guarded, make_folder, write_atomically


@contextmanager
def only_run(models_dir: Path, trigger: str) -> Iterator[None]:
    """Hold the run lock of a models folder; raises BusyError that names the holder, StorageError."""
    lock = FileLock(make_folder(models_dir) / ".run.lock", timeout=0)
    holder = models_dir / ".run.holder"
    with guarded(models_dir):
        try:
            held = lock.acquire()
        except Timeout as error:  # an OSError too, but no trouble with the disk
            raise BusyError(f"another run is under way ({_describe(holder)}): wait until it has ended") from error
    with held:
        write_atomically(holder, json.dumps({"pid": os.getpid(), "since": _now(), "trigger": trigger}))
        try:
            yield
        finally:
            # a note that stays behind misleads nobody: it is read only while the lock is held
            with suppress(OSError):
                holder.unlink()


def _describe(holder: Path) -> str:
    try:
        found = json.loads(holder.read_text(encoding="utf-8"))
        return f"process {found['pid']}, since {found['since']}, started by {found['trigger']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "it is just starting or ending"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
