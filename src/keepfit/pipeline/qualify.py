"""The trainer's side of the fresh process: hands it the champion and the candidate, and judges its answers."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from keepfit import tether
from keepfit.errors import ModelLoadError, QualificationError
from keepfit.pipeline.contract import OUTPUT_NAME, SIGNATURE_NAME
from keepfit.storage import guarded

Inputs = Mapping[str, NDArray[Any]]

_TIMEOUT_S = 300
_PROGRAM = """
from keepfit import tether
tether.die_with_parent()  # before the import that takes seconds
from keepfit.pipeline.qualifier import main
main()
"""


class Qualifier:
    """A process that has TensorFlow imported and waits for models. A context manager: it ends with it.

    `ask_champion` at once, so that it works beside the training; `champion_answers` and `check` when it is over.
    """

    def __init__(self, *, stderr: int | None = None) -> None:
        self._stderr = stderr
        self._champion_file: Path | None = None
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def ask_champion(self, folder: Path, inputs: Inputs, scratch: Path) -> None:
        """Let the model in `folder` predict `inputs`, without waiting for it. Raises StorageError."""
        sample, self._champion_file = scratch / "holdout.npz", scratch / "champion.npy"
        _write_sample(sample, inputs, np.empty(0))
        self._send("champion", folder, sample, answer=str(self._champion_file))

    def champion_answers(self) -> NDArray[Any]:
        """What the champion predicts (rows, …); raises ModelLoadError if it does not load, or fails."""
        if self._champion_file is None:
            raise ModelLoadError("nobody has been asked")
        wrong = str(self._answer()["wrong"])
        if wrong:
            raise ModelLoadError(wrong)
        answers: NDArray[Any] = np.load(self._champion_file, allow_pickle=False)
        return answers

    def check(self, folder: Path, inputs: Inputs, expected: NDArray[Any], scratch: Path) -> list[float]:
        """Raise QualificationError unless the model in `folder` answers `inputs` with `expected` there.

        Returns the median milliseconds of a request for one row: of the candidate, and of the champion if it answered.
        """
        if self._process.poll() is not None:
            # the champion took the process with it: that must not be held against the candidate
            self._stop()
            self._start()
        sample = scratch / "qualification.npz"
        _write_sample(sample, inputs, expected)
        self._send("candidate", folder, sample)
        answer = self._answer()
        sample.unlink(missing_ok=True)
        if answer["wrong"]:
            raise QualificationError(f"the candidate does not work in a fresh process: {answer['wrong']}")
        return [float(value) for value in answer["latency_ms"]]

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            # TensorFlow does not import Keras then, which nothing there needs
            env={"TF_USE_LEGACY_KERAS": "1", **os.environ, tether.VARIABLE: str(os.getpid())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            bufsize=0,
        )
        self._unread = b""

    def _stop(self) -> None:
        self._process.kill()
        with contextlib.suppress(OSError):
            self._process.communicate()

    def _send(self, what: str, folder: Path, sample: Path, **more: str) -> None:
        request = {"what": what, "model": str(folder), "sample": str(sample), **more}
        line = json.dumps({**request, "signature": SIGNATURE_NAME, "output": OUTPUT_NAME}) + "\n"
        assert self._process.stdin is not None  # noqa: S101 - it was started with a pipe
        # a process that has ended is noticed when its answer is read
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode())

    def _answer(self) -> dict[str, Any]:
        deadline = time.monotonic() + _TIMEOUT_S
        line = self._line(deadline)
        if line == b"ready":
            line = self._line(deadline)
        if line is None:
            self._process.kill()
            status = self._process.wait()
            told = f"no answer within {_TIMEOUT_S} s" if time.monotonic() >= deadline else f"it ended with {status}"
            return {"wrong": f"the process that tried it gave no answer: {told}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _line(self, deadline: float) -> bytes | None:
        """The next line of the process; None if it ends, or nothing comes in time."""
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return None
                chunk = self._process.stdout.read(65536)
                if not chunk:
                    return None
                self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        return line


def _write_sample(path: Path, inputs: Inputs, expected: NDArray[Any]) -> None:
    arrays: dict[str, Any] = {"expected": expected}
    for name, values in inputs.items():
        if values.dtype == object:
            texts, codes = np.unique(values.astype(str), return_inverse=True)
            arrays |= {f"input:{name}": texts, f"code:{name}": codes.astype(np.int32)}
        else:
            arrays[f"input:{name}"] = values
    with guarded(path):
        np.savez(path, allow_pickle=False, **arrays)
