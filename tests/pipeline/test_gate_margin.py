"""Whether a holdout can tell anything within the margin, as a table of rows and advice."""

import pytest

from keepfit.config import ChampionConfig, GateConfig
from keepfit.pipeline.gate.margin import too_few_to_compare


@pytest.mark.parametrize(
    ("rows", "margin"), [(1_300, "1"), (500, "1.5"), (183, "2.5"), (20, "17"), (2, None), (1_400, ""), (100_000, "")]
)
def test_too_few_rows_are_told_with_the_margin_that_they_can_tell(rows, margin):
    said = too_few_to_compare(rows, GateConfig())
    assert bool(said) == (margin != "")
    if said:
        assert f"the holdout's {rows:,} rows are too few for the gate's margin of 0.5 points" in said
        assert "takes about 1,400 even for an easy problem" in said
        assert 'gate.champion.test to "not_shown_worse"' in said
        assert ("margin_points" in said) == (margin is not None)
    if margin:
        assert f"set gate.champion.margin_points to {margin} or more" in said


def test_margin_that_is_advised_is_enough():
    for rows in (50, 183, 500, 1_000):
        said = too_few_to_compare(rows, GateConfig())
        margin = float(said.split("margin_points to ")[1].split()[0])
        assert too_few_to_compare(rows, GateConfig(champion=ChampionConfig(margin_points=margin))) == ""


@pytest.mark.parametrize("test", ["superiority", "not_shown_worse", "off"])
def test_nothing_is_said_where_no_margin_is_asked(test):
    assert too_few_to_compare(10, GateConfig(champion=ChampionConfig(test=test))) == ""
