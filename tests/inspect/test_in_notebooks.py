"""What notebooks show is read in the colors of the notebook it stands in: those of JupyterLab, VS Code and marimo."""

import numpy as np
import pytest

import reseau as rs
from tools.browsers import CHROMIUM, FLAGS, NEEDS_CHROMIUM

pytestmark = [pytest.mark.slow, NEEDS_CHROMIUM]

VS_CODE = """<style>
:root {{ --vscode-editor-background: {paper}; --vscode-editor-foreground: {ink}; --vscode-foreground: {ink};
  --vscode-font-family: sans-serif; --vscode-editor-font-family: monospace; color-scheme: {scheme}; }}
body {{ background: var(--vscode-editor-background); color: var(--vscode-foreground);
  font-family: var(--vscode-font-family); font-size: 13px; }}
table {{ border: none; border-collapse: collapse; border-spacing: 0; }}
th, td {{ padding: .5em; vertical-align: middle; }}
pre, code {{ font-family: var(--vscode-editor-font-family); color: inherit; }}
</style><body class="vscode-{scheme}" data-vscode-theme-kind="vscode-{scheme}"><div class="output">{shown}</div>"""
MARIMO = """<style>
:root {{ --background: #ffffff; --foreground: #0f172a; color-scheme: light; }}
.dark {{ --background: #181c1a; --foreground: #ededed; color-scheme: dark; }}
.marimo {{ background: var(--background); color: var(--foreground); font: 14px sans-serif; min-height: 100vh; }}
pre, table, th, td {{ margin: 0; border: 0 solid; font-size: 100%; }}
svg {{ display: block; vertical-align: middle; }}
</style><body class="{scheme}"><div class="marimo {scheme}"><div class="output-area">{shown}</div></div>"""
JUPYTER = """<style>
:root {{ --jp-layout-color0: {paper}; --jp-ui-font-color0: {ink}; --jp-content-font-color1: {ink};
  --jp-rendermime-table-row-background: {stripe}; }}
body {{ background: var(--jp-layout-color0); color: var(--jp-content-font-color1); font: 14px sans-serif; }}
.jp-RenderedHTMLCommon tbody tr:nth-child(odd) {{ background: var(--jp-rendermime-table-row-background); }}
</style><body data-jp-theme-light="{light}"><div class="jp-RenderedHTMLCommon">{shown}</div>"""
HOSTS = {"VS Code": VS_CODE, "marimo": MARIMO, "JupyterLab": JUPYTER}
COLORS = {
    "light": {"paper": "#ffffff", "ink": "#3b3b3b", "stripe": "#f5f5f5", "light": "true", "scheme": "light"},
    "dark": {"paper": "#1f1f1f", "ink": "#cccccc", "stripe": "#262626", "light": "false", "scheme": "dark"},
}
"""The variables that each sets around what a cell shows, by the sides of its styles that a person reads."""

CONTRASTS = """() => {
    const channels = (text) => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
    const linear = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const opaque = (c) => c.length < 4 || c[3] === 1;
    const behind = (x, y) => {
        for (const e of document.elementsFromPoint(x, y)) {
            const style = getComputedStyle(e);
            const paint = e.tagName === "rect" ? style.fill : style.backgroundColor;
            if (paint !== "none" && opaque(channels(paint))) return channels(paint);
        }
        return [255, 255, 255];
    };
    const found = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
        const range = document.createRange();
        range.selectNodeContents(text);
        const [place] = range.getClientRects();
        if (!text.data.trim() || !place || !text.parentElement.checkVisibility()) continue;
        const style = getComputedStyle(text.parentElement);
        const ink = channels(text.parentElement.ownerSVGElement ? style.fill : style.color);
        const paper = behind(place.x + place.width / 2, place.y + place.height / 2);
        const [dark, light] = [luminance(ink), luminance(paper)].sort((x, y) => x - y);
        found.push([text.data.trim(), (light + 0.05) / (dark + 0.05)]);
    }
    return found;
}"""


@pytest.fixture(scope="module")
def shown():
    """What a cell shows of each kind of result, as HTML."""
    x = rs.input("x", (2,))
    net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 3, name="hidden")), 2, name="scores"))
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 2))
    y = (X[:, 0] > 0).astype(int)
    result = rs.fit(rs.Objective(net, rs.losses.CrossEntropy()), (X, y), epochs=3, progress=False)
    model = rs.NetworkClassifier((3,), max_iter=2, random_state=0)
    return {
        "net": net._repr_svg_(),
        "summary": net.summary()._repr_html_(),
        "FitResult": result._repr_html_(),
        "Certificate": rs.theory.certify_errors(3, 100)._repr_html_(),
        "Explanation": net.explain(result.params, X[:1], np.ones((1, 2)))._repr_html_(),
        "Diagnosis": net.diagnose(result.params, X)._repr_html_(),
        "Attribution": net.attribute(result.params, X[:2])._repr_svg_(),
        "estimator": model._repr_html_(),
    }


@pytest.fixture(scope="module")
def page():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened.new_page(viewport={"width": 600, "height": 5000})
        opened.close()


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("host", HOSTS)
def test_what_a_cell_shows_is_read_in_the_colors_of_its_notebook(page, shown, host, color):
    """Every text has a contrast of 4.5 at least (WCAG 2.2, 1.4.3), and nothing is wider than the cell."""
    page.emulate_media(color_scheme=color)
    for name, html in shown.items():
        page.set_content("<!doctype html>" + HOSTS[host].format(shown=html, **COLORS[color]))
        texts = page.evaluate(CONTRASTS)
        assert texts, name
        own = [(text, ratio) for text, ratio in texts if (name, text) != ("estimator", "i")]  # scikit-learn's own mark
        assert {text: round(ratio, 2) for text, ratio in own if ratio < 4.5} == {}, name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
