"""Refuses a version for which there is not enough memory, by an estimate. Reads the disk, so it belongs in a thread."""

from keepfit.errors import ModelLoadError
from keepfit.serving.models import memory, source
from keepfit.serving.models.servable import Servable

_MIB = 2**20


def check(servable: Servable, running: Servable | None, processes: int) -> None:
    """Raise ModelLoadError if a version in so many processes needs more than there is, judged by one that runs."""
    needed = _needed(servable, running) * processes
    left = memory.available()
    if needed > left:
        name = f"{{name: {servable.model} version: {servable.version}}}"
        raise ModelLoadError(
            f"Insufficient resources to load servable {name}: it needs about {needed // _MIB} MiB of memory, "
            f"and {left // _MIB} MiB are available",
            "RESOURCE_EXHAUSTED",
        )


def _needed(servable: Servable, running: Servable | None) -> int:
    files = source.size_of(servable.path)
    if running is None or not (pids := running.pids):
        return memory.needed(files)
    return memory.needed(files, source.size_of(running.path), memory.used_by(pids[0]))
