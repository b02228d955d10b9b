"""The one table from how a command ends to its exit code. Documented in docs/commands.md."""

from keepfit import errors

OK = 0
USAGE = 2
REJECTED = 10
INVALID_DATA = 11
FAILED = 12
BUSY = 13
STORAGE = 14
PORT_IN_USE = 15
INCONCLUSIVE = 16
DIFFERENT = 17
INTERRUPTED = 130

CODES: dict[type[errors.KeepfitError], int] = {
    errors.KeepfitError: FAILED,
    errors.ConfigError: USAGE,
    errors.DataError: INVALID_DATA,
    errors.VersionNotFoundError: USAGE,
    errors.StorageError: STORAGE,
    errors.BusyError: BUSY,
    errors.PortInUseError: PORT_IN_USE,
}


def code_of(error: errors.KeepfitError) -> int:
    """The exit code of an error: its own, or that of the nearest class above it in the tree."""
    return next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)
