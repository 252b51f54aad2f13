"""A cell in JupyterLab shows the widget, a click there reaches Python, and nothing is asked of another machine."""

import json
import os
import re
import secrets
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec

import pytest
from playwright.sync_api import TimeoutError, sync_playwright

from tools.browsers import CHROMIUM, FLAGS, NEEDS_CHROMIUM

pytestmark = [pytest.mark.slow, NEEDS_CHROMIUM]

SHOW = """import numpy as np, reseau as rs
x = rs.input("x", (2,))
net = rs.Network(x, rs.affine(rs.relu(rs.affine(x, 8, name="hidden")), 1, name="line"))
X = np.random.default_rng(0).normal(size=(40, 2))
shown = rs.explore(net, net.init(seed=0), (X, X.sum(axis=1)))
shown"""
READ = "print('steps taken:', shown.explorer.trainer.step)"
FIT = """objective = rs.Objective(net, rs.losses.SquaredError())
result = rs.fit(objective, (X, X.sum(axis=1, keepdims=True)), epochs=3000)"""


def notebook(*cells):
    """The text of a file of these cells."""
    told = [
        {"cell_type": "code", "id": f"cell{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": text}
        for i, text in enumerate(cells)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": told})


@pytest.fixture
def lab(tmp_path):
    """The address of a JupyterLab that serves an empty folder with one notebook, and knows nobody's settings."""
    if find_spec("jupyterlab") is None:
        pytest.skip("JupyterLab is not installed (pip install '.[notebook]')")
    folder, token = tmp_path / "work", secrets.token_urlsafe(24)
    folder.mkdir()
    (folder / "cells.ipynb").write_text(notebook(SHOW, READ, FIT), encoding="utf-8")
    own = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "HOME")
    given = os.environ | {name: str(tmp_path / name.lower()) for name in own}
    words = ["--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0"]
    words += [f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={token}"]
    words += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    with subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *words], cwd=folder, env=given, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            told = []
            for line in server.stderr:
                told.append(line)
                if found := re.search(r"http://127\.0\.0\.1:(\d+)/lab", line):
                    break
            else:
                pytest.fail("JupyterLab has not started:\n" + "".join(told))
            yield f"http://127.0.0.1:{found[1]}/lab/tree/cells.ipynb?token={token}"
        finally:
            server.terminate()
            server.stderr.read()


def run(page, cell):
    """Run a cell, again where the notebook was not joined to its kernel yet and has dropped it."""
    for _ in range(20):
        cell.locator(".jp-InputArea-editor").click()
        page.keyboard.press("Shift+Enter")
        with suppress(TimeoutError):
            cell.locator(".jp-InputArea-prompt", has_text=re.compile(r"\d")).wait_for(timeout=6000)
            return
    pytest.fail("the cell was not run")


def test_a_cell_shows_the_widget_and_a_click_reaches_python(lab):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(120_000)
        asked = []
        page.on("request", lambda r: asked.append(r.url))
        page.goto(lab)
        run(page, page.locator(".jp-CodeCell").first)
        shown = page.locator(".reseau.cell")
        shown.wait_for()
        shown.get_by_role("button", name="Step", exact=True).click()
        shown.locator("[data-status=step]", has_text="1").wait_for()
        shown.get_by_role("tab", name="Data").focus()
        page.keyboard.press("2")  # the notebook's own key makes a heading of the cell
        shown.get_by_role("heading", name="This run").wait_for()
        run(page, page.locator(".jp-CodeCell").nth(1))
        page.get_by_text("steps taken: 1", exact=True).wait_for()
        run(page, page.locator(".jp-CodeCell").nth(2))
        progress = page.locator(".jp-CodeCell").nth(2).locator(".jp-OutputArea-output")
        progress.get_by_text("epoch 3,000 of 3,000").wait_for()
        assert len(progress.inner_text().splitlines()) == 1
        foreign = {url for url in asked if not url.startswith((lab.partition("/lab")[0], "data:", "blob:"))}
        assert not foreign
        browser.close()
