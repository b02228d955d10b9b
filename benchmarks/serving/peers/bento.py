"""BentoML with the smallest model there is, as its documentation shows it."""

import bentoml
import numpy as np


@bentoml.service(workers=1)
class Sum:
    @bentoml.api  # type: ignore[untyped-decorator]  # not installed here: it has an environment of its own
    def predict(self, instances: list[list[float]]) -> dict[str, list[float]]:
        return {"predictions": np.asarray(instances, np.float32).sum(axis=1).tolist()}
