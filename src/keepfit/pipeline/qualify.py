"""The trainer's side of qualification: starts the fresh process, hands it the candidate, and judges its answer."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from keepfit.errors import QualificationError
from keepfit.pipeline.contract import OUTPUT_NAME, SIGNATURE_NAME
from keepfit.storage import guarded

_TIMEOUT_S = 300


class Qualifier:
    """A process that has TensorFlow imported and waits for one candidate. A context manager: it ends with it."""

    def __init__(self, *, stderr: int | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "keepfit.pipeline.qualifier"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        with contextlib.suppress(OSError):
            self._process.communicate()

    def check(self, folder: Path, inputs: Mapping[str, NDArray[Any]], expected: NDArray[Any], scratch: Path) -> None:
        """Raise QualificationError unless the model in `folder` answers `inputs` with `expected` there."""
        sample = scratch / "qualification.npz"
        arrays: dict[str, Any] = {f"input:{name}": _without_objects(values) for name, values in inputs.items()}
        with guarded(sample):
            np.savez(sample, expected=expected, **arrays)
        request = {"model": str(folder), "sample": str(sample), "signature": SIGNATURE_NAME, "output": OUTPUT_NAME}
        wrong = self._ask(json.dumps(request))
        sample.unlink(missing_ok=True)
        if wrong:
            raise QualificationError(f"the candidate does not work in a fresh process: {wrong}")

    def _ask(self, request: str) -> str:
        try:
            output, _ = self._process.communicate(request + "\n", timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return f"no answer within {_TIMEOUT_S} s"
        if self._process.returncode != 0:
            return f"the process ended with status {self._process.returncode}"
        answer = json.loads(output.splitlines()[-1])
        return str(answer["wrong"])


def _without_objects(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(str) if values.dtype == object else values
