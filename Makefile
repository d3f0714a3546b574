# Everything a developer or a build machine runs; `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
T ?=
# each process of a parallel run starts servers of its own, which those named from outside are not
JOBS ?= $(if $(DATABASE_URL)$(RABBITMQ_URL),0,$(if $(T),0,2))

.PHONY: help setup services run test quick check format lint types imports proof bench clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with everything the product and its tests import

$(STAMP): setup.cfg pyproject.toml constraints.txt
	@test -x $(BIN)/pip || { ops/bootstrap.sh venv && $(PYTHON) -m venv $(VENV); }
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,bench]'
	@touch $@

services:
	@ops/bootstrap.sh postgresql rabbitmq

run: setup ## start the demonstration: one process, no servers needed
	$(BIN)/signalbox up --demo

test: setup services ## run every test on real PostgreSQL and RabbitMQ and embedded (T=tests/core runs a part)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(T)

quick: setup ## run the tests that need no server
	$(BIN)/python -m pytest -q -m 'not postgresql and not rabbitmq and not slow' $(T)

format: setup
	$(BIN)/ruff format --check .

lint: setup
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

check: format lint types imports test ## what the build machine runs: format, lint, types, import rules, tests

proof: setup services ## the long kill and scenario runs
	$(BIN)/python -m bench.chaos
	PROOF=1 $(BIN)/python -m pytest -q -n $(JOBS) -m search

bench: setup services ## measure against the stated goals
	@ops/bootstrap.sh wrk
	$(BIN)/python -m bench all

clean: ## remove what was built; keeps data
	rm -rf $(VENV) build dist ./*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov
