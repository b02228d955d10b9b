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
from keepfit.ledger import Event
from keepfit.pipeline.champion import Rival, find_rival, size_bytes
from keepfit.pipeline.contract import input_names
from keepfit.pipeline.evaluate import evaluate
from keepfit.pipeline.gate import Evidence
from keepfit.pipeline.gate.evidence import Champion, Footprint, GoldenEvidence, HoldoutUse
from keepfit.pipeline.looks import earlier_use
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


@dataclass(frozen=True, eq=False)
class ChampionAnswers:
    """Predictions (rows, outputs), None where there are none; `problem` says why it cannot be compared with."""

    holdout: NDArray[Any] | None = None
    golden: NDArray[Any] | None = None
    problem: str = ""


@dataclass(frozen=True)
class Uses:
    """How often the rows that judge have decided before; `golden` is None without a golden set."""

    holdout: HoldoutUse
    golden: HoldoutUse | None = None


def earlier_uses(events: Sequence[Event], dataset: Dataset) -> Uses:
    """Count them by the ledger's events."""
    golden = None if dataset.golden is None else earlier_use(events, dataset.golden.identity, "golden")
    return Uses(earlier_use(events, dataset.holdout_identity), golden)


def start(config: Config, dataset: Dataset, versions: Versions, qualifier: Qualifier, scratch: Path) -> Challenge:
    """Find the slices and the served version, and let it answer the holdout. Raises ConfigError, StorageError."""
    slices = find_slices(config.gate.slices, dataset.holdout.frame)
    rival = find_rival(versions, dataset.schema, config)
    if rival is not None and rival.can_be_asked:
        qualifier.ask_champion(rival.folder, _asked_rows(dataset), scratch)
    return Challenge(config, rival, slices, qualifier)


def _asked_rows(dataset: Dataset) -> dict[str, NDArray[Any]]:
    """The holdout's rows by the names that clients use, and the golden set's below them."""
    tables = [dataset.holdout, *([] if dataset.golden is None else [dataset.golden.table])]
    columns = zip(*(table.inputs.values() for table in tables), strict=True)
    names = input_names(dataset.schema)
    return {name: np.concatenate(parts) for name, parts in zip(names, columns, strict=True)}


def champion_answers(challenge: Challenge, dataset: Dataset) -> ChampionAnswers:
    """What the champion predicts for the holdout and the golden set, or why it cannot be compared with."""
    if challenge.rival is None or not challenge.rival.can_be_asked:
        return ChampionAnswers()
    try:
        answers = challenge.qualifier.champion_answers()
    except ModelLoadError as error:
        return ChampionAnswers(problem=f"it does not work: {error}")
    target = dataset.schema.target
    rows = dataset.holdout.rows + (0 if dataset.golden is None else dataset.golden.table.rows)
    expected = (rows, len(target.classes) if target.task == "multiclass" else 1)
    if answers.shape != expected:
        return ChampionAnswers(problem=f"it answers shape {answers.shape} where {expected} is expected")
    if not np.isfinite(answers).all():
        return ChampionAnswers(problem="some of its predictions are not finite numbers")
    return ChampionAnswers(answers[: dataset.holdout.rows], answers[dataset.holdout.rows :])


def gather(
    challenge: Challenge,
    dataset: Dataset,
    candidate: "Candidate",
    answers: ChampionAnswers,
    latencies_ms: Sequence[float],
    uses: Uses,
    seed: int,
    *,
    new_schema: bool,
) -> Evidence:
    """All that the gate is told. `latencies_ms`: of the candidate, and of the champion if it was measured."""
    predictions = Answers(dataset.schema.target, dataset.holdout.target, candidate.predictions, answers.holdout)
    measured = measure(predictions, challenge.slices, challenge.config.gate, seed)
    champion: Champion | None = None
    if challenge.rival is not None:
        footprint = None
        if answers.holdout is not None:
            latency_ms = latencies_ms[1] if len(latencies_ms) > 1 else None
            footprint = Footprint(size_bytes(challenge.rival.folder), latency_ms)
        known = challenge.rival.champion
        problem = known.problem or answers.problem
        champion = replace(known, comparison=measured.comparison, footprint=footprint, problem=problem)
    return Evidence(
        candidate.evaluation,
        champion,
        measured.metrics,
        measured.slices,
        Footprint(size_bytes(candidate.folder), latencies_ms[0] if latencies_ms else None),
        uses.holdout,
        new_schema,
        _golden_evidence(challenge, dataset, candidate, answers, uses, seed),
    )


def _golden_evidence(
    challenge: Challenge, dataset: Dataset, candidate: "Candidate", answers: ChampionAnswers, uses: Uses, seed: int
) -> GoldenEvidence | None:
    golden, mine = dataset.golden, candidate.golden_predictions
    if golden is None or mine is None or uses.golden is None:
        return None
    target, rival = dataset.schema.target, challenge.rival
    rules = challenge.config.gate.model_copy(update={"metrics": {}})
    measured = measure(Answers(target, golden.table.target, mine, answers.golden), (), rules, seed)
    leak = "" if rival is None else rival.golden_leak(golden.identity.fingerprint)
    return GoldenEvidence(evaluate(target, golden.table.target, mine), uses.golden, measured.comparison, leak)
