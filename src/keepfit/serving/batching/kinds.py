"""Which requests may be joined: those of one kind. Knows signatures and arrays, nothing of queues."""

from collections.abc import Mapping
from dataclasses import dataclass

from keepfit.dtypes import Array
from keepfit.signatures import Signature

MAX_KINDS = 1024
"""Those that nothing waits of are forgotten when there are more: clients choose shapes."""


@dataclass(slots=True, eq=False)
class Kind:
    """What requests have in common that may be joined."""

    rows: int = 0
    """How many rows of this kind wait."""


class Kinds:
    """The kinds of the requests to one version."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[object, ...], Kind | None] = {}

    def of(
        self, signature: Signature, inputs: Mapping[str, Array], outputs: tuple[str, ...], *, by_rank: bool
    ) -> Kind | None:
        """Return the kind of a request, or None if it cannot be joined with any other.

        by_rank says that tensors are padded, so that of their dimensions only the number counts.
        """
        rows = None
        key: tuple[object, ...] = (signature.name, outputs)
        for name, array in inputs.items():
            shape = array.shape
            if not shape or rows not in (None, shape[0]):
                return None
            rows = shape[0]
            key += (name, array.dtype, len(shape) if by_rank else shape[1:])
        try:
            return self._kinds[key]
        except KeyError:
            return self._new(key, signature, inputs, outputs)

    def _new(
        self, key: tuple[object, ...], signature: Signature, inputs: Mapping[str, Array], outputs: tuple[str, ...]
    ) -> Kind | None:
        if len(self._kinds) >= MAX_KINDS:
            self._kinds = {known: kind for known, kind in self._kinds.items() if kind is not None and kind.rows}
        batchable = len(inputs) == len(signature.inputs) and _is_batchable(signature, outputs)
        kind = self._kinds[key] = Kind() if batchable else None
        return kind


def _is_batchable(signature: Signature, outputs: tuple[str, ...]) -> bool:
    """Tell whether a signature says that the first dimension of all its tensors is the batch."""
    specs = (*signature.inputs.values(), *(signature.outputs[name] for name in outputs))
    return all(spec.shape and spec.shape[0] is None for spec in specs)
