"""The page as a person uses it: Chromium, the real frontend, the real model server."""

import re

import pytest
from playwright.sync_api import expect

# one worker runs them all, so that their servers start once
pytestmark = pytest.mark.browser

DIGIT = ", ".join(["0, 0, 5, 13, 9, 1, 0, 0"] * 8)


@pytest.fixture
def open_at(browser, stack):
    """Opens the page of a kind of model; what the browser complains of fails the test."""
    contexts, complaints = [], []

    def open_page(kind, path="/", **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("request", lambda asked: asked.url.startswith(stack(kind).url) or complaints.append(asked.url))
        page.goto(stack(kind).url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [text for text in complaints if "status of 4" not in text] == []


@pytest.mark.parametrize("has_script", [True, False])
def test_person_fills_in_the_fields_and_sees_the_probability(open_at, has_script):
    page = open_at("two", java_script_enabled=has_script)
    expect(page.get_by_role("heading", level=1)).to_have_text("keepfit")
    expect(page.get_by_text("Version 1 available")).to_be_visible()
    page.get_by_label("x1").fill("1.5")
    page.get_by_label("x2").fill("-0.5")
    page.get_by_role("button", name="Predict").click()

    result = page.locator("#result")
    expect(result).to_contain_text("Class 1")
    expect(result).to_contain_text("73.1 %")
    expect(page.get_by_label("x1")).to_have_value("1.5")
    assert page.url.endswith("/predict#result") != has_script


@pytest.mark.parametrize("has_script", [True, False])
def test_rows_are_pasted_and_answered_each(open_at, has_script):
    page = open_at("two", java_script_enabled=has_script)
    page.get_by_label("Rows").check(force=True)
    expect(page.get_by_label("x1")).to_be_hidden()
    page.get_by_label("One row a line").fill("10, 10\n-10, -10")
    page.get_by_role("button", name="Predict").click()

    expect(page.locator("#result .instance")).to_have_count(2)
    expect(page.locator("#result .instance").nth(1)).to_contain_text("Class 0")


def test_mistake_is_named_and_its_link_leads_to_the_field(open_at):
    page = open_at("two")
    page.get_by_label("Rows").check(force=True)
    page.get_by_label("One row a line").fill("1, two")
    page.get_by_role("button", name="Predict").click()

    expect(page.locator("#result")).to_contain_text("features, value 2 is 'two': expected a number")
    page.locator("#result a").click()
    assert page.url.endswith("#f-features")


def test_picture_of_64_pixels_is_asked_and_shown(open_at):
    page = open_at("digits")
    page.get_by_label("One row a line").fill(DIGIT)
    page.get_by_role("button", name="Predict").click()

    expect(page.locator("#result .answer")).to_contain_text("Class 3")
    expect(page.locator("#result .bars li")).to_have_count(10)
    expect(page.get_by_role("img", name="The row as 8 by 8 pixels")).to_be_visible()


@pytest.mark.parametrize("kind", ["two", "digits", "table"])
def test_page_fits_a_phone(open_at, kind):
    page = open_at(kind, viewport={"width": 360, "height": 720})
    if kind == "digits":
        page.get_by_label("Fields", exact=True).check(force=True)
        assert page.get_by_role("spinbutton").count() == 64

    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("has_script", [True, False])
def test_table_is_asked_by_name_and_empty_fields_are_missing(open_at, has_script):
    page = open_at("table", java_script_enabled=has_script)
    page.get_by_label("member").select_option("yes")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#result .answer")).to_have_text("1395")

    page.get_by_label("age", exact=True).fill("20")
    page.get_by_label("city").fill("Ulm")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#result .answer")).to_have_text("195")


def test_everything_can_be_done_with_the_keyboard(open_at):
    page = open_at("two")
    page.get_by_label("x1").focus()
    page.keyboard.type("3")
    page.keyboard.press("Tab")
    page.keyboard.type("4")
    page.keyboard.press("Enter")

    expect(page.locator("#result .answer")).to_contain_text("Class 1")
    expect(page.locator("#result")).to_have_attribute("aria-live", "polite")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(open_at, scheme):
    page = open_at("two", color_scheme=scheme)
    page.get_by_label("x1").fill("3")
    page.get_by_label("x2").fill("4")
    page.get_by_role("button", name="Predict").click()
    page.locator("#result .answer").wait_for()

    def colours(selector):
        return page.eval_on_selector(selector, "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]")

    paper, card = colours("body")[1], colours(".panel")[1]
    pairs = {
        "text": (colours("body")[0], paper),
        "quiet text on the page": (colours(".foot")[0], paper),
        "quiet text on a card": (colours(".hint")[0], card),
        "accent on a card": (colours(".answer small")[0], card),
        "accent on the page": (colours(".eyebrow")[0], paper),
        "button": tuple(colours("button")),
    }
    assert {name: round(ratio(*pair), 1) for name, pair in pairs.items() if ratio(*pair) < 4.5} == {}


def test_wrong_address_is_a_page_with_a_way_back(open_at):
    page = open_at("two", "/nowhere")
    page.get_by_role("link", name="Back to the model").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("keepfit")


def ratio(one, other):
    """The contrast ratio of WCAG 2.2 of two CSS colours."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
