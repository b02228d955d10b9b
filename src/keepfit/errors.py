"""Every error that Keepfit raises on purpose. They carry data and know no exit, HTTP or gRPC codes.

KeepfitError
├── ConfigError             a key of config.json, an environment variable or a flag is wrong
├── DataError               the data breaks a rule; training must not start
├── TrainingError           the model could not be built or fitted
├── ModelLoadError          a SavedModel is not there, not whole, or cannot be loaded
├── QualificationError      a candidate does not load, or predicts something else, in a fresh process
├── DeploymentError         the running model server could not take the new version
├── VersionNotFoundError    a version directory that somebody named is not there
├── StorageError            a folder cannot be written: full, read-only, not permitted; the ledger cannot be used
│   └── DamagedLedgerError       the ledger's file is no whole database any more
├── BusyError               another run holds the lock
├── PortInUseError          an address that should be listened on is taken
├── UnreachableError        nothing answers where a model server should
│   └── StrangerError            something answers there, but not as a model server
└── ServingError            a prediction request could not be answered
    ├── InvalidRequestError      the request is malformed or does not fit the model
    ├── TooLargeError            a request, or a part of it, is larger than the server takes
    ├── FailedPreconditionError  the request is well formed, but not for what is loaded
    ├── UnauthenticatedError     the request brings no valid API key
    ├── ModelNotFoundError       no such model, version or label
    ├── ReloadError              models of a new configuration did not become available
    ├── UnavailableError         not now: nothing loaded yet, queue full, worker died
    │   └── DeadlyRequestError       the model's process died each time that it ran the request
    ├── TimedOutError            not answered within its deadline
    ├── UnimplementedError       a call that this server does not have
    └── InferenceError           the model itself failed while it ran
"""


class KeepfitError(Exception):
    """The root of the tree. Its message is one sentence that a user can act on."""


class ConfigError(KeepfitError):
    """A key of config.json, an environment variable or a flag is wrong."""


class DataError(KeepfitError):
    """The data breaks a rule; the message names column, rows and rule."""


class TrainingError(KeepfitError):
    """The model could not be built or fitted."""


class ModelLoadError(KeepfitError):
    """A SavedModel is not there, not whole, or cannot be loaded. `status` is TensorFlow's name of how."""

    def __init__(self, message: str, status: str = "INTERNAL") -> None:
        super().__init__(message)
        self.status = status


class QualificationError(KeepfitError):
    """A candidate does not load, or predicts something else, in a fresh process."""


class DeploymentError(KeepfitError):
    """The running model server could not take the new version."""


class VersionNotFoundError(KeepfitError):
    """A version directory that somebody named is not there."""


class StorageError(KeepfitError):
    """A folder cannot be written: full, read-only, not permitted; or the ledger cannot be used."""


class DamagedLedgerError(StorageError):
    """The ledger's file is no whole database any more."""


class BusyError(KeepfitError):
    """Another run holds the lock; the message names its process."""


class PortInUseError(KeepfitError):
    """An address that should be listened on is taken."""


class UnreachableError(KeepfitError):
    """Nothing answers where a model server should be."""


class StrangerError(UnreachableError):
    """What answers where a model server should be is something else."""


class ServingError(KeepfitError):
    """A prediction request could not be answered."""


class InvalidRequestError(ServingError):
    """The request is malformed or does not fit the model's signature."""


class TooLargeError(ServingError):
    """A request, or a part of it, is larger than the server takes."""


class FailedPreconditionError(ServingError):
    """The request is well formed, but what is loaded does not have what it asks for."""


class UnauthenticatedError(ServingError):
    """The request brings no valid API key."""


class ModelNotFoundError(ServingError):
    """No such model, version or label is served."""


class ReloadError(ServingError):
    """Models of a new configuration, which is in force, did not become available."""


class UnavailableError(ServingError):
    """Not now: nothing is loaded yet, the queue is full, or the worker died."""


class DeadlyRequestError(UnavailableError):
    """The model's process died each time that it ran the request: who asks again would kill it again."""


class TimedOutError(ServingError):
    """The request was not answered within its deadline."""


class UnimplementedError(ServingError):
    """A call that this server does not have."""


class InferenceError(ServingError):
    """The model itself failed while it ran. `status` is TensorFlow's name of how, such as OUT_OF_RANGE."""

    def __init__(self, message: str, status: str = "INTERNAL") -> None:
        super().__init__(message)
        self.status = status
