"""The frame of every page: language, theme, keys, ways from page to page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from launcher.dashboard.web.assets import STATIC
from tests.launcher.dashboard.browser.conftest import Serve
from tests.launcher.dashboard.made import make_run

TEXT = re.compile(r'\bt\(\s*(?:[^"()]*\? )?"((?:[^"\\]|\\.)*)"(?: : "((?:[^"\\]|\\.)*)")?')


@pytest.fixture(scope="module")
def address(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The dashboard of one run."""
    root = tmp_path_factory.mktemp("shown")
    make_run(root, "only")
    return serve(root)


@pytest.fixture
def table(page: Page, address: str) -> Page:
    """The first page, drawn."""
    page.goto(address)
    expect(page.locator("tbody tr[data-key]")).to_have_count(1)
    return page


def test_the_token_leaves_the_address_and_is_not_needed_again(table: Page) -> None:
    assert "token" not in table.url
    table.reload()
    expect(table.locator("tbody tr[data-key]")).to_have_count(1)


def test_without_the_token_the_page_says_what_to_open(page: Page, address: str) -> None:
    page.goto(address.partition("?")[0])
    expect(page.locator("body")).to_contain_text("terminal")
    page.errors[:] = [text for text in page.errors if "401" not in text]  # type: ignore[attr-defined]


def test_the_language_changes_in_place_and_stays(table: Page) -> None:
    table.click("#language")
    expect(table.locator("h1")).to_have_text("运行")
    expect(table.locator(".chip.state-finished")).to_have_text("已完成")
    assert table.evaluate("document.documentElement.lang") == "zh-CN"
    table.reload()
    expect(table.locator("h1")).to_have_text("运行")
    table.click("#language")
    expect(table.locator("h1")).to_have_text("Runs")


def test_a_browser_that_prefers_chinese_gets_it(browser: Browser, address: str) -> None:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(address)
    expect(page.locator("h1")).to_have_text("运行")
    context.close()


def test_the_address_can_ask_for_a_language(table: Page) -> None:
    table.goto(table.url + "?lang=zh")
    expect(table.locator("h1")).to_have_text("运行")


def test_every_text_has_a_chinese_translation() -> None:
    chinese = "".join((STATIC / name).read_text() for name in ("zh.js", "zh_charts.js", "zh_sweeps.js"))
    known = {quoted or bare for quoted, bare in re.findall(r'^  (?:"((?:[^"\\]|\\.)*)"|(\w+)):', chinese, re.M)}
    found = [pair for path in STATIC.glob("*.js") for pair in TEXT.findall(path.read_text())]
    used = {text for pair in found for text in pair if text}
    assert used - known == set()


def test_the_theme_follows_the_system_until_one_is_chosen(table: Page) -> None:
    for scheme in ("dark", "light"):
        table.emulate_media(color_scheme=scheme)
        expect(table.locator("html")).to_have_attribute("data-theme", scheme)
    table.select_option("#theme", "dark")
    expect(table.locator("html")).to_have_attribute("data-theme", "dark")
    table.reload()
    expect(table.locator("html")).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_have_the_contrast_that_reading_needs(table: Page, theme: str) -> None:
    table.select_option("#theme", theme)
    assert [found for found in table.evaluate(CONTRASTS) if found[1] < 4.5] == []


def test_a_key_switches_the_theme(table: Page) -> None:
    before = table.evaluate("document.documentElement.dataset.theme")
    table.keyboard.press("t")
    assert table.evaluate("document.documentElement.dataset.theme") != before


def test_a_question_mark_lists_the_keys(table: Page) -> None:
    table.keyboard.press("?")
    expect(table.get_by_role("dialog")).to_contain_text("Go to the filter")
    table.keyboard.press("Escape")
    expect(table.get_by_role("dialog")).to_have_count(0)


def test_two_keys_go_to_the_sweeps_and_the_back_button_returns(table: Page) -> None:
    table.keyboard.press("g")
    table.keyboard.press("s")
    table.wait_for_url("**/sweeps")
    expect(table.locator("#header a[aria-current=page]")).to_have_text("Sweeps")
    table.go_back()
    expect(table.locator("tbody tr[data-key]")).to_have_count(1)


def test_launch_is_offered_only_where_it_is_allowed(table: Page, serve: Serve, tmp_path: Path) -> None:
    expect(table.locator("#header nav")).to_have_text("RunsSweeps")
    table.goto(serve(tmp_path, allow_control=True))
    expect(table.locator("#header nav")).to_have_text("RunsSweepsLaunch")


def test_a_page_whose_server_ended_says_so(page: Page, serve: Serve, tmp_path: Path) -> None:
    make_run(tmp_path, "only")
    address = serve(tmp_path)
    with page.expect_response("**/api/live**"):  # it listens
        page.goto(address)
    expect(page.locator("tbody tr[data-key]")).to_have_count(1)
    expect(page.locator("#connection")).to_be_hidden()
    serve.end(address)
    expect(page.locator("#connection")).to_be_visible()
    page.errors.clear()  # type: ignore[attr-defined]


def test_a_page_whose_server_was_started_anew_says_what_to_open(page: Page, serve: Serve, tmp_path: Path) -> None:
    make_run(tmp_path, "only")
    address = serve(tmp_path)
    with page.expect_response("**/api/live**"):  # it listens
        page.goto(address)
    serve.end(address)
    page.context.clear_cookies()  # the same to the page as a server that drew another token
    page.route("**/api/**", lambda route: route.fulfill(status=401, content_type="text/plain", body=""))
    expect(page.locator("#connection")).to_have_text("Started anew: open the address that it printed")
    page.errors.clear()  # type: ignore[attr-defined]


CONTRASTS = """() => {
  const brush = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour, under) => {
    brush.fillStyle = under;
    brush.fillRect(0, 0, 1, 1);
    brush.fillStyle = colour;
    brush.fillRect(0, 0, 1, 1);
    return [...brush.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  };
  const light = ([r, g, b]) => {
    const linear = (v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const under = (element) => {
    if (!element) return "white";
    const own = getComputedStyle(element).backgroundColor;
    return own === "rgba(0, 0, 0, 0)" ? under(element.parentElement) : `rgb(${rgb(own, under(element.parentElement))})`;
  };
  const texts = [...document.querySelectorAll("body *")].filter(
    (element) =>
      element.checkVisibility() &&
      !element.closest("[disabled], option") &&
      [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()),
  );
  return texts.map((element) => {
    const ground = under(element);
    const [one, other] = [light(rgb(getComputedStyle(element).color, ground)), light(rgb(ground, "white"))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    return [element.textContent.slice(0, 40), ratio];
  });
}"""
