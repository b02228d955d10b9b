"""Puts champion and candidate side by side: lets the champion answer beside the training, and gathers the evidence.

Knows the fresh process and the files; nothing of how the evidence is judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from keepfit.config import Config
from keepfit.data.dataset import Dataset
from keepfit.errors import ModelLoadError
from keepfit.pipeline.champion import Rival, find_rival, size_bytes
from keepfit.pipeline.contract import input_names
from keepfit.pipeline.gate import Evidence
from keepfit.pipeline.gate.evidence import Champion, Footprint, HoldoutUse
from keepfit.pipeline.measure import Answers, measure
from keepfit.pipeline.qualify import Qualifier
from keepfit.pipeline.slices import Slice, find_slices
from keepfit.versions import Versions

if TYPE_CHECKING:
    from keepfit.pipeline.candidate import Candidate


@dataclass(frozen=True)
class Challenge:
    """What is known before the candidate is there; the rival, if it can be asked, is at work in the qualifier."""

    config: Config
    rival: Rival | None
    slices: Sequence[Slice]
    qualifier: Qualifier


def start(config: Config, dataset: Dataset, versions: Versions, qualifier: Qualifier, scratch: Path) -> Challenge:
    """Find the slices and the served version, and let it answer the holdout. Raises ConfigError, StorageError."""
    slices = find_slices(config.gate.slices, dataset.holdout.frame)
    rival = find_rival(versions, dataset.schema, config)
    if rival is not None and rival.can_be_asked:
        names = input_names(dataset.schema)
        inputs = dict(zip(names, dataset.holdout.inputs.values(), strict=True))
        qualifier.ask_champion(rival.folder, inputs, scratch)
    return Challenge(config, rival, slices, qualifier)


def champion_answers(challenge: Challenge, dataset: Dataset) -> tuple[NDArray[Any] | None, str]:
    """What the champion predicts for the holdout, or None and why it cannot be compared with."""
    if challenge.rival is None or not challenge.rival.can_be_asked:
        return None, ""
    try:
        answers = challenge.qualifier.champion_answers()
    except ModelLoadError as error:
        return None, f"it does not work: {error}"
    target = dataset.schema.target
    expected = (dataset.holdout.rows, len(target.classes) if target.task == "multiclass" else 1)
    if answers.shape != expected:
        return None, f"it answers shape {answers.shape} where {expected} is expected"
    if not np.isfinite(answers).all():
        return None, "some of its predictions are not finite numbers"
    return answers, ""


def gather(
    challenge: Challenge,
    dataset: Dataset,
    candidate: "Candidate",
    answers: NDArray[Any] | None,
    problem: str,
    latencies_ms: Sequence[float],
    use: HoldoutUse,
    seed: int,
    *,
    new_schema: bool,
) -> Evidence:
    """All that the gate is told. `latencies_ms`: of the candidate, and of the champion if it was measured."""
    predictions = Answers(dataset.schema.target, dataset.holdout.target, candidate.predictions, answers)
    measured = measure(predictions, challenge.slices, challenge.config.gate, seed)
    champion: Champion | None = None
    if challenge.rival is not None:
        footprint = None
        if answers is not None:
            latency_ms = latencies_ms[1] if len(latencies_ms) > 1 else None
            footprint = Footprint(size_bytes(challenge.rival.folder), latency_ms)
        known = challenge.rival.champion
        champion = replace(known, comparison=measured.comparison, footprint=footprint, problem=known.problem or problem)
    return Evidence(
        candidate.evaluation,
        champion,
        measured.metrics,
        measured.slices,
        Footprint(size_bytes(candidate.folder), latencies_ms[0] if latencies_ms else None),
        use,
        new_schema,
    )
