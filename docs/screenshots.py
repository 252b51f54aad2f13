"""Take the pictures of docs/explorer.md from the running explorer, in Debian's chromium: `make screenshots`.

The words of each picture stand in `images/explorer-words.txt`, so that a test can compare them.
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from reseau.explorer.explorer import Explorer
from reseau.explorer.replies import Reply
from reseau.explorer.server import serving

IMAGES = Path(__file__).resolve().parent / "images"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
SPIRALS = "#data=spirals&rows=300&noise=0.6&hidden=8,8&activation=tanh&rate=0.003&batch=32&seed=0"
SINE = "#data=sine&rows=200&noise=0.15&hidden=16&activation=relu&rate=0.01&batch=16&seed=1"
SMALL = "#data=kink&rows=40&noise=0.05&hidden=2&activation=relu&optimizer=sgd&rate=0.1&batch=1&seed=1"
DIGITS = "#data=digits&rows=600&hidden=32&activation=relu&rate=0.003&batch=32&seed=0"
PARTS = 40  # in which steps are taken


def rest(page: Page) -> None:
    """Wait until nothing is computed any more."""
    page.wait_for_timeout(1200)
    while page.locator(".busy").count():
        page.wait_for_timeout(100)
    page.wait_for_timeout(300)


def train(page: Page, explorer: Explorer, epochs: int) -> None:
    """Take the steps of so many epochs, in parts that grow: the curve has the same points each time."""
    in_epoch = -(-len(explorer.problem.train) // explorer.trainer.settings.batch)
    for last in np.unique(np.geomspace(1, epochs, PARTS).astype(int)):
        explorer.answer({"command": "steps", "count": int(last) * in_epoch - explorer.trainer.step})
        explorer.trainer.wait(600)
    page.locator("[data-status=step]", has_text=f"{epochs * in_epoch:,}").wait_for()
    rest(page)


def view(page: Page, name: str) -> None:
    """Turn to a view."""
    page.get_by_role("tab", name=name).click()


def pictures(page: Page, address: str, explorers: list[Explorer], shoot: Callable[[str], None]) -> None:
    """All of them; `shoot` takes the one that is named, and the last explorer is that of the page."""

    def begin(state: str) -> None:
        page.goto("about:blank")
        page.goto(address + state)
        page.get_by_role("tab", name="Graph").wait_for()
        rest(page)

    begin(SPIRALS + "&view=data")
    train(page, explorers[-1], 188)
    shoot("data")
    view(page, "Training")
    rest(page)
    shoot("training")
    view(page, "Graph")
    canvas = page.locator("canvas[role=application]")
    canvas.focus()
    for _ in range(3):
        canvas.press("ArrowDown")
    rest(page)
    shoot("graph")
    begin(SMALL + "&view=step")
    shoot("step")
    begin(SINE + "&view=theory")
    train(page, explorers[-1], 500)
    page.get_by_role("button", name="Find it").click()
    rest(page)
    shoot("theory")
    page.get_by_role("button", name="use dark colors").click()
    begin(DIGITS + "&view=data")
    train(page, explorers[-1], 20)
    shoot("digits")


def words(page: Page) -> list[str]:
    """The lines that can be read, each once, every number as 0; not those of tables, whose order is by numbers."""
    lines = re.sub(r"-?\d[\d,.]*(?:e-?\d+)?", "0", page.locator("body").inner_text()).splitlines()
    return sorted({line.strip() for line in lines if not line.startswith("0")} - {""})


def take(folder: Path) -> None:
    """Serve the page; write the pictures, and their words, into a folder."""
    explorers: list[Explorer] = []
    read: list[str] = []

    def make(tell: Callable[[Reply], None]) -> Explorer:
        explorers.append(Explorer(tell=tell))
        return explorers[-1]

    with serving(make) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(120_000)

        def shoot(name: str) -> None:
            page.screenshot(path=folder / f"explorer-{name}.png")
            read.extend([f"# {name}", *words(page), ""])

        pictures(page, address, explorers, shoot)
        browser.close()
    (folder / "explorer-words.txt").write_text("\n".join(read), encoding="utf-8")


if __name__ == "__main__":
    take(IMAGES)
