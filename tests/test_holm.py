"""Holm's correction, by hand, by its bounds, and against another one of SciPy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from keepfit.holm import holm


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_lies_between_single_tests_and_bonferroni(p_values):
    adjusted = holm(p_values)
    for p_value, found in zip(p_values, adjusted, strict=True):
        assert p_value <= found <= min(1.0, len(p_values) * p_value) + 1e-12
    order = np.argsort(p_values, kind="stable")
    assert all(np.diff(np.array(adjusted)[order]) >= 0)


def test_holm_by_hand_and_stricter_than_false_discovery_control():
    # Holm 1979: 0.01 × 4, 0.005 first; worked by hand
    p_values = [0.01, 0.04, 0.03, 0.005]
    assert holm(p_values) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert all(np.array(holm(p_values)) >= false_discovery_control(p_values) - 1e-12)
