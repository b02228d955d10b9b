"""Holm's correction, for p values that are looked at together. Knows nothing of where they come from."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted for having been looked at together (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, highest = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
