"""Where the developers' larger data lies, outside the repository; tests that read it are skipped without it."""

from pathlib import Path

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
