# All set-up is done by the targets themselves: they need python3 (3.11 or later) and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1

.PHONY: demo test test-browser lint bench-ingest bench-realism bench-discovery bench-review bench-model bench-finetuning docs clean

## run the main job on a small simulated survey (runs/demo)
demo: $(VENV)/.core
	$(BIN)/oddqso demo

## check the code and pass the tests
test: $(VENV)/.dev lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup

## the tests that need Chromium, alone; `make test` has them, too, where it is installed
test-browser: $(VENV)/.dev
	$(BIN)/python -m pytest -m browser tests

lint: $(VENV)/.dev
	$(BIN)/ruff format --check src tests benchmarks docs
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

## benchmarks: write benchmarks/results/*.json
bench-realism: $(VENV)/.dev
	$(BIN)/python benchmarks/realism.py

bench-ingest: $(VENV)/.dev
	$(BIN)/python benchmarks/ingest.py

bench-discovery: $(VENV)/.bench
	$(BIN)/python benchmarks/discovery.py

bench-review: $(VENV)/.bench
	$(BIN)/python benchmarks/review.py

bench-model: $(VENV)/.dev
	$(BIN)/python benchmarks/model.py

bench-finetuning: $(VENV)/.dev
	@test -n "$$ODDQSO_REAL_DATA" || { echo "ODDQSO_REAL_DATA must name the folder of the real spectra"; exit 2; }
	$(BIN)/python benchmarks/finetuning.py "$$ODDQSO_REAL_DATA"

## make the reference pages and the tutorial again
docs: $(VENV)/.dev
	$(BIN)/python docs/make_reference.py
	$(BIN)/python docs/make_tutorial.py

clean:
	rm -rf $(VENV) runs build dist

$(VENV)/.core: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "oddqso needs Python 3.11 or later: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.core requirements-dev.lock
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.lock
	touch $@

$(VENV)/.bench: $(VENV)/.dev requirements-bench.lock
	$(BIN)/python -m pip install --quiet --requirement requirements-bench.lock
	touch $@
