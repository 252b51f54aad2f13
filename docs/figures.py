"""Run the pages of the course: write their figures, and what their code prints under it.

    python docs/figures.py [PAGE ...]

A page's python blocks share one namespace, its sh blocks one folder; a text block directly after one is what it prints.
Each page runs in an empty folder; a guide is named by its path, `guides/table`. The pages `tables`, whose data must stand
there, and `estimators` run in the current folder, and only if they are named. The French pages get the same code and output.
"""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
BLOCK = re.compile(r"^```(?P<language>python|sh)\n(?P<code>.*?)^```\n(?:\n```text\n(?P<printed>.*?)^```\n)?", re.DOTALL | re.MULTILINE)


def run(text: str, name: str) -> list[str]:
    """Execute the blocks of a page in the current folder; what each prints."""
    namespace: dict[str, object] = {"__name__": name}
    printed = []
    for found in BLOCK.finditer(text):
        if found["language"] == "sh":
            printed.append(shell(found["code"]))
            continue
        out = io.StringIO()
        # line numbers of the page in tracebacks
        code = "\n" * text.count("\n", 0, found.start("code")) + found["code"]
        with contextlib.redirect_stdout(out):
            exec(compile(code, name, "exec"), namespace)
        printed.append(out.getvalue())
    return printed


def shell(code: str) -> str:
    """What commands print, `reseau` among them."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["bash", "-e", "-o", "pipefail", "-c", code]
    return subprocess.run(command, env=os.environ | {"PATH": path}, stdout=subprocess.PIPE, check=True, text=True).stdout


def with_output(text: str, printed: list[str]) -> str:
    """The page with what its blocks print."""
    results = iter(printed)

    def block(found: re.Match[str]) -> str:
        out = next(results)
        return f"```{found['language']}\n{found['code']}```\n" + (f"\n```text\n{out}```\n" if out else "")

    return BLOCK.sub(block, text)


def plain_svg() -> None:
    """Small SVG files that are the same at every run."""
    import matplotlib

    os.environ["SOURCE_DATE_EPOCH"] = "0"
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "reseau", "axes.spines.right": False})
    matplotlib.rcParams.update({"axes.spines.top": False, "legend.frameon": False})


def write(path: Path) -> None:
    """Run a page, and write what its blocks print under them."""
    text = path.read_text(encoding="utf-8")
    path.write_text(with_output(text, run(text, path.name)), encoding="utf-8")
    print(path.relative_to(FOLDER))


def write_in_empty_folder(path: Path) -> None:
    """Run a page where its reader stands, and keep the pictures that it draws and shows."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write(path)
        for picture in re.findall(r"!\[[^]]+\]\(figures/([^)]+)\)", path.read_text(encoding="utf-8")):
            shutil.copy(picture, FOLDER / "figures")
        os.chdir(FOLDER)


def main(names: list[str]) -> None:
    import french

    plain_svg()
    for name in ("tables", "estimators"):
        if name in names:
            write(FOLDER / f"{name}.md")
    apart = [FOLDER / "gallery.md", FOLDER / "index.md", FOLDER / "deployment.md", *sorted(FOLDER.glob("guides/*.md"))]
    for path in [*sorted(FOLDER.glob("[0-9]-*.md")), *apart]:
        if not names or path.relative_to(FOLDER).with_suffix("").as_posix() in names:
            write_in_empty_folder(path)
    french.main()


if __name__ == "__main__":
    main(sys.argv[1:])
