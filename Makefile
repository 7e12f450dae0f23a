# Everything happens in a virtual environment, made when it is first needed.
#   make demo    the chat on http://localhost:8080; PORT= chooses another port
#   make test    the tests; ARGS= is given to pytest, AIOWS_TEST_LOOP= chooses the event loop
#   make bench   what a message costs, here and with others: see benchmarks/README.md
#   make client   builds the browser's client, which needs Node.js and npm
#   make instructions   whether a hot path needs more instructions than it should
# PYTHON= chooses the interpreter, otherwise it is the newest one from 3.11 on.

VENV ?= .venv
PORT ?= 8080

# The interpreter that the environment was made with; another one asked for makes it again.
made_with := $(shell cat $(VENV)/.python 2>/dev/null)
PYTHON ?= $(or $(made_with),$(shell .ci/pythons | head -n 1))
ifneq ($(PYTHON),$(made_with))
.PHONY: $(VENV)/.python
endif

bin := $(VENV)/bin
pip_install := PYTHONWARNINGS=ignore $(bin)/python -m pip install --disable-pip-version-check --progress-bar off
is_python := import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))
described_in := setup.cfg setup.py pyproject.toml $(wildcard aiows/_native/*.p* aiows/_native/*.h)

.PHONY: demo test lint format types layers docs client compat autobahn bench instructions clean
.DELETE_ON_ERROR:

demo: $(VENV)/.package
	HOST=localhost PORT=$(PORT) $(bin)/python examples/chat/chat.py

test: $(VENV)/.tests
	$(bin)/python -m pytest $(ARGS)

lint: $(VENV)/.lint
	$(bin)/ruff check .
	$(bin)/ruff format --check .

format: $(VENV)/.lint
	$(bin)/ruff check --fix .
	$(bin)/ruff format .

types: $(VENV)/.tests $(VENV)/.types
	$(bin)/mypy
	$(bin)/pyright --pythonpath $(bin)/python

layers: $(VENV)/.package $(VENV)/.layers
	$(bin)/lint-imports

docs: $(VENV)/.tests $(VENV)/.docs
	AIOWS_NO_EXTENSIONS=1 $(bin)/sphinx-build -W --keep-going -b html docs docs/_build/html

# What the package serves to browsers, built anew from clients/js.
client:
	cd clients/js && npm ci --ignore-scripts --no-audit --no-fund && node build.mjs
	cp clients/js/dist/static/* aiows/client/static/

compat: $(VENV)/.tests
	AIOWS_COMPAT_LOOP=all $(bin)/python -m pytest -m compat $(ARGS)

autobahn: $(VENV)/.tests
	AIOWS_AUTOBAHN=full $(bin)/python -m pytest -m autobahn $(ARGS)

bench: $(VENV)/.tests
	$(bin)/python benchmarks/run.py $(ARGS)

instructions: $(VENV)/.package
	$(bin)/python benchmarks/instructions.py $(ARGS)

clean:
	rm -rf $(VENV) build dist docs/_build benchmarks/build *.egg-info aiows/_native/*.so

# Stamps: what is installed is not installed again until its description changes.

$(VENV)/.python:
	@test -n "$(PYTHON)" || { \
		echo "No Python >= 3.11 with venv found: apt-get install python3-venv, or set PYTHON="; exit 1; }
	@$(PYTHON) -c "$(is_python)" || { \
		echo "PYTHON=$(PYTHON) is no Python >= 3.11 with venv. $(VENV) is left as it is."; exit 1; }
	@echo "Making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(pip_install) --quiet --upgrade "pip>=25.1"
	@echo "$(PYTHON)" > $@

$(VENV)/.package: $(VENV)/.python $(described_in)
	@echo "Installing aiows into $(VENV); compiling its extension takes half a minute"
	@$(pip_install) --editable .
	@touch $@

$(VENV)/.tests: $(VENV)/.python $(described_in)
	@echo "Installing aiows and what the tests need into $(VENV); compiling its extension takes half a minute"
	@$(pip_install) --editable ".[speedups,dev]" --group compat
	@touch $@ $(VENV)/.package

$(VENV)/.lint $(VENV)/.types $(VENV)/.layers $(VENV)/.docs: $(VENV)/.%: $(VENV)/.python pyproject.toml
	@echo "Installing the dependency group $* into $(VENV)"
	@$(pip_install) --quiet --group $*
	@touch $@
