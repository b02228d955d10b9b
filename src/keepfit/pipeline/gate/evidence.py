"""What the gate judges: numbers measured on the holdout, and no rows. Knows nothing of how they are judged."""

from dataclasses import dataclass

from keepfit.pipeline.evaluate import Evaluation


@dataclass(frozen=True)
class Estimate:
    """A measured value and where the true one lies, at the gate's confidence at each end, by which method."""

    value: float
    low: float
    high: float
    method: str = "bootstrap, BCa"


@dataclass(frozen=True)
class MetricEvidence:
    """A configured metric of both models; `candidate` is None where it is undefined, and `problem` says why.

    `difference` is candidate minus champion on the same rows, None if there is no champion to compare with.
    """

    name: str
    candidate: Estimate | None
    champion: float | None = None
    difference: Estimate | None = None
    problem: str = ""


@dataclass(frozen=True)
class SliceEvidence:
    """A part of the holdout. For regression `squared_error` is the mean one, and the p values are of t tests.

    `below` is the p value against "it reaches the configured least", `worse` against "it is as good as the champion";
    None where there is nothing to test. `optional` slices are reported, and not judged, if they have too few rows or
    none. `source` is what the slice was made of.
    """

    name: str
    rows: int
    min_rows: int
    value: float | None
    champion: float | None = None
    bound: float | None = None
    below: float | None = None
    worse: float | None = None
    gained: int | None = None
    lost: int | None = None
    optional: bool = False
    source: str = ""


@dataclass(frozen=True)
class Footprint:
    """What a version costs: bytes on disk, and the median milliseconds of a request for one row."""

    size_bytes: int
    latency_ms: float | None


@dataclass(frozen=True)
class Comparison:
    """Candidate and champion on the same rows. `changed` predictions differ, `gained` became right, `lost` wrong.

    For regression, `error_ratio` is the candidate's root mean square error as a multiple of the champion's.
    """

    evaluation: Evaluation
    changed: int
    gained: int = 0
    lost: int = 0
    error_ratio: Estimate | None = None


@dataclass(frozen=True)
class Champion:
    """The served version. `problem` says why it cannot be compared, `mismatch` which of its clients would break.

    `leak` says why it may have been trained on rows of this holdout. `slices` are the names of those it had been
    judged on, with enough rows.
    """

    version: int
    comparison: Comparison | None = None
    footprint: Footprint | None = None
    problem: str = ""
    mismatch: str = ""
    leak: str = ""
    slices: tuple[str, ...] = ()


@dataclass(frozen=True)
class HoldoutUse:
    """How often the rows were used to decide before. `shared` is the largest share of them that a decision knew.

    `sketch` is how a later run knows them again.
    """

    fingerprint: str
    earlier_looks: int
    shared: float = 0.0
    sketch: tuple[str, ...] = ()


@dataclass(frozen=True)
class GoldenEvidence:
    """What both models do on the golden set, the rows that never change. `leak` is the champion's, of these rows."""

    candidate: Evaluation
    use: HoldoutUse
    comparison: Comparison | None = None
    leak: str = ""


@dataclass(frozen=True)
class Evidence:
    """All that is known of a candidate; without `champion`, nothing is served yet.

    `new_schema`: a person has said that the data, and so the model's inputs, may differ from the served version's.
    """

    candidate: Evaluation
    champion: Champion | None = None
    metrics: tuple[MetricEvidence, ...] = ()
    slices: tuple[SliceEvidence, ...] = ()
    footprint: Footprint | None = None
    holdout: HoldoutUse | None = None
    new_schema: bool = False
    golden: GoldenEvidence | None = None
