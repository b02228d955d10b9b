"""The report's measures, scales and words, each by itself."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keepfit.pipeline.report.chart import Scale, plane, span, thinned
from keepfit.pipeline.report.confusion import confusion_of
from keepfit.pipeline.report.curves import curve_charts
from keepfit.pipeline.report.probabilities import calibration_chart, roc, thresholds
from keepfit.pipeline.report.regression import error_quantiles, r2_interval, value_charts
from keepfit.pipeline.report.table import MOST_COLUMNS, class_bars, column_lines
from keepfit.pipeline.report.wording import (
    beside,
    count,
    number,
    percent,
    quantity,
    seconds,
    sentence,
    shortened,
    size,
)

NUMBERS = st.floats(-1e30, 1e30)
COLUMN = {
    "kind": "numeric", "dtype": "Float64", "missing_share": 0.0,
    "minimum": 0.0, "maximum": 10.0, "mean": 4.0, "std": 1.0, "median": 5.0,
}  # fmt: skip


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=40))
def test_area_under_roc_is_the_chance_that_a_positive_scores_higher(rows):
    positive, scores = np.array([row[0] for row in rows]), np.array([row[1] / 8 for row in rows])
    curve = roc(positive, scores)
    if positive.all() or not positive.any():
        assert curve is None
        return
    higher = scores[positive][:, None] - scores[~positive][None, :]
    assert curve.area == pytest.approx(float(np.mean((higher > 0) + 0.5 * (higher == 0))))
    assert (curve.false_alarms[0], curve.found[0]) == (0, 0)
    assert (curve.false_alarms[-1], curve.found[-1]) == (1, 1)


@given(NUMBERS, NUMBERS, st.integers(2, 8))
def test_ticks_are_few_different_and_inside(first, second, most):
    x, _ = plane((min(first, second), max(first, second)), (0, 1))
    ticks = x.ticks(most)
    assert len(ticks) <= most + 1
    assert len({tick.at for tick in ticks}) == len(ticks)
    assert all(x.start - 0.1 <= tick.at <= x.end + 0.1 for tick in ticks)


def test_ticks_are_round():
    assert [tick.label for tick in Scale(0.07, 0.62, 0, 100).ticks(5)] == ["0.2", "0.4", "0.6"]
    assert [tick.label for tick in Scale(-1500, 2500, 0, 100).ticks(5)] == ["−1,000", "0", "1,000", "2,000"]
    assert [tick.label for tick in Scale(0, 4e9, 0, 100).ticks(4)] == ["0", "1e9", "2e9", "3e9", "4e9"]


def test_span_ignores_what_is_not_finite():
    assert span(np.array([1.0, math.nan, 3.0]), np.array([math.inf]), margin=0) == (1.0, 3.0)
    assert span(np.array([math.nan])) == (0.0, 1.0)


@given(st.integers(1, 10_000), st.integers(2, 300))
def test_thinning_keeps_both_ends(rows, most):
    kept = thinned(rows, most)
    assert (kept[0], kept[-1]) == (0, rows - 1)
    assert len(kept) <= most


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.0, "0"), (1234.5678, "1,235"), (0.012345, "0.01235"), (-2.5, "−2.5"), (3e-7, "3e−7"),
     (12345678901.0, "1.23e10"), (math.nan, "–"), (math.inf, "–"), (None, "–"), (1_000_000.0, "1,000,000")],
)  # fmt: skip
def test_number_is_readable(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "12 ms"), (0.9996, "1.0 s"), (12.94, "12.9 s"), (125, "2 min 5 s"), (7384, "2 h 3 min")],
)
def test_duration_is_readable(value, text):
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(99.999, "99.999 %"), (100.0, "100.00 %"), (0.0001, "0.0001 %"), (97.456, "97.46 %"), (None, "–")],
)
def test_percent_never_rounds_to_perfect(value, text):
    assert percent(value) == text


@given(st.floats(0, 100), st.floats(0, 100).map(lambda bound: round(bound, 2)))
def test_score_reads_on_its_side_of_the_bound(value, bound):
    shown = float(beside(value, (bound,), 2))
    assert (shown >= bound) == (value >= bound)


@pytest.mark.parametrize(
    ("value", "unit", "bounds", "text"),
    [
        (96.996, "percent", (97.0,), "96.996 %"), (99.999, "percent", (), "99.999 %"),
        (-4.24, "points", (), "−4.24 points"),
        (1.3549, "ratio", (), "1.35 times"), (0.0293, "ms", (), "0.0293 ms"), (191_000, "bytes", (), "191 kB"),
        (0.98, "", (0.98,), "0.9800"), (15.996, "", (16.0,), "15.996"),
        (16.2, "", (), "16.20"), (470.25, "", (), "470.2"),
        (0.0, "", (), "0"), (0.999997, "", (), "0.999997"),
        (-1e60, "", (0.5,), "−1e60"), (2e9, "ratio", (), "2e9 times"), (math.nan, "ms", (), "–"),
    ],
)  # fmt: skip
def test_quantity_has_its_unit_and_reads_on_its_side_of_the_bound(value, unit, bounds, text):
    assert quantity(value, unit, bounds) == text


def test_difference_has_its_sign():
    assert quantity(0.125, "points", signed=True) == "+0.12 points"
    assert quantity(-0.001, "points", signed=True) == "−0.001 points"
    assert quantity(0.0, "points", signed=True) == "0.00 points"


def test_size_is_in_the_unit_that_suits_it():
    assert (size(12), size(1_234), size(5.6e6), size(7.89e9)) == ("12 bytes", "1.23 kB", "5.6 MB", "7.89 GB")


def test_words():
    assert (count(1), count(2_000), count(1, "class")) == ("1 row", "2,000 rows", "1 class")
    assert shortened("abcdefghij", 10) == "abcdefghij"
    assert shortened("abcdefghijk", 7) == "abcd…jk"
    assert sentence("some") == "Some."
    assert sentence("") == "."


def test_r2_interval_holds_the_true_value_about_as_often_as_it_says():
    random, held = np.random.default_rng(0), 0
    for _ in range(300):
        truth = random.normal(0, 1, 400)
        low, high = r2_interval(truth, truth + random.normal(0, 0.5, 400))
        held += low <= 0.75 <= high
    assert 0.91 <= held / 300 <= 0.99


def test_r2_has_no_interval_where_it_means_nothing():
    assert r2_interval(np.ones(5), np.zeros(5)) is None
    assert r2_interval(np.array([1.0]), np.array([1.0])) is None


def test_error_quantiles_end_with_the_worst():
    found = error_quantiles(np.zeros(101), np.arange(101.0))
    assert (found[0].rows, found[0].error) == ("50 % of the rows", "50")
    assert (found[-1].rows, found[-1].error) == ("all rows", "100")


def test_largest_error_is_drawn_among_a_million_rows():
    truth, predicted = np.linspace(0, 1, 1_000_000), np.linspace(0, 1, 1_000_000)
    predicted[123_457] = 5.0
    residuals = value_charts(truth, predicted, "y")[1]
    assert "errors between 0 and 4.877" in residuals.alternative
    cloud = residuals.marks[0].path
    assert cloud.count("M") <= 1_500
    highest = min(float(point.split(" ")[1].split("h")[0]) for point in cloud.split("M")[1:])
    assert highest == pytest.approx(float(residuals.y(4.876543)), abs=0.2)


def test_honest_probabilities_are_calibrated_and_boasting_ones_are_not():
    random = np.random.default_rng(0)
    stated = random.random(50_000)
    right = random.random(50_000) < stated
    honest = calibration_chart(right, stated, "p")
    boasting = calibration_chart(right, np.sqrt(stated), "p")
    assert _mean_distance(honest) < 1
    assert _mean_distance(boasting) > 10


def _mean_distance(chart):
    return float(chart.alternative.split(" differ by ")[1].split(" %")[0])


def test_probability_of_one_falls_into_the_last_bin():
    chart = calibration_chart(np.array([True, False]), np.array([1.0, 0.0]), "p")
    assert [mark.says.split(" (")[0] for mark in chart.marks if mark.says] == [
        "stated 0.0 %, true 0.0 %", "stated 100.0 %, true 100.0 %",
    ]  # fmt: skip


def test_thresholds_trade_finding_for_being_right():
    found = thresholds(np.array([True, True, False, False]), np.array([0.9, 0.35, 0.4, 0.1]))
    at = {row.at: row for row in found}
    assert (at["30 %"].found, at["30 %"].right, at["30 %"].accuracy) == ("100.0 %", "66.7 %", "75.0 %")
    assert (at["50 %"].found, at["50 %"].right, at["50 %"].accuracy) == ("50.0 %", "100.0 %", "75.0 %")
    assert [row.at for row in found if row.is_used] == ["50 %"]
    assert thresholds(np.array([True]), np.array([0.0]))[0].right == "–"


def test_confusion_names_qualities_and_the_worst_pair():
    found = confusion_of([[8, 2, 0], [0, 10, 0], [5, 0, 5]], ["a", "b", "c"])
    assert [(q.label, q.found, q.right) for q in found.qualities] == [
        ("a", "80.0 %", "61.5 %"), ("b", "100.0 %", "83.3 %"), ("c", "50.0 %", "100.0 %"),
    ]  # fmt: skip
    assert [(pair.true, pair.predicted, pair.rows, pair.share) for pair in found.pairs] == [
        ("c", "a", 5, "50.0 %"), ("a", "b", 2, "20.0 %"),
    ]  # fmt: skip
    assert "“c” is taken for “a”: 5 rows" in found.alternative
    assert found.lines[0].cells[0].is_right
    assert found.lines[0].cells[0].depth == 80


def test_perfect_matrix_and_class_without_rows_have_words():
    found = confusion_of([[3, 0], [0, 0]], ["a", "b"])
    assert found.alternative == "No row is taken for another class."
    assert (found.qualities[1].found, found.qualities[1].right) == ("–", "–")


def test_too_many_classes_give_the_worst_first():
    counts = np.diag([10] * 40)
    counts[7] = 0
    counts[7, 3] = 10
    found = confusion_of(counts.tolist(), [f"c{number}" for number in range(40)])
    assert found.lines == ()
    assert found.qualities[0].label == "c7"
    assert len(found.qualities) == 15


def test_class_bars_keep_all_rows_of_many_classes():
    train = {f"c{number}": number + 1 for number in range(50)}
    bars = class_bars(train, dict.fromkeys(train, 1))
    assert bars[0].label == "c49"
    assert bars[-1].label == "39 other classes"
    assert sum(bar.train_rows for bar in bars) == sum(train.values())
    assert sum(bar.holdout_percent for bar in bars) == pytest.approx(100)
    assert max(max(bar.width, bar.holdout_width) for bar in bars) == 100
    assert bars[-1].width == 0


def test_column_lines_are_limited_and_show_ranges_only_if_few():
    few = column_lines([{**COLUMN, "name": "x"}])
    assert (few[0].values, few[0].centre, few[0].missing) == ("0 to 10", "4 ± 1", "")
    assert (few[0].range.from_at, few[0].range.to_at, few[0].range.median_at) == (30, 50, 50)
    many = column_lines([{**COLUMN, "name": f"x{number}"} for number in range(MOST_COLUMNS + 5)])
    assert len(many) == MOST_COLUMNS
    assert many[0].range is None


def test_column_without_any_value_says_so():
    line = column_lines([{**COLUMN, "name": "x", "minimum": 0.0, "maximum": 0.0, "missing_share": 1.0}])[0]
    assert (line.values, line.missing, line.range) == ("none", "100.0 %", None)


def test_curves_of_many_epochs_are_thinned_and_of_few_have_dots():
    (long,) = curve_charts({"loss": [1 / (epoch + 1) for epoch in range(100_000)]}, {})
    assert len(long.marks) == 1
    assert long.marks[0].path.count("L") < 300
    (short,) = curve_charts({"loss": [0.5]}, {"loss": 0.4})
    assert [mark.look for mark in short.marks] == ["rule", "dot one"]
    assert [tick.label for tick in short.x_ticks] == ["1"]


def test_curves_show_what_was_measured_loss_and_accuracy_first():
    curves = {"mae": [3.0, 2.0], "accuracy": [0.5, 0.6], "loss": [1.0, None], "val_loss": [1.5, 1.2]}
    charts = curve_charts(curves, {"accuracy": 0.55, "loss": None})
    assert [chart.title for chart in charts] == ["Loss", "Accuracy in percent", "Mae"]
    assert [key.text for key in charts[0].keys] == ["training rows", "validation rows"]
    assert charts[1].keys[-1].text == "holdout, at the end: 55.00 %"
    assert all("nan" not in mark.path for chart in charts for mark in chart.marks)


@given(st.lists(st.one_of(st.none(), NUMBERS), min_size=1, max_size=50))
def test_any_curve_can_be_drawn(values):
    assume(values)
    (chart,) = curve_charts({"loss": values}, {"loss": values[0]})
    assert all("nan" not in mark.path and "inf" not in mark.path for mark in chart.marks)
    assert chart.x_ticks
    assert chart.y_ticks
