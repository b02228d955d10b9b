"""One loaded version in a process of its own: answers the frames of its socket, one after the other.

Imports TensorFlow. Knows nothing of HTTP, gRPC, other versions or what lies on disk.
"""

import gc
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import tensorflow as tf

from keepfit import protos, savedmodel
from keepfit.errors import InferenceError, KeepfitError, ModelLoadError
from keepfit.serving.workers import allocator, priority, tflite, warmup
from keepfit.serving.workers.frames import Header, encode
from keepfit.serving.workers.giving_way import giving_way
from keepfit.serving.workers.inbox import Inbox
from keepfit.serving.workers.load_request import LoadRequest

Seconds: TypeAlias = tuple[float, float]
"""How long loading took, and its warmup requests: less than 0 if there are none."""


class Model(warmup.Model, Protocol):
    """What a worker can serve."""

    @property
    def signature_defs(self) -> Mapping[str, Any]:
        """The SignatureDef message of each signature."""


def serve(connection: socket.socket) -> None:
    """Answer frames until the other side closes: first "load", then any number of "run"."""
    priority.begin_session()
    allocator.keep_freed()
    # The front decides when a worker ends; a Ctrl-C or a service manager signals the whole group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_front, args=(connection,), name="watch-front", daemon=True).start()
    tf.get_logger().setLevel("ERROR")
    with suppress(ConnectionError):  # the front has gone, and so does this
        _answer_all(connection)


def _answer_all(connection: socket.socket) -> None:
    _send(connection, {"op": "hello", "pid": os.getpid()}, {})
    model: Model | None = None
    inbox = Inbox(connection)
    for header, tensors, _ in inbox.frames():
        started = time.perf_counter()
        try:
            if header["op"] == "load":
                model, seconds = _load_gently(header)
                signatures = np.frombuffer(_signature_map(model), dtype=np.uint8)
                reply = {"signatures": signatures, "seconds": np.array(seconds)}
            elif model is None:
                raise InferenceError("the worker has no model")
            else:
                reply = model.run(header["signature"], tensors, header["outputs"])
            _send(connection, {"op": header["op"]}, reply, time.perf_counter() - started)
            inbox.stay_awake(header.get("awake_s", 0.0))
        except KeepfitError as error:
            _refuse(connection, header, error)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - the top of a request: one bad request must not end the worker
            _refuse(connection, header, InferenceError(f"{type(error).__name__}: {error}"))


def _end_with_the_front(connection: socket.socket) -> None:
    """Watch for the front's death even while a model runs for minutes."""
    poller = select.poll()
    poller.register(connection, 0)
    poller.poll()
    os._exit(0)


def _refuse(connection: socket.socket, header: Header, error: KeepfitError) -> None:
    details = {"status": error.status} if isinstance(error, InferenceError | ModelLoadError) else {}
    reply = {"op": header["op"], "error": type(error).__name__, "message": str(error), "details": details}
    _send(connection, reply, {})


def _load_gently(header: Header) -> tuple[Model, Seconds]:
    """Load in a thread of low priority, so that the versions that answer meanwhile go first."""
    savedmodel.start_threads(bytes.fromhex(LoadRequest.of(header).session_config))
    with (
        priority.lowered_session(),
        ThreadPoolExecutor(1, initializer=priority.lower_thread) as background,
    ):
        return background.submit(_load_giving_way, header).result()


def _load_giving_way(header: Header) -> tuple[Model, Seconds]:
    with giving_way():
        return _load(header)


def _load(header: Header) -> tuple[Model, Seconds]:
    started = time.perf_counter()
    path = Path(header["path"])
    how = LoadRequest.of(header)
    session_config = bytes.fromhex(how.session_config)
    model: Model
    if how.prefer_tflite and (path / tflite.FILE).is_file():
        model = tflite.load(path, session_config)
    else:
        saved_model = savedmodel.load(path, how.tags, session_config)
        saved_model.prepare()
        model = saved_model
    loaded = time.perf_counter()
    has_warmed_up = warmup.replay(model, path, how.warmup_iterations)
    seconds = (loaded - started, time.perf_counter() - loaded if has_warmed_up else -1.0)
    gc.collect()
    gc.freeze()  # a model is some hundred thousand objects: looking through them again would stall requests
    return model, seconds


def _signature_map(model: Model) -> bytes:
    signature_map = protos.SignatureDefMap()
    for name, signature_def in model.signature_defs.items():
        signature_map.signature_def[name].ParseFromString(signature_def.SerializeToString())
    serialized: bytes = signature_map.SerializeToString()
    return serialized


def _send(connection: socket.socket, header: Header, tensors: Mapping[str, Any], run_s: float = 0.0) -> None:
    for buffer in encode(header, {name: [np.asarray(array)] for name, array in tensors.items()}, run_s):
        connection.sendall(buffer)


def main() -> int:
    """Serve on the socket whose descriptor is the only argument."""
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve(connection)
    return 0


if __name__ == "__main__":
    sys.exit(main())
