# `make` lists the targets. Each one does its own set-up, into .venv.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup test test-later test-latest sbom demo simulate simulate-proof chaos chaos-proof \
  isolation bench idle screenshots panels docs compiled lint types format clean lock

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# If the tree was copied elsewhere with its .venv, it is set up again.
STAMP := $(VENV)/.set-up-$(shell printf %s "$(CURDIR)" | cksum | cut -d' ' -f1)
# PYTHON=… chooses another Python.
PYTHON ?=
PYTHONS := $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 python
ARGS ?=

# If it is set, every process that is started compiles our code again.
unexport PYTHONDONTWRITEBYTECODE

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## install everything, pinned and hashed, into .venv

$(STAMP): requirements/dev.txt requirements/build.txt pyproject.toml
	@set -eu; \
	new_enough='import sys; sys.exit(sys.version_info < (3, 11))'; \
	if ! $(BIN)/python -c "$$new_enough" 2>/dev/null; then \
	  found=; \
	  for name in $(PYTHONS); do \
	    if "$$name" -c "$$new_enough" 2>/dev/null; then found=$$name; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "Rescind needs Python 3.11 or later, and none of $(strip $(PYTHONS)) is:" \
	      "install one, or name it: make PYTHON=/path/to/python3.11" >&2; \
	    exit 1; \
	  fi; \
	  if ! "$$found" -c 'import venv, ensurepip' 2>/dev/null; then \
	    echo "$$found has no venv module: install it (on Debian and Ubuntu, the" \
	      "package python3-venv), or name another Python: make PYTHON=…" >&2; \
	    exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$("$$found" --version) …" >&2; \
	  "$$found" -m venv --clear $(VENV); \
	fi; \
	echo "Installing what requirements/ pins (a minute or two, once) …" >&2; \
	$(PIP) install --quiet --require-hashes \
	  --requirement requirements/build.txt --requirement requirements/dev.txt; \
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .; \
	rm -f $(VENV)/.set-up-*; \
	touch $@

PYTHON_OF_TESTS = $(BIN)/python
PYTEST = $(PYTHON_OF_TESTS) -m pytest --durations=25 --durations-min=0.5
ifeq ($(strip $(ARGS)),)
# Only the files that have such a test are read again.
ALONE := $(shell grep -rl --include='test_*.py' '^@pytest.mark.alone' tests)
TESTS = $(1) $(PYTEST) -n 4 --dist loadfile --no-loadscope-reorder -m "not alone" && \
  $(1) $(PYTEST) -n 2 -m alone $(ALONE)
else
TESTS = $(1) $(PYTEST) $(ARGS)
endif

test: $(STAMP) ## every check and every test (ARGS="-k name" chooses some)
	@$(MAKE) --no-print-directory -j2 types compiled docs lint
	$(call TESTS,)

# The processes of the tests read what this has compiled. Each would compile all of it.
compiled: $(STAMP)
	@$(BIN)/python -m pytest --collect-only --quiet >$(VENV)/collected || \
	  { cat $(VENV)/collected; exit 1; }

# The monotonic clock stays true, or waits would never end. So does PostgreSQL's clock:
# its timeouts never come where a signal finds the true time.
LATER := env PYTHONPATH="$(CURDIR)/tests/later" FAKETIME_SKIP_CMDS=postgres,pg_ctl \
  faketime --exclude-monotonic -f +400d

test-later: $(STAMP) ## every test, with the clock 400 days ahead (ARGS="-k name" chooses some)
	@command -v faketime >/dev/null || { echo "make test-later needs faketime:" \
	  "install it (on Debian and Ubuntu, the package faketime)" >&2; exit 1; }
	$(call TESTS,$(LATER))

LATEST := .venv-latest

# Without the pins: what a plain `pip install` would take today. What differs is listed.
test-latest: PYTHON_OF_TESTS = $(LATEST)/bin/python
test-latest: $(STAMP) ## the tests with the newest allowed version of every dependency (ARGS="-k name" chooses some)
	@$(BIN)/python -m venv --clear $(LATEST)
	@$(LATEST)/bin/python -m pip --disable-pip-version-check --no-input install --quiet \
	  --upgrade --upgrade-strategy eager --editable '.[dev]' --requirement requirements/build.in
	@$(LATEST)/bin/python -m pip --disable-pip-version-check freeze --all --exclude-editable \
	  >$(LATEST)/versions.txt
	@$(BIN)/python -m tests.newer_versions $(LATEST)/versions.txt
	$(call TESTS,)

SBOM = cyclonedx-py requirements --pyproject pyproject.toml --mc-type application \
  --spec-version 1.6 --output-reproducible

sbom: $(STAMP) ## list all that is installed with Rescind, as build/rescind.cdx.json (CycloneDX)
	@mkdir -p build
	$(BIN)/$(SBOM) --output-file build/rescind.cdx.json requirements/runtime.txt

lint: $(STAMP) types ## ruff, mypy in strict mode, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(STAMP)
	$(BIN)/mypy

demo: $(STAMP) ## run the whole system on simulated providers (ARGS="--keep-running" keeps it running)
	@$(BIN)/rescind demo $(ARGS)

simulate: $(STAMP) ## 20,000 random worlds in simulated time (SEED=… shows a single one)
	@$(BIN)/python -m simulate $(if $(SEED),--seed $(SEED)) $(ARGS)

simulate-proof: $(STAMP) ## check that `make simulate` notices when Rescind is broken
	@$(BIN)/python -m simulate.proving $(ARGS)

chaos: $(STAMP) ## check that nothing is lost or untrue while everything fails (10 minutes)
	@$(BIN)/python -m chaos $(ARGS)

chaos-proof: $(STAMP) ## check that `make chaos` notices when Rescind is broken
	@$(BIN)/python -m chaos.proof $(ARGS)

isolation: $(STAMP) ## measure how much a hanging provider delays the others (minutes)
	@$(BIN)/python -m chaos.isolation $(ARGS)

BENCH := .venv-bench
BENCH_STAMP := $(BENCH)/.set-up-$(shell printf %s "$(CURDIR)" | cksum | cut -d' ' -f1)

BATCHES := .venv-bench-batches
BATCHES_STAMP := $(BATCHES)/.set-up-$(shell printf %s "$(CURDIR)" | cksum | cut -d' ' -f1)

bench: $(BENCH_STAMP) $(BATCHES_STAMP) ## measure the speed, beside other queues (ARGS="bulk single --quick")
	@$(BIN)/python -m bench $(ARGS)

idle: $(STAMP) ## measure the cost while there is nothing to do (minutes)
	@$(BIN)/python -m bench idle $(ARGS)

$(BENCH_STAMP): $(STAMP) requirements/bench.txt
	@echo "Installing the queues we are measured beside into $(BENCH) …" >&2
	@$(BIN)/python -m venv --clear $(BENCH)
	@$(BENCH)/bin/python -m pip --disable-pip-version-check --no-input install \
	  --quiet --require-hashes --requirement requirements/bench.txt
	@touch $@

$(BATCHES_STAMP): $(STAMP) requirements/bench-batches.txt
	@$(BIN)/python -m venv --clear $(BATCHES)
	@$(BATCHES)/bin/python -m pip --disable-pip-version-check --no-input install \
	  --quiet --require-hashes --requirement requirements/bench-batches.txt
	@touch $@

screenshots: $(STAMP) ## make the pictures of docs/images again, from real pages in Chromium
	SCREENSHOTS=docs/images $(BIN)/python -m pytest -q tests/dashboard/test_pictures.py \
	  tests/dashboard/test_at_work.py

panels: $(STAMP) ## draw the panels of the Grafana dashboard again (needs prometheus, chromium, pngquant; minutes)
	@mkdir -p build
	@$(BIN)/python -m bench.monitoring --page build/grafana-panels.html \
	  --picture docs/images/grafana-panels.png

docs: $(STAMP) ## build the documentation as a site, into build/site, without a warning
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir build/site

format: $(STAMP) ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove .venv, caches and builds (.rescind, which holds a ledger, stays)
	rm -rf $(VENV) $(LATEST) $(BENCH) $(BATCHES) build dist .mypy_cache .pytest_cache .ruff_cache \
	  .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

COMPILE = CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/pip-compile --quiet \
  --generate-hashes --strip-extras --allow-unsafe --no-annotate \
  --no-emit-options $(ARGS)

lock: $(STAMP) ## pin the requirements again (ARGS="--upgrade" takes the newest versions)
	$(COMPILE) -o requirements/runtime.txt pyproject.toml requirements/runtime.in
	$(COMPILE) --extra dev -c requirements/runtime.txt -o requirements/dev.txt \
	  pyproject.toml requirements/runtime.in requirements/build.in
	$(COMPILE) -c requirements/dev.txt -o requirements/build.txt requirements/build.in
	$(COMPILE) -c requirements/runtime.txt -o requirements/bench.txt \
	  requirements/bench.in requirements/runtime.in
	$(COMPILE) -o requirements/bench-batches.txt \
	  requirements/bench-batches.in requirements/runtime.in
