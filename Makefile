# Everything a person or CI does here is a target below; `make` alone lists them.
# Nothing but Python 3.11 or newer with venv, and the package registry that pip is set up for, is needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKS := requirements/build.txt requirements/dev.txt
EXTENSION := service/hashing/interleaved
C_SOURCES := setup.py $(wildcard $(EXTENSION)/*.[ch])
# The stamp names what the environment was made from: a changed lock, C source or compiler updates it, and in a moved
# checkout it is made anew.
KEY := $(shell { cat $(LOCKS) pyproject.toml $(C_SOURCES); echo '$(CC)'; } 2>/dev/null | cksum | tr ' ' '-')-$(shell pwd | cksum | tr ' ' '-')
READY := $(VENV)/ready-$(KEY)
# A Python that is named by PYTHON=… is the one to use: an environment of another version is made anew.
ifneq ($(origin PYTHON),file)
ifneq ($(shell $(PYTHON) -V 2>&1),$(shell $(BIN)/python -V 2>&1))
OTHER_PYTHON := yes
.PHONY: $(READY)
endif
endif
# Two for each core: half of the tests' time is waiting for PostgreSQL, processes and sockets.
WORKERS := PYTEST_XDIST_AUTO_NUM_WORKERS=$(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1))))
# Python compiles what is imported when it is; compiling all of it beforehand takes longer than the rest.
PIP_INSTALL := $(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup demo run test lint types architecture audit unit locks fmt lock release bench clean

help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(READY) ## make .venv with the locked packages (quick where it is made already)

$(READY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "$(PYTHON) is $$($(PYTHON) --version 2>&1): Python 3.11 or newer is needed; name one with: make setup PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) comes without venv; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@echo "setting up $(VENV) (once; a minute or so)"
	@rm -f $(VENV)/ready-*
	@{ test -z '$(OTHER_PYTHON)' && $(BIN)/python -m pip --version && grep -F '$(CURDIR)/$(VENV)' $(BIN)/activate; } >/dev/null 2>&1 \
	  || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP_INSTALL) --require-hashes -r requirements/build.txt
	@$(PIP_INSTALL) --require-hashes -r requirements/dev.txt
	@rm -f $(EXTENSION)/*.so
	@$(PIP_INSTALL) --no-build-isolation --no-deps -e .
	@$(BIN)/python -c 'import service.hashing.interleaved._kernel' 2>/dev/null || \
	  echo "skipped the C extension for interleaved bcrypt: no working C compiler or no Python headers; bcrypt runs without it"
	@touch $@
	@echo "$(VENV) is ready: . $(BIN)/activate"

demo: setup ## play the whole story against a simulated Okta org; VERBOSE=1 shows each call in full
	@$(BIN)/python -m service simulate $(if $(VERBOSE),--verbose)

run: setup ## the same, but stay: URLs, a ready curl line, and how to stop
	$(BIN)/python -m service simulate --stay

test: lint types architecture audit unit ## everything that is checked: ruff, mypy, import-linter, pip-audit, pytest

lint: setup ## ruff: faults and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## mypy, strict
	$(BIN)/mypy

architecture: setup ## import-linter: imports go one way
	$(BIN)/lint-imports --no-logo

audit: setup ## pip-audit: known vulnerabilities of the locked packages, where they can be looked up; options with AUDIT='--ignore-vuln ID'
	@$(BIN)/python .ci/audit.py $(AUDIT)

unit: setup ## pytest; pass options with ARGS='-k name', or ARGS='-n0 --pdb'
	$(WORKERS) $(BIN)/pytest -q -n auto --maxprocesses 8 --dist worksteal $(ARGS)

fmt: setup ## format, and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# uv locks for every platform and Python at once, and reads no index from pip's settings, so that the hashes are those
# of the public registry. It is needed for nothing else, so it is not in the locks.
UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate $(if $(UPGRADE),--upgrade)
lock: setup ## write requirements/*.txt anew for pyproject.toml; UPGRADE=1 takes newer versions
	$(PIP_INSTALL) 'uv>=0.13'
	$(UV_COMPILE) -o requirements/build.txt requirements/build.in
	$(UV_COMPILE) -o requirements/audit.txt requirements/audit.in
	$(UV_COMPILE) -o requirements/runtime.txt pyproject.toml
	$(UV_COMPILE) --all-extras -c requirements/runtime.txt -o requirements/dev.txt pyproject.toml

release: setup ## build what is committed into dist/: wheel and sdist bit for bit, SBOM, checksums
	@$(BIN)/python .ci/release.py

bench: setup ## measure, and print one table of ratios
	$(BIN)/python -m bench

clean: ## remove what is made here: .venv, caches, the embedded database's folder var/
	rm -rf $(VENV) $(EXTENSION)/*.so var build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
