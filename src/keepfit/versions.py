"""The version directories: list, stage, publish by rename, retire, restore, prune. Rules:

- `models/N` is complete or absent, is never changed, and N is never used again.
- What is not a version has a name that starts with a dot, which no model server looks at:
  `.staging/RUN` (being made), `.candidates/RUN` (judged, not promoted), `.retired/N` (rolled back, restorable),
  `.last_version` (the highest number ever given away), `.lock` (held while the visible versions change).
- Everything becomes visible, and vanishes, by one rename.
"""

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from keepfit.errors import StorageError, VersionNotFoundError
from keepfit.storage import guarded, make_folder, sync_folder, write_atomically

_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


class Versions:
    """The versions of one model under one folder. Cheap to make; holds no state but the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._staging = folder / ".staging"
        self._candidates = folder / ".candidates"
        self._retired = folder / ".retired"
        self._last = folder / ".last_version"

    def numbers(self) -> list[int]:
        """The visible versions, ascending."""
        return _numbers_in(self.folder)

    def retired(self) -> list[int]:
        """The versions that were moved aside and can be restored, ascending."""
        return _numbers_in(self._retired)

    def current(self) -> int | None:
        """The version that servers serve, the highest; None if there is none yet."""
        return max(self.numbers(), default=None)

    def path(self, version: int) -> Path:
        """Where a visible version is; raises VersionNotFoundError."""
        if version not in self.numbers():
            known = ", ".join(map(str, self.numbers())) or "none yet"
            raise VersionNotFoundError(f"there is no version {version} under {self.folder} (there: {known})")
        return self.folder / str(version)

    def stage(self, run_id: str) -> Path:
        """Make an empty folder for a candidate, where no server looks; raises StorageError."""
        return make_folder(self._staging / run_id)

    def clean_staging(self) -> int:
        """Remove what crashed runs left behind; return how many. Only for the holder of the run lock."""
        leftovers = list(self._staging.iterdir()) if self._staging.is_dir() else []
        for leftover in leftovers:
            _remove(leftover)
        return len(leftovers)

    def candidates(self) -> list[Path]:
        """The kept candidates that were not promoted, oldest first."""
        return sorted(self._candidates.iterdir()) if self._candidates.is_dir() else []

    def keep_candidate(self, staged: Path, keep: int) -> Path | None:
        """Move a judged candidate aside, and keep only the `keep` newest; return its new path."""
        if keep == 0:
            shutil.rmtree(staged, ignore_errors=True)
            return None
        kept = make_folder(self._candidates) / staged.name
        with guarded(kept):
            staged.rename(kept)
        for old in self.candidates()[:-keep]:
            shutil.rmtree(old, ignore_errors=True)
        return kept

    def drop_candidate(self, kept: Path) -> None:
        """Remove a kept candidate; what cannot be removed stays."""
        shutil.rmtree(kept, ignore_errors=True)

    def reserve(self) -> int:
        """Give away the next number, for good; raises StorageError."""
        with self._changing():
            number = max([self._last_number(), *self.numbers(), *self.retired()]) + 1
            if not _NUMBER.fullmatch(str(number)):
                raise StorageError(f"no number is left above {number - 1} under {self.folder}: move that folder away")
            write_atomically(self._last, f"{number}\n")
        return number

    def publish(self, staged: Path, version: int) -> Path:
        """Make a complete staged candidate visible as `version`, by one rename; raises StorageError."""
        target = self.folder / str(version)
        with self._changing(), guarded(target):
            if target.exists():
                raise StorageError(f"version {version} exists already under {self.folder}: it is never changed")
            staged.rename(target)
            sync_folder(self.folder)
        return target

    def roll_back(self, to: int | None = None) -> tuple[list[int], int]:
        """Move every version above `to` (default: the one before the current) aside.

        Returns the retired versions and the one that is current now. Raises VersionNotFoundError, StorageError.
        """
        with self._changing():
            target = self._predecessor() if to is None else to
            self.path(target)
            above = [number for number in self.numbers() if number > target]
            # ascending, so that no version between is ever the highest, which a server would load for a moment
            for number in above:
                self._retire(number)
        return above, target

    def retire(self, version: int) -> None:
        """Move one visible version aside; raises VersionNotFoundError, StorageError."""
        with self._changing():
            self.path(version)
            self._retire(version)

    def retired_path(self, version: int) -> Path:
        """Where a retired version is; raises VersionNotFoundError."""
        if version not in self.retired():
            known = ", ".join(map(str, self.retired())) or "none"
            raise VersionNotFoundError(f"version {version} cannot be restored: it was not rolled back (those: {known})")
        return self._retired / str(version)

    def restore(self, version: int) -> None:
        """Make a retired version visible again; raises VersionNotFoundError, StorageError."""
        retired = self.retired_path(version)
        with self._changing(), guarded(self.folder):
            retired.rename(self.folder / str(version))
            sync_folder(self.folder)

    def prune(self, keep: int) -> list[int]:
        """Remove the oldest versions until `keep` (at least 2) are left, and as many retired ones; return them."""
        make_folder(self._staging)
        with self._changing(), guarded(self.folder):
            # a numbered folder without our manifest is somebody else's
            visible = [n for n in self.numbers() if (self.folder / str(n) / "manifest.json").is_file()][: -max(keep, 2)]
            retired = self.retired()[: -max(keep, 2)]
            doomed = [self.folder / str(number) for number in visible]
            doomed += [self._retired / str(number) for number in retired]
            renamed = [path.rename(self._staging / f"pruned-{path.name}") for path in doomed]
        for path in renamed:
            shutil.rmtree(path, ignore_errors=True)
        return visible

    def _predecessor(self) -> int:
        numbers = self.numbers()
        if len(numbers) < 2:
            raise VersionNotFoundError(
                f"nothing to go back to: there is no version before {numbers[-1]}"
                if numbers
                else "there is no version yet"
            )
        return numbers[-2]

    def _retire(self, version: int) -> None:
        make_folder(self._retired)
        with guarded(self._retired):
            (self.folder / str(version)).rename(self._retired / str(version))
            sync_folder(self.folder)

    def _last_number(self) -> int:
        try:
            text = self._last.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return 0
        except (OSError, UnicodeDecodeError) as error:
            raise StorageError(
                f"{self._last} cannot be read ({error}): write the highest number ever used into it"
            ) from error
        if not _NUMBER.fullmatch(text):
            raise StorageError(f"{self._last} holds {text[:40]!r}: write the highest number ever used into it")
        return int(text)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the lock that guards the set of visible versions; it is held for renames only, never for long."""
        make_folder(self.folder)
        with guarded(self.folder):
            lock = FileLock(self.folder / ".lock").acquire()
        with lock:
            yield


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _numbers_in(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    return sorted(int(entry.name) for entry in folder.iterdir() if _NUMBER.fullmatch(entry.name) and entry.is_dir())
