"""Nothing is imported or called that Windows or macOS lacks, but where the program asks first.

What a system lacks is taken from typeshed, the types of the standard library that come with mypy.
"""

import ast
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

import reseau

mypy = pytest.importorskip("mypy")

SOURCE = Path(reseau.__file__).parent
TESTS = Path(__file__).parent
STUBS = Path(mypy.__file__).parent / "typeshed" / "stdlib"
OLDEST = (3, 11)
IMPORTED = re.compile(r"^ *(?:import|from) ([a-z_.]+)", re.MULTILINE)


@cache
def public(module, platform):
    """The names of a module of the standard library on a platform; none where it is no such module."""
    found = (STUBS / f"{module.replace('.', '/')}{end}" for end in (".pyi", "/__init__.pyi"))
    path = next((p for p in found if p.exists()), None)
    if path is None:
        return frozenset()
    told = SimpleNamespace(platform=platform, version_info=OLDEST)

    def names(body):
        for node in body:
            if isinstance(node, ast.If):
                where = eval(compile(ast.Expression(node.test), str(path), "eval"), {"sys": told})
                yield from names(node.body if where else node.orelse)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield node.name
            elif isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                yield from public(node.module, platform)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                yield from (alias.name for alias in node.names if alias.asname == alias.name)  # a stub's own names
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                yield from (t.id for t in targets if isinstance(t, ast.Name))

    return frozenset(names(ast.parse(path.read_text(encoding="utf-8")).body))


@cache
def lacking(module):
    """The names that one of the three systems has and another lacks; "" for a module that has none at all on one."""
    have = [public(module, platform) for platform in ("linux", "darwin", "win32")]
    found = frozenset.union(*have) - frozenset.intersection(*have)
    return found | {""} if found and not all(have) else found


def used(node, modules):
    """What a node of a program uses of modules: their names, and "" for an import of the whole."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
        yield modules[node.value.id], node.attr
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield from ((node.module, alias.name) for alias in node.names)
    elif isinstance(node, ast.Import):
        yield from ((alias.name, "") for alias in node.names)


def asks(function):
    """Whether a function asks on which system it runs, or for what it wants, or is a test that Windows leaves out."""
    text = ast.unparse(function)
    return any(question in text for question in ("sys.platform", "os.name", "hasattr(", "mark.posix", "/proc/self"))


def unguarded(tree):
    """What some system lacks, used outside a function that asks first, and where."""
    nodes = list(ast.walk(tree))
    modules = {a.asname or a.name: a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    odd = {n: (m, name) for n in nodes for m, name in used(n, modules) if name in lacking(m)}
    functions = [n for n in nodes if odd and isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and asks(n)]
    guarded = {n for f in functions for n in ast.walk(f)}
    return [f"{m}.{name}, line {n.lineno}" for n, (m, name) in odd.items() if n not in guarded]


def test_what_a_system_lacks_is_used_only_where_the_program_asks_first():
    texts = {path: path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")}
    odd = {path for path, text in texts.items() if any(map(lacking, IMPORTED.findall(text)))}
    assert len(odd) > 20
    assert {path.name: told for path in odd if (told := unguarded(ast.parse(texts[path])))} == {}


def test_tests_that_need_posix_have_its_marker():
    """A file that imports what Windows lacks could not even be collected there."""
    texts = {path: path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py")}
    odd = {path: text for path, text in texts.items() if "pytestmark = pytest.mark.posix" not in text}
    assert sum("mark.posix" in text for text in texts.values()) > 15
    assert {path.name: told for path, text in odd.items() if (told := unguarded(ast.parse(text)))} == {}


@pytest.mark.parametrize(
    "program",
    [
        "import os\nos.fork()",
        "from os import getuid",
        "import signal\ndef stop(process): process.send_signal(signal.SIGKILL)",
        "def lock(file):\n    import fcntl\n    fcntl.flock(file, 2)",
        "import socket\nsocket.AF_UNIX",
        "import msvcrt",
    ],
)
def test_that_a_use_without_a_question_would_be_found(program):
    assert unguarded(ast.parse(program))


def test_that_a_use_behind_a_question_is_not():
    program = "import os\ndef cores():\n    return os.sched_getaffinity(0) if hasattr(os, 'sched_getaffinity') else 1"
    assert unguarded(ast.parse(program)) == []
