# The commands of a day's work. `make demo` and `make test` are all that a new machine needs.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format bench stack lock docs

help: ## what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## .venv from the hash-pinned lock, with the pacer command

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Pacer needs Python 3.11 or newer; set PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## the whole system with a simulated sales floor; Ctrl-C ends it
	$(VENV)/bin/pacer demo

test: setup ## every test that this machine allows
	$(VENV)/bin/python -m pytest

lint: setup ## ruff, mypy strict, import-linter
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: setup
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench: setup ## ratios against baselines measured in the same run
	$(VENV)/bin/python -m tests.benchmarks

stack: ## docker compose: Kafka, Valkey, the four services, Prometheus, Alertmanager, Grafana
	docker compose up --build

lock: ## renews requirements.lock (needs uv)
	uv pip compile --quiet --generate-hashes --no-header --no-annotate --all-extras --python-version 3.11 pyproject.toml -o requirements.lock
