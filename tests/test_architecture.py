"""The layout is the one that ARCHITECTURE.md draws and that the linter keeps."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from functools import cache
from pathlib import Path

import reseau

ROOT = Path(__file__).parents[1]
SOURCE = Path(reseau.__file__).parent
WANTED = ast.Call | ast.Import | ast.ImportFrom
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


@cache
def modules():
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(("reseau", *parts)).removesuffix(".__init__")
        found.append((name, path, [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, WANTED)]))
    return found


def imported(nodes):
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def circles(edges):
    """Files that import each other in a loop, or read such files: what is left when all others are taken."""
    left = {name: set(read) for name, read in edges.items()}
    while True:
        free = {name for name, read in left.items() if not read & left.keys()}
        if not free:
            return sorted(left)
        left = {name: read for name, read in left.items() if name not in free}


def test_no_files_import_each_other_in_a_loop():
    files = {name: nodes for name, path, nodes in modules() if path.name != "__init__.py"}
    assert circles({name: set(imported(nodes)) & files.keys() for name, nodes in files.items()}) == []


def test_no_files_of_the_page_import_each_other_in_a_loop():
    files = {path.with_suffix(""): path.read_text() for path in (ROOT / "web" / "src").rglob("*.ts*")}
    edges = {
        path: {(path.parent / name).resolve() for name in re.findall(r'from "(\.[^"]+)"', text)} & files.keys()
        for path, text in files.items()
    }
    assert circles(edges) == []
    assert sum(map(len, edges.values())) > 50


def test_that_a_loop_would_be_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == ["a", "b", "c", "d"]


def test_no_import_is_hidden_in_a_string():
    lazy_faces = {"reseau", "reseau.theory"}
    for name, path, nodes in modules():
        called = [n for n in nodes if isinstance(n, ast.Call) and "import_module" in ast.dump(n.func)]
        if name not in lazy_faces:
            assert all("reseau" not in ast.unparse(call) for call in called), path


def test_no_file_is_longer_than_400_lines():
    assert [path for path in SOURCE.rglob("*.py") if len(path.read_text().splitlines()) > 400] == []


OPERATIONS = {"ops", "layers", "losses", "modelfiles.onnx.rules"}
"""One family of operations: what computes it, what a person calls, its loss, how ONNX says it."""
ALIKE = {
    "base": {"ops", "optimizers"},  # the contract of what the folder holds
    "design": {"cli", "estimators"},  # what settings stand for: a network, an objective, an optimizer
    "verify": {"cli", "verification"},  # a command, and the function that it calls
    "certify": {"cli", "theory.generalization"},
    "monitor": {"cli", "theory.sequential"},
}


def shared_names(folders):
    """Names of files in several folders, but for families of operations."""
    return {name: found for name, found in folders.items() if len(found) > 1 and not found <= OPERATIONS}


def test_files_of_one_name_do_the_same_for_two_things():
    folders = defaultdict(set)
    for name, path, _ in modules():
        if path.name != "__init__.py":
            folders[path.stem].add(name.removeprefix("reseau.").rpartition(".")[0])
    assert shared_names(folders) == ALIKE
    assert shared_names({"rows": {"graph", "report"}, "trees": {"ops", "layers"}}) == {"rows": {"graph", "report"}}


def words_of(node):
    return "".join(n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))


TRACED_IN_OTHERS = {"training.kernel": 1, "inference.programs": 1, "ops.correlation.chosen": 1, "compile_cache": 1}
OF_ONE_SUM = {"distributed.team": 3}  # and of no product: collectives of arrays that are there


def test_xla_is_told_of_every_program_what_keeps_it_sound():
    found = {}
    for name, path, _ in modules():
        nodes = list(ast.walk(ast.parse(path.read_text())))
        calls = [n for n in nodes if isinstance(n, ast.Call) and any(k.arg == "compiler_options" for k in n.keywords)]
        told = {id(part) for call in calls for part in (call.func, *call.args)}
        jits = [n for n in nodes if isinstance(n, ast.Attribute) and ast.unparse(n) == "jax.jit"]
        if bare := sum(id(n) not in told for n in jits):
            found[name.removeprefix("reseau.")] = bare
    assert found == TRACED_IN_OTHERS | OF_ONE_SUM


def test_every_error_about_data_says_its_cure():
    """But those that pass on another's words, such as `f"{path}: {error}"`."""
    raised = [
        n for _, _, nodes in modules() for n in nodes if isinstance(n, ast.Call) and ast.unparse(n.func) == "DataError"
    ]
    said = [words_of(node) for node in raised]
    assert [words for words in said if len(words) > 12 and "\n  fix: " not in words] == []
    assert len(said) > 400


def test_examples_stand_under_their_heading():
    for _, path, _ in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node) or ""
                assert ">>> " not in text or re.search(r"^Examples?:$", text, re.MULTILINE), f"{path}: {node.name}"


def test_every_package_has_its_folder_of_tests():
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert {path.parent.name for path in SOURCE.glob("*/__init__.py")} <= folders


def test_the_picture_of_the_layers_is_the_contract():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    picture = re.search(r"```\n(cli .*?)```", text, re.DOTALL).group(1)
    drawn = [re.split(r"\s{2,}", line)[0] for line in picture.splitlines() if not line.startswith(" ")]
    assert drawn == CONTRACTS[0]["layers"]
    assert all(contract["exhaustive"] for contract in CONTRACTS)


def test_a_package_that_no_layer_names_fails_the_contract(tmp_path):
    """The linter is run on a copy of the contracts that lacks one package, as if it were new."""
    text = (ROOT / "pyproject.toml").read_text().replace('  "disk | cache | versions', '  "disk | versions')
    (tmp_path / "pyproject.toml").write_text(text)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--config", "pyproject.toml", "--no-cache"],
        check=False, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode != 0
    assert "cache" in done.stdout
