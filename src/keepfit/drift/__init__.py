"""Whether new data is still distributed as what the served version learned from. Asks for nothing, deploys nothing."""

from keepfit.drift.alarm import alarming_columns
from keepfit.drift.compare import Comparison, Finding, compare
from keepfit.drift.sample import Sample, read_reference, sample_of, write_reference

__all__ = [
    "Comparison",
    "Finding",
    "Sample",
    "alarming_columns",
    "compare",
    "read_reference",
    "sample_of",
    "write_reference",
]
