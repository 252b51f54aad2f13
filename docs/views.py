"""Look at six pages of the site, light and dark, narrow and wide: `make views`, after `make docs`, in Debian's chromium.

The pictures go into `_build/views`. A page that is wider than its window, or whose words lack contrast (by axe's rule, after
WCAG 2 AA), is an error; all pages are asked for the first, the six for the second.
"""

import shutil
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from screenshots import FLAGS

SITE = Path(__file__).resolve().parent / "_build"
LOOKED_AT = ("index", "gallery", "tabular", "4-relu", "fr/7-generalization", "reference/reseau-losses")
WIDTHS = (390, 1400)  # a telephone, a laptop
ALL_WIDTHS = (*WIDTHS, 800, 1100, 1320, 1920)
PARTS = "[document.documentElement, ...document.querySelectorAll('.content')]"  # any may scroll to the right
CONTRAST = {"runOnly": ["color-contrast"]}


def opened(browser: Browser, scheme: str, width: int) -> Page:
    """An empty page of this width, whose reader likes this scheme of colors."""
    return browser.new_page(viewport={"width": width, "height": 1000}, color_scheme=scheme)  # type: ignore[arg-type]


def show(page: Page, name: str) -> None:
    """Open a page of the site, with its formulas."""
    page.goto((SITE / f"{name}.html").as_uri())
    page.wait_for_function("!window.MathJax?.startup || MathJax.startup.promise.then(() => true)")


def too_wide(page: Page, name: str, width: int) -> list[str]:
    """What the page has to the right of a window of this width, in words."""
    page.set_viewport_size({"width": width, "height": 1000})
    over = page.evaluate(f"Math.max(...{PARTS}.map(e => e.scrollWidth - e.clientWidth))")
    return [f"{name}: {over} pixels wider than a window of {width}"] if over > 0 else []


def without_contrast(page: Page, name: str) -> list[str]:
    """The words of the page that cannot be told from what is behind them."""
    found = Axe().run(page, context="article", options=CONTRAST).response["violations"]
    return [f"{name}: {node['html']}: {node['failureSummary']}" for rule in found for node in rule["nodes"]]


def look(browser: Browser, folder: Path) -> list[str]:
    """Take the pictures; what is wrong, each in words."""
    wrong = []
    for scheme in ("light", "dark"):
        for width in WIDTHS:
            page = opened(browser, scheme, width)
            for name in LOOKED_AT:
                show(page, name)
                wrong += without_contrast(page, name)
                page.screenshot(path=folder / f"{name.replace('/', '-')}-{scheme}-{width}.png", full_page=True)
    page = opened(browser, "light", WIDTHS[0])
    for path in sorted(SITE.rglob("*.html")):
        name = str(path.relative_to(SITE).with_suffix(""))
        show(page, name)
        wrong += [line for width in ALL_WIDTHS for line in too_wide(page, name, width)]
    return wrong


def main() -> None:
    """Write the pictures; end with what is wrong, where something is."""
    folder = SITE / "views"
    folder.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        wrong = look(browser, folder)
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
