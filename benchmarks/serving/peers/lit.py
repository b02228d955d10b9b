"""LitServe with the smallest model there is, as its documentation shows it. Run with its port."""

import sys
from typing import Any

import litserve
import numpy as np


class Sum(litserve.LitAPI):
    def setup(self, device: str) -> None:
        del device

    def predict(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"predictions": np.asarray(request["instances"], np.float32).sum(axis=1).tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Sum(), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="error", generate_client_file=False)
