"""The run's data against what the served version learned from: what is compared, and how it is recorded."""

from pathlib import Path
from typing import Any

from keepfit.config import DriftConfig
from keepfit.data.dataset import Dataset
from keepfit.drift.compare import Comparison, compare
from keepfit.drift.sample import read_reference, sample_of, write_reference
from keepfit.errors import DataError
from keepfit.versions import Versions


def keep_reference(dataset: Dataset, folder: Path) -> None:
    """Keep what later runs compare their data with beside the model; raises StorageError."""
    write_reference(sample_of(dataset.schema, dataset.train), folder)


def compare_with_served(dataset: Dataset, versions: Versions, rules: DriftConfig) -> dict[str, Any]:
    """Return the record of it, as metrics.json has it; whatever stands in the way is its `reason`."""
    version = versions.current()
    comparison = Comparison(0, 0, reason="there is no version yet")
    if version is not None:
        comparison = _compare(dataset, versions.path(version), rules)
    return {"reference_version": version, "fingerprint": dataset.fingerprint, **comparison.to_dict()}


def _compare(dataset: Dataset, folder: Path, rules: DriftConfig) -> Comparison:
    try:
        reference = read_reference(folder)
    except DataError as error:
        return Comparison(0, 0, reason=str(error))
    if reference is None:
        return Comparison(0, 0, reason="the served version keeps no sample of its data")
    return compare(reference, sample_of(dataset.schema, dataset.recent), rules)
