# Two commands on a fresh machine: `make run` and `make test`. Each sets up what it needs.

.DEFAULT_GOAL := help
.PHONY: help run demo test test-long test-all coverage check bench lock map clean
.PHONY: check-types check-architecture check-security check-lint check-format
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

# The interpreter may be named (`make PYTHON=/usr/bin/python3.12 test`), and so may the environment's directory.
PYTHON ?=
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CODE := secure_chat tools tests $(wildcard benchmarks)
IN_ONE_PIECE := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
PYTEST_ARGS ?=
# Over all cores, a file at a time: fixtures of a module serve its tests in one process.
SPREAD ?= --numprocesses auto --dist loadfile --no-loadscope-reorder

PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet --progress-bar off \
	--root-user-action ignore

# Usable: a version that the locks cover, with all that the standard library owes us. Some distributions package
# venv and ensurepip apart.
USABLE := import sys, ssl, sqlite3, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))

help: ## what can be made
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1\t/p' Makefile | while IFS='	' read -r target text; do \
		printf '  make %-10s %s\n' "$$target" "$$text"; done

run: $(READY) ## a server on loopback, with authority, certificate, database and an administrator's invite
	@exec $(BIN)/secure-chat-server quickstart --data var --certs certs

demo: $(READY) ## a throw-away server, two people, two messages, and what the server kept of them
	@$(BIN)/secure-chat demo

test: $(READY) ## all tests but the long ones
	@$(BIN)/python -m pytest -q $(SPREAD) $(PYTEST_ARGS)

test-long: $(READY) ## the tests that take minutes or hours
	@$(BIN)/python -m pytest -q -m long $(PYTEST_ARGS)

test-all: ## all tests but the long ones, on every interpreter from 3.11 to 3.14 that is found
	@found=; failed=; \
	for version in 3.11 3.12 3.13 3.14; do \
		for python in python$$version "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$$version.*/bin/python$$version; do \
			"$$python" -c '$(USABLE)' 2>/dev/null || continue; \
			echo "== Python $$version"; found=yes; \
			$(MAKE) VENV=.venv-$$version PYTHON="$$python" test || failed="$$failed $$version"; \
			break; \
		done; \
	done; \
	if [ -z "$$found" ]; then echo "no usable Python from 3.11 to 3.14 was found" >&2; exit 1; fi; \
	if [ -n "$$failed" ]; then echo "failed on:$$failed" >&2; exit 1; fi

coverage: $(READY) ## the tests once more, counting the lines and branches they reach
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m pytest -q $(PYTEST_ARGS)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report

# All at once and whichever fail, the longest first; each tells what it found in one piece, where make can do that.
check: $(READY) ## format, lint, types, architecture, security lint
	@$(MAKE) --keep-going --jobs $(IN_ONE_PIECE) check-types check-architecture check-security check-lint check-format

check-types: $(READY)
	$(BIN)/mypy --strict --no-error-summary $(CODE)

check-architecture: $(READY)
	$(BIN)/python -m pytest -q tests/test_architecture.py

check-security: $(READY)
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml secure_chat tools

check-lint: $(READY)
	$(BIN)/ruff check --quiet $(CODE)

check-format: $(READY)
	$(BIN)/ruff format --check --quiet $(CODE)

bench: $(READY) ## the programs that measure; the figures and their bars are in benchmarks/README.md
	@$(BIN)/python -m benchmarks.run $(BENCH_ARGS)

lock: $(READY) ## make both locks anew from pyproject.toml, with the newest versions it allows
	@$(BIN)/uv $(COMPILE) --upgrade --output-file requirements.txt pyproject.toml
	@$(BIN)/uv $(COMPILE) --upgrade --extra dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml

map: $(READY) ## write the map of ARCHITECTURE.md anew from the modules' first lines
	@$(BIN)/python -m tests.architecture.house_map

clean: ## remove what the checks and tests leave; environments, data and keys stay
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* build dist

# Universal: one file with markers for every version and system. No index, no path: the lock is true anywhere.
COMPILE := pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --no-config --default-index https://pypi.org/simple

$(READY): pyproject.toml requirements.txt requirements-dev.txt
	@if [ -x $(BIN)/python ] && $(BIN)/python -c '$(USABLE)' 2>/dev/null; then exit 0; fi; \
	for python in "$(PYTHON)" python3.14 python3.13 python3.12 python3.11 python3; do \
		if [ -n "$$python" ] && "$$python" -c '$(USABLE)' 2>/dev/null; then \
			echo "Making $(VENV) with $$("$$python" -V)."; \
			exec "$$python" -m venv --clear $(VENV); \
		fi; \
		if [ -n "$(PYTHON)" ]; then break; fi; \
	done; \
	echo "No usable Python from 3.11 to 3.14 was found$(if $(PYTHON), in PYTHON=$(PYTHON))." >&2; \
	for python in $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3); do \
		if ! command -v "$$python" >/dev/null 2>&1; then echo "  $$python: not installed" >&2; continue; fi; \
		echo "  $$python: $$("$$python" -c '$(USABLE)' 2>&1 | tail -n 1 | grep . || "$$python" -V 2>&1)" >&2; \
	done; \
	echo "Install one with its venv module (Debian, Ubuntu: apt install python3 python3-venv), or name one:" >&2; \
	echo "  make PYTHON=/path/to/python3.12 ..." >&2; \
	exit 1
	@echo "Installing what requirements-dev.txt names into $(VENV) ..."
	@$(PIP) --require-hashes --requirement requirements-dev.txt
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@
