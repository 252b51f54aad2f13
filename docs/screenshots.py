"""Take the pictures of docs/explorer.md from the running explorer, in Debian's chromium: `make screenshots`."""

import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).resolve().parent / "images"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
SPIRALS = "#data=spirals&rows=300&noise=0.6&hidden=8,8&activation=tanh&rate=0.003&batch=32&seed=0"
SINE = "#data=sine&rows=200&noise=0.15&hidden=16&activation=relu&rate=0.01&batch=16&seed=1"
SMALL = "#data=kink&rows=40&noise=0.05&hidden=2&activation=relu&optimizer=sgd&rate=0.1&batch=1&seed=1"


def rest(page: Page) -> None:
    """Wait until nothing is computed any more."""
    page.wait_for_timeout(1200)
    while page.locator(".busy").count():
        page.wait_for_timeout(100)
    page.wait_for_timeout(300)


def train(page: Page, steps: int) -> None:
    """Train for at least so many steps."""
    page.get_by_role("button", name="Start").click()
    while int(page.locator("[data-status=step]").inner_text().replace(",", "")) < steps:
        page.wait_for_timeout(100)
    page.get_by_role("button", name="Pause").click()
    rest(page)


def shoot(page: Page, name: str) -> None:
    """Take the picture."""
    rest(page)
    page.screenshot(path=IMAGES / f"explorer-{name}.png")
    print(f"explorer-{name}.png")


def view(page: Page, name: str) -> None:
    """Turn to a view."""
    page.get_by_role("tab", name=name).click()


def pictures(page: Page, address: str) -> None:
    """All of them."""

    def begin(state: str) -> None:
        page.goto("about:blank")
        page.goto(address + state)
        page.get_by_role("tab", name="Graph").wait_for()
        rest(page)

    begin(SPIRALS + "&view=data")
    train(page, 1500)
    shoot(page, "data")
    view(page, "Training")
    shoot(page, "training")
    view(page, "Graph")
    canvas = page.locator("canvas[role=application]")
    canvas.focus()
    for _ in range(3):
        canvas.press("ArrowDown")
    shoot(page, "graph")
    begin(SMALL + "&view=step")
    shoot(page, "step")
    begin(SINE + "&view=theory")
    train(page, 5000)
    page.get_by_role("button", name="Find it").click()
    shoot(page, "theory")
    page.get_by_role("button", name="use dark colors").click()
    begin("#data=digits&rows=600&hidden=32&activation=relu&rate=0.003&batch=32&seed=0&view=data")
    train(page, 300)
    shoot(page, "digits")


def main() -> None:
    """Serve the page, and take the pictures."""
    served = subprocess.Popen(
        [sys.executable, "-m", "reseau", "explore", "--no-browser"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert served.stdout is not None
        address = served.stdout.readline().strip()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            pictures(browser.new_page(viewport={"width": 1280, "height": 800}), address)
            browser.close()
    finally:
        served.terminate()


if __name__ == "__main__":
    main()
