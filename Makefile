# make demo: set up and run the quick start.   make test: set up, lint, test.   make docs: set up, build the site.
# make reproduce: set up and do the published experiment; SCALE=full DATA=data for all of it, on real data.
# PYTHON names the interpreter that makes .venv, VENV another place for it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
SCALE ?= quick
DATA ?=

.PHONY: demo reproduce test docs lint format clean

# A stamp a target: it is remade when the project's metadata changes.
$(VENV)/.installed: pyproject.toml setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/python examples/mnist_neat.py --config configs/digits_neat.ini

reproduce: $(VENV)/.installed
	$(BIN)/neat-deep reproduce --scale $(SCALE) $(if $(DATA),--data-root $(DATA))

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Two processes of one thread each: small networks gain little from a second thread.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not real_data" $(PYTEST_ARGS)

# The documentation site, in build/docs/site; its generator needs Python 3.11.
docs: $(VENV)/.installed-docs
	$(BIN)/python -m website.build

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info
