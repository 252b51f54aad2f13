"""Debian's chromium, as the tests of pages start it: without a window, and quiet on the network."""

import shutil

import pytest

__all__ = ["CHROMIUM", "FLAGS", "NEEDS_CHROMIUM"]

CHROMIUM = shutil.which("chromium")
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
