"""The report page as a whole: what it says of each kind of candidate, and that nothing breaks it."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import keepfit
from keepfit.pipeline.report import render

from .reports import numeric_table, reportable

HOSTILE = "</script><img src=x onerror=\"alert('&')\">"
HEAVY = ("tensorflow", "keras", "matplotlib", "pandas", "sklearn", "polars.dataframe.plotting")
DIGITS = {"labels": list("0123456789"), "noise": 0.3, "table": numeric_table(4), "gate": {"min_accuracy_percent": 80}}
CASES = {
    "binary": {},
    "three classes": {"labels": ("a", "b", "c"), "rows": 900},
    "ten classes": DIGITS,
    "thirty classes": {**DIGITS, "labels": [f"class {number}" for number in range(30)]},
    "hundred classes": {**DIGITS, "labels": [f"class {number}" for number in range(100)], "rows": 9_000},
    "regression": {"labels": None, "noise": 20},
    "few rows": {"rows": 60, "noise": 0.6},
    "wide": {"table": numeric_table(200), "rows": 300},
    "hostile": {
        "labels": (f"{HOSTILE}a", f"{HOSTILE}b"),
        "target": f"{HOSTILE}y",
        "table": lambda rows, random: {f"{HOSTILE}{n}": random.choice([HOSTILE, "%s{{ 7 }}'"], rows) for n in range(3)},
    },
    "not a number": {"change": lambda found: np.where(np.arange(len(found))[:, None] % 3 == 0, np.nan, found)},
    "no number at all": {"change": lambda found: np.full_like(found, np.nan)},
    "infinite": {"change": lambda found: np.where(np.arange(len(found))[:, None] == 5, np.inf, found)},
    "regression with infinite": {
        "labels": None,
        "change": lambda found: np.where(np.arange(len(found))[:, None] == 5, -np.inf, found),
    },
    "regression without a number": {"labels": None, "change": lambda found: np.full_like(found, np.nan)},
    "enormous": {"labels": None, "change": lambda found: found * np.float64(1e36)},
    "constant": {"change": lambda found: np.full_like(found, 0.5)},
    "constant regression": {"labels": None, "change": lambda found: np.full_like(found, 7)},
}


class Page(HTMLParser):
    """The page as a browser sees it: its elements, and its text."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.attributes, self.parts, self.open = [], [], [], []
        self.source = source
        self.feed(source)
        self.close()

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.parts))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" not in self.open:
            self.parts.append(data)


@pytest.fixture
def page_of(tmp_path):
    def make(**options):
        found = reportable(tmp_path, **options)
        return Page(render(found.metrics, found.schema, found.truth, found.predictions))

    return make


@pytest.fixture(params=CASES)
def any_page(request, page_of):
    return page_of(**CASES[request.param])


def test_page_needs_nothing_but_itself(any_page):
    assert not {"script", "img", "link", "iframe", "object"} & set(any_page.tags)
    assert all(value.startswith("#") for name, value in any_page.attributes if name in {"href", "src"})
    assert not [name for name, _ in any_page.attributes if name.startswith("on")]
    assert "url(" not in any_page.source
    assert len(any_page.source.encode()) < 300_000


def test_every_picture_is_well_formed_lies_in_its_frame_and_says_what_it_shows(any_page):
    pictures = re.findall(r'<svg class="chart".*?</svg>', any_page.source, re.DOTALL)
    assert pictures
    for source in pictures:
        picture = ElementTree.fromstring(source)
        assert picture.get("role") == "img"
        assert len(picture.get("aria-label")) > 20
        width, height = map(float, picture.get("viewBox").split()[2:])
        for path in picture.iter("path"):
            assert "nan" not in path.get("d")
            assert "inf" not in path.get("d")
            for x, y in re.findall(r"[ML](\S+?) (-?[\d.]+)", path.get("d")):
                assert -1 <= float(x) <= width + 1
                assert -1 <= float(y) <= height + 1


def test_tables_have_headers(any_page):
    for table in re.findall(r"<table.*?</table>", any_page.source, re.DOTALL):
        assert 'scope="col"' in table
        assert 'scope="row"' in table


def test_promoted_version_is_told_first(page_of):
    page = page_of()
    assert page.text.index("Version 7") < page.text.index("Promoted") < page.text.index("Accuracy 99.")
    assert "What decided all 3 rules passed" in page.text
    for rule in ("Accurate enough: passed", "Better than guessing: passed", "Finite predictions: passed"):
        assert rule in page.text
    assert "at least 97 %" in page.text
    assert re.search(r"95 % interval 98\.\d+ to 99\.\d+, 8\d\d rows\)\. Interval: Clopper–Pearson", page.text)
    assert "The whole interval is on the right side of the bound" in page.text
    assert "not served" not in page.text


def test_rejected_candidate_is_told_with_its_reason_and_is_not_offered_for_calls(page_of):
    page = page_of(noise=0.9)
    assert "Candidate" in page.text
    assert "Rejected" in page.text
    assert "Accurate enough: failed" in page.text
    assert re.search(r"Accuracy 8\d\.\d+ % < 97 %\. It is not served\.", page.text)
    assert "The same call asks the version that is" in page.text


def test_candidate_that_was_only_tried_out_is_not_called_promoted(page_of):
    page = page_of(version=None)
    assert "Passed" in page.text
    assert "It was tried out, and is not served." in page.text
    assert "Promoted" not in page.text


def test_few_rows_are_said_to_be_few(page_of):
    page = page_of(rows=60, noise=0.6)
    assert re.search(r"\d+ rows are few: the interval is \d+ points wide", page.text)
    assert "1 warning" in page.text
    assert "are few" not in page_of().text


def test_binary_page_shows_roc_calibration_and_other_thresholds(page_of):
    page = page_of()
    for title in ("Confusion matrix", "ROC curve", "Calibration", "Spread of probabilities", "Area under ROC"):
        assert title in page.text
    assert re.search(r"AUC 0\.99\d+", page.text)
    assert page.source.count("class=used") == 1


def test_ten_classes_have_a_matrix_and_the_most_confused_pairs(page_of):
    page = page_of(**DIGITS)
    assert page.source.count('<table class="matrix') == 1
    assert len(re.findall(r"<td[^>]*--s:", page.source)) == 100
    assert "Most confused" in page.text
    assert "ROC" not in page.text
    assert "10 probabilities a row, of the classes of churned in this order" in page.text


def test_hundred_classes_show_the_worst_instead_of_a_matrix(page_of):
    page = page_of(**CASES["hundred classes"])
    assert '<table class="matrix' not in page.source
    assert "The worst recognised of 100 classes" in page.text
    assert "Most confused" in page.text
    assert "89 other classes" in page.text


def test_regression_page_shows_values_and_errors(page_of):
    page = page_of(labels=None, noise=20, target="price")
    for title in ("Predicted against true", "Errors against predicted", "Spread of errors", "How far off"):
        assert title in page.text
    assert re.search(r"95 % interval 0\.9\d+ to 0\.9\d+\. Interval: delta method, approximate", page.text)
    assert "at least 0.5" in page.text
    assert "the predicted price" in page.text
    assert "Confusion" not in page.text


def test_predictions_that_are_no_numbers_are_counted_and_left_out(page_of):
    page = page_of(**CASES["not a number"])
    assert re.search(r"\d+ rows got a prediction that is not a finite number", page.text)
    assert "Finite predictions: failed" in page.text
    assert "Calibration" in page.text
    assert "Calibration" not in page_of(**CASES["no number at all"]).text


def test_names_of_the_data_are_shown_as_they_are(page_of):
    page = page_of(**CASES["hostile"])
    assert f"{HOSTILE}0" in page.text
    assert f"Target {HOSTILE}y" in page.text
    assert "{{ 7 }}" in page.text
    assert page.source.count("<h1>") == 1


def test_data_is_described_with_its_kinds_ranges_and_gaps(page_of):
    page = page_of()
    assert "1 boolean, 1 categorical, 2 numeric" in page.text
    assert "values in 1 column" in page.text
    assert re.search(r"tenure_months numeric \S+ to \S+ .*? ± .*? 5\.\d %", page.text)
    assert re.search(r"contract categorical 3 categories .*?(monthly|one year|two years), ", page.text)
    assert "true in " in page.text


def test_wide_table_is_folded_and_its_call_names_a_file(page_of):
    page = page_of(table=numeric_table(200), rows=300)
    assert "Show 200 columns" in page.text
    assert "-d @rows.json" in page.text
    assert "200 numbers a row, in the order of the columns below (x1 to x200)" in page.text


def test_origin_says_how_to_make_it_again(page_of):
    page = page_of()
    for text in (
        "20260301T020000-a1b2c3 , by schedule", "6ef80e8c0ffee0ddba11f00d5eed5a1adca11ab1", "that are not committed",
        "tensorflow 2.21.0", '"train": {"seed": 1201408486}', "12.9 s", "536 ms", '"min_accuracy_percent": 97.0',
    ):  # fmt: skip
        assert text in page.text


@pytest.mark.parametrize("case", ["binary", "hostile", "ten classes"])
def test_printed_call_is_a_command_with_the_inputs_of_the_model(tmp_path, case):
    found = reportable(tmp_path, **CASES[case])
    page = Page(render(found.metrics, found.schema, found.truth, found.predictions))
    command = next(part for part in page.parts if part.startswith("curl "))
    # a shell says what its curl would be given
    script = f"curl() {{ printf '%s\\0' \"$@\"; }}\n{command}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    url, option, body = done.stdout.rstrip("\0").split("\0")
    assert (url, option) == ("http://127.0.0.1:8501/v1/models/churn:predict", "-d")
    (instance,) = json.loads(body)["instances"]
    if found.schema.is_numeric:
        assert len(instance) == len(found.schema.columns)
        assert all(isinstance(value, float) for value in instance)
    else:
        assert list(instance) == list(found.metrics["signature"]["inputs"])


def test_call_goes_to_the_configured_server(page_of):
    page = page_of(serving={"host": "0.0.0.0", "rest_port": 9000})
    assert "curl http://127.0.0.1:9000/v1/models/churn:predict" in page.text


def test_two_hundred_thousand_rows_make_no_larger_page(tmp_path):
    found = reportable(tmp_path, labels=None, noise=20)
    many = np.tile(found.truth, 250)
    predictions = np.tile(found.predictions, (250, 1))
    page = render(found.metrics, found.schema, many, predictions)
    assert len(many) > 180_000
    assert len(page) < 120_000
    assert "rows are drawn, the largest errors among them" in page


def test_render_leaves_heavy_libraries_alone():
    code = f"import sys, keepfit.pipeline.report; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_page_has_the_colours_of_the_frontend():
    source = Path(keepfit.__file__).parent

    def colours(path, name):
        return re.findall(rf"--{name}: ([^;]+);", (source / path).read_text(encoding="utf-8"))

    for name in ("paper", "card", "ink", "soft", "line", "accent", "accent-soft", "bad", "bad-soft", "sans", "mono"):
        ours = colours("pipeline/report/templates/report.css", name)
        assert ours
        assert ours == colours("frontend/static/keepfit.css", name)
