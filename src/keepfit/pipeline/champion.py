"""The served version as a rival: whether it can be compared with, and what would make the comparison unfair.

Reads its files; runs nothing, and needs no TensorFlow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keepfit.config import Config
from keepfit.data.schema import Schema
from keepfit.errors import KeepfitError, ModelLoadError
from keepfit.pipeline import artifacts
from keepfit.pipeline.contract import OUTPUT_NAME, SIGNATURE_NAME, input_names
from keepfit.pipeline.gate.evidence import Champion
from keepfit.pipeline.slices import source_of
from keepfit.signatures import Signature, TensorSpec, describe, read_signatures
from keepfit.versions import Versions

Shape = tuple[int | None, ...]

_DTYPES = {"numeric": "float32", "boolean": "bool", "categorical": "string"}
_MODEL_PARTS = ("saved_model.pb", "fingerprint.pb", "variables", "assets")


@dataclass(frozen=True)
class Rival:
    """The served version's folder, and what is known of it before it is run."""

    folder: Path
    champion: Champion
    golden_fingerprint: str | None = None
    """Of the golden set that its record names: it was not trained on those rows."""

    def golden_leak(self, fingerprint: str) -> str:
        """Why it may have been trained on the rows of today's golden set, "" if it cannot have been."""
        if self.golden_fingerprint is None:
            return "it was trained before there was a golden set"
        return "" if self.golden_fingerprint == fingerprint else "the golden set has changed since"

    @property
    def can_be_asked(self) -> bool:
        """Whether it takes the candidate's inputs and gives answers of the same kind."""
        return not self.champion.problem and not self.champion.mismatch


def find_rival(versions: Versions, schema: Schema, config: Config) -> Rival | None:
    """Look at the served version, the rival of a candidate trained on data of `schema`; None if there is none."""
    version = versions.current()
    if version is None:
        return None
    folder = versions.path(version)
    metrics = artifacts.read_metrics(folder)
    problem = mismatch = ""
    try:
        mismatch = _mismatch(read_signatures(folder), schema, metrics)
    except ModelLoadError as error:
        problem = f"it cannot be loaded: {error}"
    leak = _leak(metrics, _schema(folder), schema, config)
    sources = {source_of(part) for part in config.gate.slices}
    return Rival(
        folder,
        Champion(version, problem=problem, mismatch=mismatch, leak=leak, slices=_slices(metrics, sources)),
        _golden_fingerprint(metrics),
    )


def size_bytes(folder: Path) -> int:
    """What the model itself takes on disk, without reports and warmup requests."""
    parts = [folder / name for name in _MODEL_PARTS]
    files = [file for part in parts for file in ([part] if part.is_file() else part.rglob("*"))]
    return sum(file.stat().st_size for file in files if file.is_file())


def _mismatch(signatures: Mapping[str, Signature], schema: Schema, metrics: Mapping[str, Any]) -> str:
    """How the candidate's form differs from what the served version's clients use, "" if they can stay."""
    signature = signatures.get(SIGNATURE_NAME)
    if signature is None:
        return f"it has no signature {SIGNATURE_NAME!r}, which the candidate has"
    differing = _other_inputs(signature, _inputs(schema)) or _other_output(signature, schema)
    return differing or _other_classes(schema, metrics)


def _other_inputs(signature: Signature, wanted: Mapping[str, tuple[str, Shape]]) -> str:
    for name, spec in signature.inputs.items():
        if name not in wanted:
            return f"it takes an input {name!r}, which the candidate does not know"
        dtype, shape = wanted[name]
        if spec.dtype != dtype or not _agrees(spec, shape):
            its, mine = f"{spec.dtype} {describe(spec.shape)}", f"{dtype} {describe(shape)}"
            return f"its input {name!r} is {its}, the candidate's {mine}"
    new = sorted(wanted.keys() - signature.inputs.keys())
    return f"the candidate takes an input {new[0]!r}, which it does not know" if new else ""


def _other_output(signature: Signature, schema: Schema) -> str:
    output = signature.outputs.get(OUTPUT_NAME)
    if output is None:
        return f"it answers {', '.join(signature.outputs)}, the candidate {OUTPUT_NAME}"
    shape = (None, len(schema.target.classes) if schema.target.task == "multiclass" else 1)
    return "" if _agrees(output, shape) else f"it answers {describe(output.shape)}, the candidate {describe(shape)}"


def _other_classes(schema: Schema, metrics: Mapping[str, Any]) -> str:
    signature = metrics.get("signature")
    classes = signature.get("classes") if isinstance(signature, Mapping) else None
    if not isinstance(classes, list) or tuple(classes) == schema.target.classes:
        return ""
    named, now = ", ".join(map(str, classes)) or "a number", ", ".join(schema.target.classes) or "a number"
    return f"it predicts {named}, the candidate {now}"


def _inputs(schema: Schema) -> dict[str, tuple[str, Shape]]:
    names = input_names(schema)
    if schema.is_numeric:
        return {names[0]: ("float32", (None, len(schema.columns)))}
    return {name: (_DTYPES[column.kind], (None,)) for name, column in zip(names, schema.columns, strict=True)}


def _agrees(spec: TensorSpec, shape: Shape) -> bool:
    if spec.shape is None:
        return True
    return len(spec.shape) == len(shape) and all(
        its is None or mine is None or its == mine for its, mine in zip(spec.shape, shape, strict=True)
    )


def _schema(folder: Path) -> Schema | None:
    try:
        return artifacts.read_schema(folder)
    except (KeepfitError, OSError, ValueError):
        return None


def _leak(metrics: Mapping[str, Any], known: Schema | None, schema: Schema, config: Config) -> str:
    """Why it may have been trained on rows that judge today, "" if it cannot have been.

    The side on which a row lies is decided by its values and these settings alone (data/split.py).
    """
    before = metrics.get("config")
    data = before.get("data") if isinstance(before, Mapping) else None
    if not isinstance(data, Mapping) or known is None:
        return "its record does not say on which rows it was trained"
    now = config.data
    changed = [key for key in ("holdout_path", "split_by") if data.get(key) != getattr(now, key)]
    if changed:
        return f"data.{changed[0]} has changed since"
    if now.holdout_path is not None:
        return ""
    if not now.split_by and set(known.feature_names) != set(schema.feature_names):
        return "the columns that decide the split have changed since"
    fraction = data.get("holdout_fraction")
    # a smaller holdout is a part of the larger one
    is_known = isinstance(fraction, int | float) and now.holdout_fraction <= fraction
    return "" if is_known else "data.holdout_fraction has grown since"


def _golden_fingerprint(metrics: Mapping[str, Any]) -> str | None:
    dataset = metrics.get("dataset")
    golden = dataset.get("golden") if isinstance(dataset, Mapping) else None
    return str(golden["fingerprint"]) if isinstance(golden, Mapping) and "fingerprint" in golden else None


def _slices(metrics: Mapping[str, Any], sources: set[str]) -> tuple[str, ...]:
    verdict = metrics.get("verdict")
    lines = verdict.get("slices") if isinstance(verdict, Mapping) else None
    if not isinstance(lines, list):
        return ()
    return tuple(
        str(line["name"])
        for line in lines
        if isinstance(line, Mapping)
        and line.get("judged")
        and not line.get("optional")
        and line.get("source") in sources
        and "name" in line
    )
