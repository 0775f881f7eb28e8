"""The page in a real browser, opened from disk: it works, it plays, and it says nothing on the console."""

import shutil

import numpy as np
import pytest
import soundfile
import torch

from mer_cli.console import Table
from mer_cli.page import plots
from mer_cli.page.browser import data, judged
from mer_cli.page.content import Page, Section
from mer_cli.page.recordings import embedded
from mer_cli.page.render import render
from mer_core.attention import Attention
from mer_core.types import AudioSpan, Predictions, Utterance

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (BROWSER and DRIVER), reason="needs chromium and chromedriver")
QUIET = [
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "mute-audio",
    "autoplay-policy=no-user-gesture-required",
]
CLASSES = ("ang", "sad")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in [*QUIET, f"user-data-dir={tmp_path_factory.mktemp('chromium')}", "window-size=1000,900"]:
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Forty utterances, one recorded; u07 is the worst. Every third is sad, and every fourth is judged wrongly."""
    folder = tmp_path_factory.mktemp("page")
    soundfile.write(folder / "a.wav", 0.1 * np.sin(np.arange(16_000) / 5), 16_000)
    labels = ["sad" if n % 3 == 0 else "ang" for n in range(40)]
    listing = [
        Utterance(id=f"u{n:02}", label=label, text=f"words  {n}", audio=AudioSpan(folder / "a.wav") if n == 7 else None)
        for n, label in enumerate(labels)
    ]
    p_true = [0.01 if n == 7 else 0.3 if n % 4 == 0 else 0.8 for n in range(40)]
    p_NC = [[p, 1 - p] if label == "ang" else [1 - p, p] for p, label in zip(p_true, labels, strict=True)]
    rows = judged(listing, [("1", Predictions([u.id for u in listing], CLASSES, labels, torch.tensor(p_NC)))])
    weights = {("text", "audio"): torch.tensor([[0.1, 0.9], [0.7, 0.3]]), ("audio", "text"): torch.eye(2)}
    found = data(
        rows,
        CLASSES,
        recordings=embedded([u for u in listing if u.audio]),
        attention={"u07": Attention(weights, {"text": ["wor", "ds"]})},
    )
    cells = [{"fold": f, "seed": 1, "figures": {"wa": 0.5, "ua": 0.6}} for f in "12"]
    sections = [
        Section("figures", "Figures", tables=[Table(["fold", "WA"], [["1", "50.00"]])], plots=[plots.folds(cells)]),
        Section("utterances", "Utterances", browser=found),
    ]
    file = folder / "page.html"
    file.write_text(render(Page("toy", "a run", [], sections)), encoding="utf-8")
    return file


@pytest.fixture
def opened(browser, page):
    browser.get(page.as_uri())
    yield browser
    assert browser.get_log("browser") == []


def find(driver, selector):
    return driver.find_elements("css selector", selector)


def listed(driver):
    return [row.text for row in find(driver, "#list tbody th")]


def test_the_list_is_sorted_by_any_column_both_ways_and_says_so(opened):
    assert listed(opened)[0] == "u07", "the highest loss comes first"
    (header,) = find(opened, "#list th button[data-key=id]")
    header.click()
    assert listed(opened) == [f"u{n:02}" for n in range(25)]
    assert header.find_element("xpath", "..").get_attribute("aria-sort") == "ascending"
    header.click()
    assert listed(opened) == [f"u{n:02}" for n in range(39, 14, -1)]
    assert len(find(opened, "#list th[aria-sort]")) == 1
    (later,) = find(opened, "#later")
    later.click()
    assert listed(opened) == [f"u{n:02}" for n in range(14, -1, -1)]
    assert not later.is_enabled()


def test_a_cell_of_the_matrix_filters_and_a_second_click_shows_all_again(opened):
    (cell,) = find(opened, "#matrix button[data-true='1'][data-predicted='0']")
    wrong_sad = [n for n in range(40) if n % 3 == 0 and n % 4 == 0]
    assert cell.text == str(len(wrong_sad))
    cell.click()
    assert sorted(listed(opened)) == [f"u{n:02}" for n in wrong_sad]
    assert cell.get_attribute("aria-pressed") == "true"
    assert find(opened, "#count")[0].text == f"{len(wrong_sad)} of 40 utterances"
    cell.click()
    assert find(opened, "#count")[0].text == "40 of 40 utterances"


@pytest.mark.parametrize("typed", ["WORDS 3", " words   3"])
def test_words_are_searched_as_they_are_shown_with_single_spaces(opened, typed):
    find(opened, "#search")[0].send_keys(typed)
    assert sorted(listed(opened)) == ["u03", *(f"u{n}" for n in range(30, 40))]
    find(opened, ".controls button[type=reset]")[0].click()
    opened.execute_async_script("setTimeout(arguments[0], 50)")
    assert find(opened, "#count")[0].text == "40 of 40 utterances"


def test_what_scrolls_sideways_shows_a_shadow_where_it_goes_on_and_takes_the_keyboard(opened):
    boxes = find(opened, ".scroll")
    assert {box.get_attribute("tabindex") for box in boxes} == {"0"}
    assert {box.value_of_css_property("background-attachment") for box in boxes} == {"local, local, scroll, scroll"}


def test_by_keyboard_an_utterance_opens_plays_and_shows_what_it_attends_to(opened):
    first = find(opened, "#list tbody button")[0]
    opened.execute_script("arguments[0].focus()", first)
    opened.switch_to.active_element.send_keys("\ue007")  # Enter
    assert opened.switch_to.active_element.get_attribute("id") == "detail"
    assert "words 7" in find(opened, "#detail")[0].text
    played = opened.execute_async_script(
        "const done = arguments[0], audio = document.querySelector('#detail audio');"
        "audio.addEventListener('ended', () => done(audio.currentTime));"
        "audio.addEventListener('error', () => done(String(audio.error)));"
        "audio.play().catch((e) => done(String(e)));"
    )
    assert played == pytest.approx(1.0, abs=0.15)
    tokens = find(opened, "#detail .tokens button")
    assert [t.text for t in tokens] == ["wor", "ds"]
    assert "“wor” attends most to frame 2 of 2" in find(opened, "#detail")[0].text
    tokens[1].click()
    assert "“ds” attends most to frame 1 of 2" in find(opened, "#detail")[0].text
    find(opened, "#detail input[type=range]")[0].send_keys("\ue014")  # arrow to the right
    assert "Frame 2 of 2 attends most to “ds”" in find(opened, "#detail")[0].text
    find(opened, "#detail > button")[0].click()
    assert listed(opened)[0] == opened.switch_to.active_element.text == "u07"


def test_nothing_is_wider_than_a_narrow_window(opened):
    opened.set_window_size(500, 800)
    inner, page = opened.execute_script("return [window.innerWidth, document.documentElement.scrollWidth]")
    opened.set_window_size(1000, 900)
    assert page <= inner
