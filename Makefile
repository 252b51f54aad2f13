# `make demo` and `make test` need nothing but Python 3.11 (or newer) and make.
PYTHON ?= python3
NEWEST ?= python3.13
NEWEST_TESTS ?= tests/test_smoke.py tests/test_old_files.py tests/estimators/test_same_as_mlp.py tests/estimators/test_contract.py \
	tests/training/test_training.py tests/training/test_small_graphs.py tests/data/test_streams.py tests/graph/test_backprop.py \
	tests/optimizers
BIN := .venv/bin

# where it is set, as in many containers, each of the many processes of a run would compile every file again
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help web screenshots views face docs notebooks figures demo smoke fuzz dist lowest newest links test test-browser test-slow check format bench experiments clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/core: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[plot,explore]"
	@touch $@

.venv/develop: .venv/core
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[plot,data,images,excel,convex,certify,explore,test,check]"
	@touch $@

.venv/bench: .venv/develop
	$(BIN)/python -m pip install -q --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[bench]"
	@touch $@

test: .venv/develop  ## run the test suite (minutes, two cores)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not browser"

test-browser: .venv/develop  ## run the tests of the explorer's page in a real browser (needs chromium)
	@command -v chromium >/dev/null || (echo "chromium is not installed: apt-get install chromium"; exit 1)
	$(BIN)/python -m pytest -m "browser and not slow" tests/explorer

smoke: .venv/develop  ## the whole path once, in seconds
	$(BIN)/python -m pytest tests/test_smoke.py

fuzz: .venv/develop  ## the property tests on thousands of fresh examples, for as long as it takes
	$(BIN)/python -m pytest -m hypothesis --hypothesis-profile fuzz

test-slow: .venv/develop  ## run the long tests too, in programs that are compiled as for users
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[notebook]"
	XLA_FLAGS= $(BIN)/python -m pytest

check: .venv/develop  ## lint, format, types, layers, the schemas of the workflow and the citation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

dist: .venv/develop  ## build the sdist and the wheel, and check both; the sdist passes its own smoke run
	rm -rf dist build/sdist
	$(BIN)/python -m build -q
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	mkdir -p build/sdist
	tar -xzf dist/*.tar.gz -C build/sdist --strip-components=1
	cd build/sdist && PYTHONPATH=src $(CURDIR)/$(BIN)/python -m pytest tests/test_smoke.py tests/test_release.py tests/test_old_files.py

lowest:  ## the lowest version of every dependency, together, passes the smoke run and reads old files
	test -x .venv-lowest/bin/uv || ($(PYTHON) -m venv .venv-lowest && .venv-lowest/bin/python -m pip install -q uv)
	.venv-lowest/bin/uv pip install -q --python .venv-lowest/bin/python --resolution lowest-direct -e ".[plot,data]" "pytest>=8" "hypothesis>=6.100"
	.venv-lowest/bin/python -m pytest tests/test_smoke.py tests/test_old_files.py tests/estimators/test_same_as_mlp.py

docs: .venv/develop  ## build the site into docs/_build; a warning or a dead link within it fails
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[site]"
	test -d build/mathjax || npm install --silent --no-save --prefix build/mathjax mathjax@3.2.2 \
		|| echo "MathJax cannot be installed by npm: the site's formulas are typeset from a network"
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build

views: .venv/develop  ## look at six pages of the site that `make docs` built, light, dark, narrow and wide (needs chromium)
	$(BIN)/python docs/views.py

links: .venv/develop  ## follow every link of the site that leads out of it (needs a network)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[site]"
	$(BIN)/python -m sphinx -q -b linkcheck docs build/links

newest:  ## NEWEST=python3.13 and the newest version of every dependency: training, estimators, old files (minutes)
	test -x .venv-$(NEWEST)/bin/uv || ($(NEWEST) -m venv .venv-$(NEWEST) && .venv-$(NEWEST)/bin/python -m pip install -q uv)
	.venv-$(NEWEST)/bin/uv pip install -q --upgrade --python .venv-$(NEWEST)/bin/python -e ".[plot,data]" "pytest>=8" "pytest-xdist>=3.6" "hypothesis>=6.100" "optax>=0.2.5"
	.venv-$(NEWEST)/bin/python -m pytest -n 2 -m "not slow" $(NEWEST_TESTS)

notebooks:  ## write the pages of the course, in both languages, as notebooks into docs/_build/notebooks
	$(PYTHON) docs/notebooks.py

figures: .venv/develop  ## run the pages, write what they print, draw their pictures
	$(BIN)/python docs/figures.py

format: .venv/develop  ## rewrite the code in the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

face: .venv/core  ## write the stub of the public names again
	$(BIN)/python scripts/write_stub.py

demo: .venv/core  ## train on real digits (accuracy with a certificate, pictures, a model file) and on a table, beside trees
	$(BIN)/reseau train --dataset digits --conv 16,32 --hidden 64 --out demo-run --force
	$(BIN)/reseau show demo-run
	$(BIN)/python examples/table_beside_trees.py
	@echo "$(BIN)/reseau explore demo-run    # to look inside, on a page of this machine"

bench: .venv/bench  ## time training steps against the peers; rewrites the README's table
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.inference
	$(BIN)/python -m benchmarks.approximation
	$(BIN)/python -m benchmarks.estimators
	$(BIN)/python -m benchmarks.streaming
	$(BIN)/python -m benchmarks.memory

web:  ## build the explorer's page from the TypeScript in web/ (needs node and npm)
	cd web && npm ci --no-audit --no-fund --loglevel=error && npm run -s check && npm run -s build

screenshots: .venv/develop  ## the pictures of docs/explorer.md, from the running page (needs chromium)
	$(BIN)/python docs/screenshots.py

experiments: .venv/core  ## the figures of the examples: the book's regressions, width against the optimum
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[convex]"
	$(BIN)/python examples/book_experiments.py --out book_experiments.png
	$(BIN)/python examples/width_and_optimum.py --out width_and_optimum.png
	$(BIN)/python examples/random_features.py --out random_features.png
	$(BIN)/python examples/mean_field.py --out mean_field.png

clean:  ## remove what the other targets made
	rm -rf .venv .venv-* demo-run build docs/_build docs/reference .pytest_cache .mypy_cache .ruff_cache .hypothesis
