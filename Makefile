# Two commands: `make demo` (wheels only) and `make test` (everything). The rest are parts of them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
STAMP := $(VENV)/.stamp
TASKS ?= agent_runtime/model/demo_tasks.jsonl
DEMO ?=

.PHONY: demo test setup setup-test check clean

demo: setup
	$(BIN)/symphony demo --tasks $(TASKS) $(DEMO)

test: setup-test
	$(BIN)/python -m pytest -q -ra -n 4 --dist loadfile --no-loadscope-reorder -m 'not slow' --durations=15 $(PYTEST)

check: setup-test
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python scripts/build_contracts.py --check

setup: $(STAMP)-run
setup-test: $(STAMP)-test

$(BIN)/pip:
	$(PYTHON) scripts/check_python.py
	$(PYTHON) -m venv $(VENV)

# The +cpu build of torch where this machine's pip knows one, the plain one otherwise.
$(STAMP)-run: $(BIN)/pip pyproject.toml
	$(PIP) --only-binary=:all: torch==2.13.0+cpu 2>$(VENV)/torch.log || $(PIP) --only-binary=:all: torch==2.13.0
	$(PIP) --only-binary=:all: --editable '.[torch]'
	@touch $@

$(STAMP)-test: $(STAMP)-run package-lock.json scripts/setup_test.sh
	$(PIP) --editable '.[torch,dev]'
	bash scripts/setup_test.sh $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-* node_modules artifacts cache out build *.egg-info
