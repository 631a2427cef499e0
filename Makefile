# The commands of a day's work. `make demo` and `make test` are all that a new machine needs.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
COMPILE := uv pip compile --quiet --generate-hashes --no-header --no-annotate --python-version 3.11

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

docs: setup ## renews what is generated: docs/metrics.md, docs/sources.md, .env.example
	$(VENV)/bin/python -m cli.reference

bench: setup ## ratios against baselines measured in the same run
	$(VENV)/bin/python -m tests.benchmarks

stack: ## docker compose: Kafka, Valkey, the four services, Prometheus, Alertmanager, Grafana
	docker compose up --build

lock: ## renews the locks of the whole and of each image (needs uv)
	$(COMPILE) --all-extras pyproject.toml -o requirements.lock
	for service in ingest aggregator alerts api; do \
	  $(COMPILE) --extra $$service --extra build -c requirements.lock pyproject.toml -o deploy/locks/$$service.lock || exit 1; \
	done
