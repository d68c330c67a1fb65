"""The table of runs: what one sees first."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.launcher.dashboard.browser.conftest import Serve
from tests.launcher.dashboard.made import STARTED, make_run, make_sweep, write_wandb

MARKUP = "<img src=x onerror=alert(1)>"
NUM_MANY = 2000


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with 12 runs: ten that finished, one that runs, one that failed."""
    root = tmp_path_factory.mktemp("shown")
    for number in range(10):
        make_run(
            root,
            f"run-{number}",
            started=STARTED + 100 * number,
            metrics={
                "validation/loss": 1 - number / 10,
                "validation/accuracy": None if number == 3 else 0.5,  # None: as a run writes NaN
            },
            config={
                "model": {"_target_": "models.mlp.MLP", "width": 32 * (1 + number % 2)},
                "optimizer": {"lr": 10.0 ** -(1 + number % 3)},
                "tracker": {"name": "wandb", "mode": "offline", "tags": ["baseline", MARKUP] if number == 0 else []},
            },
            job={"model": "CNN" if number % 2 else "MLP"},
        )
    make_run(root, "going", state="running", steps=20, num_steps=80, started=STARTED + 2000)
    make_run(root, "broken", state="failed", started=STARTED + 3000)
    return root


@pytest.fixture(scope="module")
def many(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A dashboard of so many runs that it searches while other tests run; the newest is a trial."""
    root = tmp_path_factory.mktemp("many")
    make_sweep(root, "search", trials=1, started=STARTED + 5000)
    for number in range(NUM_MANY):
        write_wandb(root / "wandb", run_id=f"n{number:04}", rows=0, started=STARTED + number)
    return serve(root)


@pytest.fixture(scope="module")
def address(serve: Serve, runs: Path, many: str) -> str:
    """The dashboard of `runs`."""
    return serve(runs)


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one run; tests add others."""
    root = tmp_path_factory.mktemp("changing")
    make_run(root, "first")
    return root


@pytest.fixture(scope="module")
def changing_address(serve: Serve, changing: Path) -> str:
    """The dashboard of `changing`."""
    return serve(changing)


@pytest.fixture
def table(page: Page, address: str) -> Page:
    """The page with its 12 rows."""
    page.goto(address)
    expect(rows(page)).to_have_count(12)
    return page


def rows(page: Page) -> Locator:
    return page.locator("tbody tr[data-key]")


def names(page: Page) -> list[str]:
    return page.locator("td.run").all_inner_texts()


def heading(page: Page, column: str) -> Locator:
    return page.locator(f'thead th:has(button[title="{column}"])')


def row(page: Page, name: str) -> Locator:
    return rows(page).filter(has=page.get_by_role("link", name=name, exact=True))


def test_the_newest_run_comes_first(table: Page) -> None:
    assert names(table) == ["broken", "going", *(f"run-{number}" for number in reversed(range(10)))]


def test_a_row_tells_state_progress_metrics_and_tags(table: Page) -> None:
    expect(row(table, "going").locator(".chip.state-running")).to_have_text("running")
    expect(row(table, "going")).to_contain_text("25%")
    expect(row(table, "broken").locator(".chip.state-failed")).to_have_text("failed")
    expect(row(table, "run-0")).to_contain_text("baseline")
    expect(row(table, "run-7")).to_contain_text("0.3")
    expect(row(table, "run-3")).to_contain_text("NaN")


def test_one_request_brings_the_first_table_and_plotly_stays_away(page: Page, address: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    expect(rows(page)).to_have_count(12)
    assert len([url for url in asked if "/api/runs" in url]) == 1
    assert [url for url in asked if "plotly.js" in url] == []


def test_a_filter_narrows_the_table_and_stands_in_the_address(table: Page) -> None:
    table.fill("#filter", "lr<0.05 and state=finished")
    expect(rows(table)).to_have_count(6)
    expect(table.locator("#count")).to_have_text("6 of 12 runs")
    assert "filter=lr" in table.url
    table.reload()
    expect(rows(table)).to_have_count(6)
    expect(table.locator("#filter")).to_have_value("lr<0.05 and state=finished")


def test_what_is_wrong_with_a_filter_stands_under_it(table: Page) -> None:
    table.fill("#filter", "nonsense_key<3")
    expect(table.locator("#filter-error")).to_contain_text("nonsense_key")
    expect(rows(table)).to_have_count(12)
    table.fill("#filter", "")
    expect(table.locator("#filter-error")).to_be_hidden()
    table.errors[:] = [text for text in table.errors if "400" not in text]  # type: ignore[attr-defined]


def test_an_address_with_a_filter_that_is_wrong_still_opens(table: Page) -> None:
    table.goto(f"{table.url}?filter=nonsense_key<3")
    expect(table.locator("#filter-error")).to_contain_text("nonsense_key")
    expect(rows(table)).to_have_count(12)
    table.errors[:] = [text for text in table.errors if "400" not in text]  # type: ignore[attr-defined]


def test_an_address_that_cannot_be_shown_says_why(table: Page) -> None:
    table.goto(f"{table.url}?sort=nonsense_key")
    expect(table.get_by_role("alert")).to_contain_text("nonsense_key")
    table.errors[:] = [text for text in table.errors if "400" not in text]  # type: ignore[attr-defined]
    table.get_by_role("link", name="All runs").click()
    expect(rows(table)).to_have_count(12)


def test_names_are_completed_while_one_types(table: Page) -> None:
    table.locator("#filter").press_sequentially("width")
    expect(table.locator("#filter-names li")).to_have_text("model.width")
    table.keyboard.press("Tab")
    expect(table.locator("#filter")).to_have_value("model.width")
    table.keyboard.type("=64")
    expect(rows(table)).to_have_count(7)


def test_an_example_of_the_help_is_used_with_a_click(table: Page) -> None:
    table.click("#filter-help")
    table.get_by_role("button", name="state=running", exact=True).click()
    expect(rows(table)).to_have_count(1)
    expect(table.locator("#filter")).to_have_value("state=running")


def test_a_filter_that_lets_nothing_through_says_so_and_is_cleared(table: Page) -> None:
    table.fill("#filter", "state=lost")
    table.get_by_role("button", name="Clear the filter").click()
    expect(rows(table)).to_have_count(12)


def test_a_heading_sorts_up_and_down(table: Page) -> None:
    loss = heading(table, "validation/loss")
    expect(loss).to_have_attribute("aria-sort", "none")
    loss.get_by_role("button").click()
    expect(loss).to_have_attribute("aria-sort", "descending")
    expect(table.locator("td.run").first).to_have_text("run-0")
    loss.get_by_role("button").click()
    expect(loss).to_have_attribute("aria-sort", "ascending")
    expect(table.locator("td.run").first).to_have_text("run-9")
    assert "sort=validation/loss" in table.url


def test_no_heading_is_cut_off_and_the_page_does_not_scroll_sideways(table: Page) -> None:
    cut = "buttons => buttons.filter(button => button.scrollWidth > button.clientWidth).map(button => button.title)"
    assert table.eval_on_selector_all("thead button", cut) == []
    assert table.evaluate("document.documentElement.scrollWidth") == 1280


def test_runs_are_grouped_by_a_config_key(table: Page) -> None:
    table.click("#group")
    table.get_by_role("dialog").get_by_role("searchbox").fill("optimizer.lr")
    table.get_by_role("button", name="optimizer.lr", exact=True).click()
    groups = table.locator(".group-row")
    first = groups.filter(has=table.get_by_text("0.01", exact=True))
    expect(first).to_contain_text("3 runs")
    expect(first).to_contain_text("finished 3")
    expect(rows(table)).to_have_count(0)
    first.click()
    expect(rows(table)).to_have_count(3)
    expect(first).to_have_attribute("aria-expanded", "true")
    assert "group=optimizer.lr" in table.url
    table.reload()
    expect(rows(table)).to_have_count(3)
    first.click()
    expect(rows(table)).to_have_count(0)


def test_columns_are_chosen_and_ordered(table: Page) -> None:
    table.click("#columns")
    panel = table.get_by_role("dialog")
    panel.get_by_role("searchbox").fill("model.width")
    panel.get_by_label("model.width", exact=True).check()
    panel.get_by_role("searchbox").fill("validation/loss")
    panel.get_by_label("min", exact=True).check()
    expect(heading(table, "model.width")).to_be_visible()
    expect(heading(table, "min:validation/loss")).to_be_visible()
    panel.get_by_role("button", name="Move up: validation/loss min").click()
    assert table.url.endswith("min:validation/loss,model.width")
    panel.get_by_role("button", name="Hide: model.width").click()
    expect(heading(table, "model.width")).to_have_count(0)
    table.reload()
    expect(heading(table, "min:validation/loss")).to_be_visible()


def test_selected_runs_are_compared(table: Page) -> None:
    expect(table.locator("#compare")).to_be_disabled()
    row(table, "run-2").locator("td.pick").click()
    row(table, "run-5").locator("td.pick").click()
    keys = [row(table, name).get_attribute("data-key") for name in ("run-2", "run-5")]
    expect(table.locator("#compare")).to_have_text("Compare 2")
    expect(table.locator("#compare")).to_have_attribute("href", f"/compare?runs={','.join(map(str, keys))}")
    table.reload()
    expect(row(table, "run-5")).to_have_attribute("aria-selected", "true")


def test_shift_selects_all_rows_between(table: Page) -> None:
    row(table, "run-8").locator("td.pick").click()
    row(table, "run-4").locator("td.pick").click(modifiers=["Shift"])
    expect(table.locator("tbody tr[aria-selected=true]")).to_have_count(5)


def test_the_keyboard_walks_selects_and_opens(table: Page) -> None:
    for key in ("j", "j", "Space", "ArrowDown", "Space", "k"):
        table.keyboard.press(key)
    expect(table.locator("tr.active td.run")).to_have_text("going")
    expect(table.locator("tbody tr[aria-selected=true]")).to_have_count(2)
    table.keyboard.press("/")
    expect(table.locator("#filter")).to_be_focused()
    table.keyboard.type("j")
    expect(table.locator("#filter")).to_have_value("j")
    table.fill("#filter", "")
    table.keyboard.press("Escape")
    expect(table.locator("tr.active td.run")).to_have_text("going")
    key = row(table, "going").get_attribute("data-key")
    table.keyboard.press("Enter")
    table.wait_for_url(f"**/run/{key}")


def test_markup_in_names_is_shown_as_text(table: Page) -> None:
    expect(row(table, "run-0")).to_contain_text(MARKUP)
    assert table.locator("tbody img").count() == 0


def test_the_table_is_exported_as_it_is_filtered(table: Page) -> None:
    table.fill("#filter", "state=failed")
    expect(rows(table)).to_have_count(1)
    with table.expect_download() as download:
        table.get_by_role("link", name="Export CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 2
    assert "broken" in lines[1]


def test_a_trial_leads_to_its_sweep(page: Page, many: str) -> None:
    page.goto(many)
    page.fill("#filter", "sweep=search")
    expect(row(page, "search-000").get_by_role("link", name="search", exact=True)).to_have_attribute(
        "href", re.compile("^/sweep/")
    )


def test_a_run_that_begins_appears_and_one_that_is_deleted_goes(
    page: Page, changing: Path, changing_address: str
) -> None:
    make_run(changing, "deleted")
    page.goto(changing_address)
    expect(row(page, "deleted")).to_be_visible()
    key = row(page, "first").get_attribute("data-key")
    page.evaluate("key => { window.kept = document.querySelector(`#row-${key}`); }", key)
    make_run(changing, "begun", started=STARTED + 100)
    expect(row(page, "begun")).to_be_visible()
    shutil.rmtree(changing / "deleted")
    expect(row(page, "deleted")).to_have_count(0)
    assert page.evaluate("window.kept.isConnected")  # what did not change is not drawn anew


def test_a_page_that_was_in_the_background_catches_up_when_it_is_seen(
    page: Page, changing: Path, changing_address: str
) -> None:
    page.goto(changing_address)
    expect(row(page, "first")).to_be_visible()
    hide = "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
    hide += " document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(hide, True)
    make_run(changing, "unseen", started=STARTED + 200)
    page.evaluate(hide, False)
    expect(row(page, "unseen")).to_be_visible()


def test_a_directory_without_runs_says_what_was_looked_for(page: Page, serve: Serve, tmp_path: Path) -> None:
    page.goto(serve(tmp_path))
    expect(page.get_by_text("No runs were found")).to_be_visible()
    expect(page.locator(".empty")).to_contain_text("job.json")
    expect(page.locator(".empty")).to_contain_text(str(tmp_path))
    make_run(tmp_path, "begun")
    expect(row(page, "begun")).to_be_visible()


def test_what_keeps_the_table_from_being_fresh_is_told(
    page: Page, serve: Serve, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("WINDLASS_CACHE_DIR", str(tmp_path / "file"))
    page.goto(serve(runs))
    expect(page.get_by_role("alert")).to_contain_text("set the environment variable WINDLASS_CACHE_DIR")


def test_of_thousands_of_rows_only_those_in_sight_are_in_the_page(page: Page, many: str) -> None:
    page.goto(many)
    expect(page.locator("#count")).to_have_text("2,001 runs", timeout=60_000)
    expect(row(page, "n1999")).to_be_visible()
    for top in (5_000, 30_000, 10_000_000):
        page.eval_on_selector(".table-view", "(view, top) => view.scrollTo(0, top)", top)
        expect(page.locator("tbody tr.waiting")).to_have_count(0)
        assert page.locator("tbody tr").count() < 80
    expect(row(page, "n0000")).to_be_visible()


def test_names_that_every_object_of_javascript_has_are_names(page: Page, serve: Serve, tmp_path: Path) -> None:
    make_run(tmp_path, "a", metrics={"validation/loss": 0.5}, config={"constructor": 7, "toString": "x"}, wandb=False)
    page.goto(f"{serve(tmp_path)}&columns=run,constructor,toString&sort=constructor")
    expect(page.get_by_role("columnheader", name="constructor")).to_be_visible()
    expect(page.get_by_role("columnheader", name="toString")).to_be_visible()
