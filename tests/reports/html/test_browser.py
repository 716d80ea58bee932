"""Pages in a real browser: they draw, they answer the pointer and the slider, and they ask nobody for anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from darts.page import read_run as read_darts_run
from neat_deep.config.search_settings import SearchSettings
from neat_deep.reports.html.comparison import compare_runs
from neat_deep.reports.html.content import Page
from neat_deep.reports.html.page import write_page
from neat_deep.reports.html.store_run import read_run
from tests.support.pages import EPOCHS, darts_run, stored_run
from tests.support.simulated_workers import SimulatedWorkers, search_with, uneven
from tests.support.strategies import small_settings
from tests.support.toy_search import PLAIN, SPACE, experiment, strategy_experiment

pytestmark = pytest.mark.slow

BROWSER = os.environ.get("NEAT_DEEP_BROWSER") or shutil.which("chromium") or shutil.which("chromium-browser")
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window; skipped where there is none, or nothing to drive it."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright, which drives a browser, is absent")
    if BROWSER is None:
        pytest.skip("no chromium here: install it, or name another in NEAT_DEEP_BROWSER")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of pages: a run of neat-python, a search by gradient descent, one of skeletons, a comparison."""
    folder = tmp_path_factory.mktemp("pages")
    stored_run(folder / "evolved", experiment(PLAIN))
    for seed in (1, 2):
        stored_run(folder / f"random-{seed}", strategy_experiment(PLAIN, seed=seed))
    darts_run(folder / "descent")
    space = replace(SPACE, channels_options=(2, 4), reductions_options=(0, 1), stage_cells_options=(1, 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neat_deep.reports.recorder.try_picture", lambda drawing, path: None)
        asked = replace(strategy_experiment(PLAIN, 3, space=space), search=SearchSettings("regularized_evolution", 4))
        asked = replace(asked, settings=small_settings("regularized_evolution"))
        search_with(SimulatedWorkers(1, uneven), folder / "skeletons", asked)
    evolved, *others = (read_run(folder / name) for name in ("evolved", "random-1", "random-2"))
    made: dict[str, Page] = {
        "run": evolved.page,
        "descent": read_darts_run(folder / "descent").page,
        "skeletons": read_run(folder / "skeletons").page,
        "comparison": compare_runs([evolved, *others]),
    }
    for name, page in made.items():
        write_page(page, folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in made}


class Opened:
    """A page in the browser, with what it said and asked for."""

    def __init__(self, browser: Any, path: Path, viewport: dict[str, int], scheme: str) -> None:
        self.context = browser.new_context(viewport=viewport, color_scheme=scheme, offline=True)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.tab = self.context.new_page()
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.goto(path.as_uri())
        self.tab.wait_for_function("[...document.querySelectorAll('.plot')].every(place => place.querySelector('svg'))")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", ["run", "descent", "skeletons", "comparison"])
def test_a_page_draws_all_without_a_word_or_a_request(
    browser: Any, pages: dict[str, Path], name: str, viewport: dict[str, int], scheme: str
) -> None:
    opened = Opened(browser, pages[name], viewport, scheme)
    assert opened.said == []
    assert opened.asked == [pages[name].as_uri()]
    assert opened.tab.locator(".plot svg").count() == opened.tab.locator(".plot").count() > 0
    assert opened.tab.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    paper = opened.tab.evaluate("getComputedStyle(document.querySelector('section')).backgroundColor")
    assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(23, 28, 36)")
    opened.context.close()


def test_a_network_shows_its_cell_and_figures_under_the_pointer(browser: Any, pages: dict[str, Path]) -> None:
    opened = Opened(browser, pages["run"], DESKTOP, "light")
    tip = opened.tab.locator("#tip")
    assert not tip.is_visible()
    opened.tab.locator("#every-network .mark-symbol.role-mark path").first.hover(force=True)
    tip.wait_for(state="visible")
    told = tip.inner_text()
    assert "accuracy" in told and "%" in told and "parameters" in told
    assert "output" in str(tip.locator("svg").text_content())
    opened.tab.mouse.move(2, 2)
    tip.wait_for(state="hidden")
    node = opened.tab.locator("#family-tree-of-the-winner [data-cell]").first
    node.scroll_into_view_if_needed()
    node.hover()
    tip.wait_for(state="visible")
    assert tip.locator("svg").count() == 1
    assert opened.said == []
    opened.context.close()


def test_a_network_of_a_search_of_skeletons_shows_its_own_too(browser: Any, pages: dict[str, Path]) -> None:
    opened = Opened(browser, pages["skeletons"], DESKTOP, "light")
    tip = opened.tab.locator("#tip")
    for place in ("#every-network .mark-symbol.role-mark path", "#family-tree-of-the-winner [data-cell]"):
        opened.tab.mouse.move(2, 2)
        tip.wait_for(state="hidden")
        mark = opened.tab.locator(place).first
        mark.scroll_into_view_if_needed()
        mark.hover(force=True)
        tip.wait_for(state="visible")
        told = tip.inner_text()
        assert "channels after the stem" in told and "reductions" in told and "cells of each stage" in told
    assert opened.said == []
    opened.context.close()


def test_the_slider_goes_through_the_epochs(browser: Any, pages: dict[str, Path]) -> None:
    opened = Opened(browser, pages["descent"], DESKTOP, "dark")
    seen = []
    for epoch in range(1, EPOCHS + 1):
        opened.tab.locator(".slider input").fill(str(epoch))
        opened.tab.wait_for_timeout(200)
        assert opened.tab.locator(".slider output").inner_text() == f"epoch {epoch} of {EPOCHS}"
        weights = opened.tab.locator(".frames .plot").first.locator(".mark-rect.role-mark path")
        colours = weights.evaluate_all("marks => marks.map(mark => mark.getAttribute('fill'))")
        seen.append((opened.tab.locator(".frame").inner_html(), tuple(colours)))
    assert len({cell for cell, _ in seen}) == len({colours for _, colours in seen}) == EPOCHS
    assert opened.said == []
    opened.context.close()


def test_a_page_prints_on_white_paper(browser: Any, pages: dict[str, Path], tmp_path: Path) -> None:
    opened = Opened(browser, pages["run"], DESKTOP, "dark")
    opened.tab.emulate_media(media="print", color_scheme="dark")
    ink = opened.tab.evaluate("getComputedStyle(document.body).color")
    assert ink == "rgb(31, 41, 55)"
    opened.tab.pdf(path=tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    opened.context.close()
