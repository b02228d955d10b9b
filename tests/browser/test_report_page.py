"""A candidate's report as a person opens it: a file in Chromium, light and dark, narrow, printed, without script."""

import pytest
from playwright.sync_api import expect
from tests.pipeline.challenged import AUC, AUC_RULES, BAD_PART, GOOD_PARTS, SMALL_PART, Challenge, part, used
from tests.pipeline.reports import numeric_table, reportable

from keepfit.pipeline.report import render

pytestmark = pytest.mark.browser

HOSTILE = "</script><img src=x onerror=\"document.title='hacked'\">"
CASES = {
    "binary": {},
    "ten classes": {"labels": list("0123456789"), "noise": 0.3, "table": numeric_table(64)},
    "thirty classes": {"labels": [f"class number {number}" for number in range(30)], "rows": 6_000},
    "regression": {"labels": None, "noise": 20},
    "rejected": {"noise": 0.9, "rows": 300},
    "wide": {"table": numeric_table(300), "rows": 300},
    "challenged": {
        "challenge": Challenge(gained=9, lost=2, slices=GOOD_PARTS, metrics=(AUC,), holdout=used(3)),
        "gate": AUC_RULES,
    },
    "failed": {"challenge": Challenge(lost=12, slices=(*GOOD_PARTS, BAD_PART), slow=9, holdout=used(30)), "noise": 0.7},
    "undecided": {"challenge": Challenge(gained=3, lost=4, slices=(*GOOD_PARTS, SMALL_PART), holdout=used(0))},
    "hostile": {
        "labels": (f"{HOSTILE}a", f"{HOSTILE}b"),
        "target": HOSTILE,
        "challenge": Challenge(gained=9, slices=(part(HOSTILE, 90, 97.0), part("x" * 200, 90, 97.0))),
    },
}
# WCAG 2.2: relative luminance of sRGB, and the contrast of text with what is painted behind it
CONTRASTS = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const found = rgb(getComputedStyle(e).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  const low = [];
  for (const e of document.querySelectorAll('body *')) {
    const said = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!said || !e.checkVisibility() || e.closest('.skip') || e.tagName === 'title') continue;
    const style = getComputedStyle(e);
    const [a, b] = [luminance(rgb(e.ownerSVGElement ? style.fill : style.color)), luminance(behind(e))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) low.push([e.outerHTML.slice(0, 120), contrast]);
  }
  return low;
}"""


@pytest.fixture
def open_report(browser, tmp_path):
    """Opens the report of a case; whatever it asks for or complains of fails the test."""
    contexts, complaints = [], []

    def open_page(case, **options):
        found = reportable(tmp_path, **CASES[case])
        file = tmp_path / "report.html"
        file.write_text(render(found.metrics, found.schema, found.truth, found.predictions), encoding="utf-8")
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda asked: asked.url.startswith(file.as_uri()) or complaints.append(asked.url))
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_sticks_out_of_the_page(open_report, case, width):
    page = open_report(case, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    cut = page.evaluate(
        """() => [...document.querySelectorAll('.chart text, .gauge .tag, .gauge .tick, .lane .tick')].filter(text => {
          if (!text.checkVisibility()) return false;
          const [its, panel] = [text.getBoundingClientRect(), text.closest('.panel').getBoundingClientRect()];
          return its.left < panel.left || its.right > panel.right;
        }).map(text => text.textContent)"""
    )
    assert cut == []


@pytest.mark.parametrize("case", ["thirty classes", "rejected", "regression", "challenged", "failed", "undecided"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_contrast(open_report, case, scheme):
    assert open_report(case, color_scheme=scheme).evaluate(CONTRASTS) == []


def test_person_without_script_reads_the_verdict_and_sees_the_pictures(open_report):
    page = open_report("binary", java_script_enabled=False)
    expect(page.get_by_role("heading", level=1)).to_have_text("Version 7")
    expect(page.get_by_text("Promoted", exact=True)).to_be_visible()
    expect(page.get_by_role("img", name="Accurate enough: 99.")).to_be_visible()
    for name in ("Loss on the training rows", "ROC curve with an area", "Calibration:", "Histogram of"):
        expect(page.get_by_role("img", name=name).first).to_be_visible()
    expect(page.get_by_role("row", name="no")).not_to_have_count(0)


def test_point_of_the_estimate_lies_in_its_interval_right_of_the_required_least(open_report):
    page = open_report("binary")
    gauge = page.locator(".gauge").first
    places = {name: gauge.locator(f".{name}").bounding_box() for name in ("point", "reach", "least", "track")}
    middle = places["point"]["x"] + places["point"]["width"] / 2
    assert places["reach"]["x"] < middle < places["reach"]["x"] + places["reach"]["width"]
    assert places["track"]["x"] < places["least"]["x"] < places["reach"]["x"]


def test_outcome_is_told_by_word_and_shape_as_well_as_by_colour(open_report):
    page = open_report("undecided", viewport={"width": 1280, "height": 800})
    passed, open_ = (
        page.get_by_role("img", name="Accurate enough"),
        page.get_by_role("img", name="As good as version 6"),
    )
    looks = "point => [getComputedStyle(point).borderRadius, getComputedStyle(point).backgroundColor]"
    assert passed.locator(".point").evaluate(looks) != open_.locator(".point").evaluate(looks)
    card = page.locator(".panel").first.evaluate("panel => getComputedStyle(panel).backgroundColor")
    assert open_.locator(".point").evaluate(looks)[1] == card
    failed = open_report("failed").get_by_role("img", name="Accurate enough").locator(".point")
    assert (
        failed.evaluate("point => [getComputedStyle(point).borderRadius, getComputedStyle(point).rotate]")[1] == "45deg"
    )
    expect(page.get_by_role("heading", name="As good as version 6: cannot tell")).to_be_visible()


@pytest.mark.parametrize("case", ["failed", "undecided"])
def test_phone_shows_champion_and_slices_without_scrolling_sideways(open_report, case):
    page = open_report(case, viewport={"width": 360, "height": 800})
    for table in (".slices", ".beside"):
        scrolled = page.locator(f".scroll:has({table})")
        assert scrolled.evaluate("box => box.scrollWidth - box.clientWidth") <= 0
    touching = page.evaluate(
        """() => [...document.querySelectorAll('.beside tr')].filter(row => {
          const boxes = [...row.querySelectorAll('.n')].filter(cell => cell.textContent).map(cell => {
            const range = document.createRange();
            range.selectNodeContents(cell);
            return range.getBoundingClientRect();
          });
          return boxes.some((box, at) => at && box.left < boxes[at - 1].right + 4);
        }).map(row => row.textContent)"""
    )
    assert touching == []
    row = page.locator(".slices tbody tr").first
    for piece in ("th", ".lane", ".outcome"):
        box = row.locator(piece).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360


def test_hostile_names_are_text(open_report):
    page = open_report("hostile")
    assert page.title() == "churn · Version 7 promoted · Keepfit"
    assert page.locator("img, script").count() == 0
    expect(page.get_by_role("heading", name=f"Target {HOSTILE}")).to_be_visible()


def test_folded_columns_open_by_keyboard(open_report):
    page = open_report("wide")
    expect(page.get_by_role("cell", name="numeric").first).to_be_hidden()
    page.get_by_text("Show 300 columns").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("rowheader", name="x300")).to_be_visible()


def test_links_of_the_page_lead_to_their_sections(open_report):
    page = open_report("challenged")
    links = page.locator("nav a")
    assert links.all_inner_texts() == [
        "Verdict", "Version 6", "Slices", "Training", "Holdout", "Data", "Call", "Origin",
    ]  # fmt: skip
    for number in range(links.count()):
        target = links.nth(number).get_attribute("href")
        links.nth(number).click()
        expect(page.locator(target)).to_be_in_viewport()


def test_print_is_light_and_unfolds_the_configuration(open_report):
    page = open_report("binary", color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.querySelector('.panel')).backgroundColor") == "rgb(255, 255, 255)"
    expect(page.get_by_text('"min_accuracy_percent": 97.0')).to_be_visible()
    expect(page.locator("nav")).to_be_hidden()
    assert page.pdf(format="A4").startswith(b"%PDF")
