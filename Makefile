# Everything from a fresh clone: `make demo` trains a network, `make test` runs every test.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check docs package floors bench clean

# One thread for matrix products as small as these: as fast, and it does not stumble over a busy machine.
demo test docs: export OPENBLAS_NUM_THREADS ?= 1

demo: .venv/demo
	$(BIN)/lucidnet train digits --epochs 60 --plot demo.png

# Two processes at a time, each with whole files.
test: .venv/dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: .venv/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/python tests/budget.py

# The site, every code block of it run: docs/_build/html/index.html.
docs: .venv/dev
	$(BIN)/python -m sphinx -W --keep-going -q -j 2 -b html docs docs/_build/html

# As others get it: built, installed alone, with the least versions it names, on newer Pythons if there are any.
package: .venv/dev
	.ci/package

floors: .venv/dev
	.ci/package floors

bench: .venv/dev
	$(BIN)/python -m benchmarks

.venv/bin/python:
	$(PYTHON) -m venv .venv

# Stamps: an installation is renewed when what it depends on has changed.
.venv/demo: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[cli,plots]"
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@

clean:
	rm -rf .venv build dist docs/_build docs/reference docs/_static/fonts .pytest_cache .mypy_cache .ruff_cache demo.png
