# Every target sets up what it needs by itself: Python 3.11, git and make are enough.
PYTHON ?= python3
BIN    := .venv/bin
SETUP  := .venv/.installed
XDIST  ?= -n 2
TOOLS  := .venv-acceptance

.DEFAULT_GOAL := help
.PHONY: help setup demo test acceptance check fmt lint derive derive-check bench faults mutate fuzz lock lock-acceptance clean

help:            ## this list
	@grep -hE '^[a-z-]+: .*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+): .*## /  make \1\t/' | expand -t 24

$(SETUP): requirements/dev.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(SETUP)  ## make .venv with everything, so that .venv/bin/amberlight runs

demo: $(SETUP)   ## the whole story on the embedded lab
	$(BIN)/amberlight demo --out demo --seed 7

test: $(SETUP)   ## the tests; names those it skips for want of a tool
	$(BIN)/pytest $(XDIST) -rs

acceptance: $(SETUP) $(patsubst requirements/acceptance/%.txt,$(TOOLS)/%/.installed,$(wildcard requirements/acceptance/*.txt))  ## open a package in the tools of forensics teams (PACKAGE=DIR, else a new demo's)
	AMBERLIGHT_PACKAGE="$(PACKAGE)" $(BIN)/pytest tests/acceptance -m acceptance -rs

# Some of these are under copyleft licences: each is a program in a place of its own, and nothing here imports it.
$(TOOLS)/%/.installed: requirements/acceptance/%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

fmt: $(SETUP)    ## format, and apply the safe fixes
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lint: $(SETUP)   ## style, types, architecture, docstrings, spelling, dependencies
	$(BIN)/ruff format --check --no-cache
	$(BIN)/ruff check --no-cache
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/interrogate -q src
	$(BIN)/codespell
	$(BIN)/deptry src
	$(BIN)/vulture

derive: $(SETUP) ## write the generated pages, policies and schemas
	$(BIN)/python -m amberlight._derive

derive-check: $(SETUP)  ## fail when a generated file is stale
	$(BIN)/python -m amberlight._derive --check

check: lint derive-check test  ## exactly what CI runs

bench: bench-help bench-scan bench-demo bench-kill bench-lab  ## all benchmarks, written to bench/out/

bench-%: $(SETUP)
	@mkdir -p bench/out
	$(BIN)/python bench/$*.py --out bench/out/$*.json

ORACLES := .venv/oracles
FUZZ_S  ?= 600
# What the trail's readers import, in the project's own versions.
FUZZED  := $(shell sed -nE 's/^((cffi|cryptography|isal|msgspec|pycparser)==[^ ]+).*/\1/p' requirements/dev.lock)

$(ORACLES)/atheris/.installed: $(SETUP)
	$(PYTHON) -m venv $(ORACLES)/atheris
	$(ORACLES)/atheris/bin/pip install --quiet --disable-pip-version-check atheris==3.0.0 $(FUZZED)
	@touch $@

faults: $(SETUP) ## ten minutes of a store and writers that fail (FAULTS_S=20 for less)
	$(BIN)/python tests/faults/run.py --seconds $(or $(FAULTS_S),600)

mutate: $(SETUP) ## change the vault's code in every way, and see whether a test fails (an hour)
	$(BIN)/python tests/mutation/run.py $(MUTATE)

fuzz: $(ORACLES)/atheris/.installed  ## fuzz verifier and trail readers with atheris, FUZZ_S seconds a target
	@rm -rf .venv/fuzz && $(BIN)/python tests/fuzz/seed.py .venv/fuzz
	$(ORACLES)/atheris/bin/python tests/fuzz/run.py .venv/fuzz/package --seconds $(FUZZ_S) --artifacts .venv/fuzz/found

lock:            ## resolve requirements/dev.lock again (needs uv)
	uv pip compile pyproject.toml --extra lab --group dev --python-version 3.11 --universal \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --no-strip-extras \
	  --output-file requirements/dev.lock

lock-acceptance: ## resolve requirements/acceptance/*.txt again (needs uv)
	for tool in requirements/acceptance/*.in; do \
	  uv pip compile $$tool --python-version 3.11 --universal \
	    --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --no-strip-extras \
	    --output-file $${tool%.in}.txt; \
	done

clean:           ## remove what make made
	rm -rf .venv $(TOOLS) demo bench/out dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
