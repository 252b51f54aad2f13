"""The site: `make docs` builds it from the Markdown of this folder and the docstrings of the public names.

The Markdown is written to be read on GitHub too, so what only the site needs is added here: the contents (`CONTENTS`) and
the reference, a page for each module, written into `reference/`, which git ignores.
"""

import inspect
import re
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "src"))

import reseau  # noqa: E402

project, copyright, author = "reseau", "The reseau developers", "The reseau developers"
release = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme, html_title = "furo", f"reseau {release}"
html_static_path, html_css_files = ["_static"], ["site.css"]
MATHJAX = FOLDER.parent / "build/mathjax/node_modules/mathjax/es5/tex-svg.js"
if MATHJAX.exists():  # `make docs` puts it there where npm can: then the site needs no network
    html_static_path, mathjax_path = [*html_static_path, str(MATHJAX)], MATHJAX.name
myst_enable_extensions, myst_heading_anchors = ["dollarmath"], 3
autodoc_typehints_format, autodoc_member_order, napoleon_use_ivar = "short", "bysource", True

CONTENTS = """

```{toctree}
:hidden:
:caption: Guides
guides/table
guides/images
estimators
guides/pytorch
guides/inside
guarantees
explorer
scaling
guides/ship
extending
tables
tabular
gallery
```

```{toctree}
:hidden:
:caption: Course
README
1-graph
2-sgd
3-backprop
4-relu
5-homogeneity
6-regularization
7-generalization
8-approximation
approximation
theory/README
theory/univariate
theory/optimum
theory/generalization
theory/homogeneity
data/README
```

```{toctree}
:hidden:
:caption: Cours, en français
fr/README
fr/1-graph
fr/2-sgd
fr/3-backprop
fr/4-relu
fr/5-homogeneity
fr/6-regularization
fr/7-generalization
fr/8-approximation
```

```{toctree}
:hidden:
:caption: Reference
reference/index
deployment
```
"""

MODULES = {
    "reseau": ("Graphs, networks, training", sorted(set(reseau.HOME))),
    **{f"reseau.{name}": ("", None) for name in reseau.MODULES if name not in ("layers", "ops")},
    "reseau.ops": ("", None),
}


def entry(module: Any, name: str) -> str:
    """The directive that prints the docstring of a public name."""
    value, where = getattr(module, name), f"{module.__name__}.{name}"
    if inspect.ismodule(value):
        return f".. automodule:: {value.__name__}\n   :members:\n"
    if inspect.isclass(value) and not hasattr(value, "__origin__"):
        return f".. autoclass:: {where}\n   :members:\n"
    if inspect.isfunction(value):
        return f".. autofunction:: {where}\n"
    return f".. py:data:: {where}\n\n   ``{value}``\n"  # an alias of a type


def write_reference() -> None:
    """A page for each module, and the list of them."""
    folder, pages = FOLDER / "reference", []
    folder.mkdir(exist_ok=True)
    for module_name, (_, names) in MODULES.items():
        module = import_module(module_name)
        wanted = [n for n in names or module.__all__ if module is reseau or n not in reseau.HOME]
        what = (module.__doc__ or "").strip().partition("\n")[0]
        title = f"``{module_name}``"
        parts = [title, "=" * len(title), "", markdown_to_rst(what), ""]
        for name in wanted:
            parts += [name, "-" * len(name), "", entry(module, name), ""]
        write(folder / f"{module_name.replace('.', '-')}.rst", "\n".join(parts))
        pages.append(module_name.replace(".", "-"))
    listed = "\n".join(f"   {page}" for page in pages)
    write(folder / "index.rst", f"Reference\n=========\n\nEvery public name, each with an example that runs.\n\n"
          f".. toctree::\n   :maxdepth: 1\n\n{listed}\n")


def write(path: Path, text: str) -> None:
    """Write a page if it is another than before, so that Sphinx reads only what changed."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


MARKED = r"(``[^`]+``|`[^`]+`|(?<![\w*])\*[^*\s](?:[^*]*[^*\s])?\*(?!\w))"


def markdown_to_rst(text: str) -> str:
    """A text of a docstring, with code in single backticks and titles in stars, as reStructuredText."""
    pieces = re.split(MARKED, text)
    pieces[::2] = [re.sub(r"[|*`]|(?<=\w)_(?!\w)", r"\\\g<0>", piece) for piece in pieces[::2]]
    pieces[2::2] = [re.sub(r"^(?=\w)", r"\\ ", piece) for piece in pieces[2::2]]  # the end of "`Fraction`s"
    pieces[1::2] = [f"``{piece.strip('`')}``" if piece[0] == "`" else piece for piece in pieces[1::2]]
    return "".join(pieces)


def docstring(app: Any, what: str, name: str, value: object, options: Any, lines: list[str]) -> None:
    """Make reStructuredText of a docstring; its examples, up to the next blank line, stay as they are."""
    paragraphs = "\n".join(lines).split("\n\n")
    paragraphs = [re.sub(r"\n +", " ", p) if p.startswith("Source:") else p for p in paragraphs]
    cut = [re.split(r"(?=^ *>>>)", p, maxsplit=1, flags=re.MULTILINE) for p in paragraphs]
    lines[:] = "\n\n".join(markdown_to_rst(p[0]) + "".join(p[1:]) for p in cut).split("\n")
    if what in ("attribute", "property"):
        lines.insert(0, "")  # napoleon takes what stands before a colon in the first line for a type


def signature(app: Any, what: str, name: str, value: object, options: Any, said: str | None, returned: str | None) -> Any:
    """A default of many numbers by its first and its last."""
    return re.sub(r"\(([^\s,()]+, )(?:[^\s,()]+, ){6,}([^\s,()]+)\)", r"(\1..., \2)", said or "") or said, returned


def with_contents(app: Any, name: str, source: list[str]) -> None:
    """Give the first page the contents of the site."""
    if name == "index":
        source[0] += CONTENTS


def setup(app: Any) -> None:
    """Connect the hooks, once Sphinx starts."""
    write_reference()
    app.connect("autodoc-process-docstring", docstring, priority=400)
    app.connect("autodoc-process-signature", signature)
    app.connect("source-read", with_contents)
