# Two commands do everything on a fresh machine with Python 3.11 or later, pip and make: `make demo` and `make test`.
# Another interpreter: make demo PYTHON=python3.12
PYTHON ?= python3
BIN := .venv/bin
OUT := out/demo

.PHONY: demo test laws faults lint bench clean

demo: .venv/.installed-demo
	@printf '\n== Check the programme and run its examples\n'
	@$(BIN)/loyalty check examples/acme/programme.yaml
	@printf '\n== Settle two years of history\n'
	@$(BIN)/loyalty backtest examples/acme/programme.yaml examples/acme/history.jsonl --out $(OUT)/backtest
	@printf '\n== Explain one deal of it\n'
	@$(BIN)/loyalty explain examples/acme/programme.yaml examples/acme/history.jsonl --event crm/D-0040
	@printf '\n== Simulate 200 partners over two years\n'
	@$(BIN)/loyalty simulate examples/acme/programme.yaml --scenario examples/acme/scenario.yaml \
		--partners 200 --months 24 --seed 7 --out $(OUT)/simulation

test: .venv/.installed-dev
	$(BIN)/python -m pytest -n 2 --doctest-modules loyalty tests

# The laws at length: ten thousand examples each, and of arrival on databases what tests/laws/conftest.py says; the run
# ends with how many there were. This takes hours.
laws: .venv/.installed-dev
	LOYALTY_HYPOTHESIS_PROFILE=laws $(BIN)/python -m pytest -n 2 tests

# Races and kills at length: 10,000 events by four processes, 200 killed processes on each database, on a server of
# PostgreSQL that waits for its disk. This takes half an hour.
faults: .venv/.installed-dev
	LOYALTY_FAULTS=all $(BIN)/python -m pytest tests/faults

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.installed-dev
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv out .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "loyalty needs Python 3.11 or later; call make with PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv .venv

# A stamp says that what pyproject.toml asks for is installed, so that the next run is fast.
.venv/.installed-demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[sim,testing]'
	@touch $@

.venv/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ .venv/.installed-demo
