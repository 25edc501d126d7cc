# Everything here needs only make and one Python >= 3.11; the rest is installed into .venv.
# Options go through ARGS:            make verify ARGS="--list"
# Another interpreter goes in PYTHON: make PYTHON=python3.12 test

VENV := .venv
IN_VENV := $(VENV)/bin/python
ARGS ?=

# The first candidate that *runs* and is new enough. Finding the name on the PATH is not enough:
# the shims of a version manager are there even for versions that it cannot start.
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for candidate in python3.13 python3.12 python3.11 python3; do \
	if $$candidate $(NEW_ENOUGH) >/dev/null 2>&1 </dev/null; then echo $$candidate; break; fi; done)

# Each stamp says that one set of requirements is installed. Stamps are older than a changed
# pyproject.toml or constraints.txt, and vanish with .venv, so nothing stale can pass for installed.
CREATED := $(VENV)/.created
INSTALLED := $(VENV)/.installed
INSTALLED_GALLERY := $(VENV)/.installed-gallery
INSTALLED_TEST := $(VENV)/.installed-test
INSTALLED_LINT := $(VENV)/.installed-lint
INSTALLED_BENCH := $(VENV)/.installed-bench
REQUIREMENTS := pyproject.toml constraints.txt
PIP_INSTALL := $(IN_VENV) -m pip install --quiet --no-input --disable-pip-version-check \
	--constraint constraints.txt --editable

.DEFAULT_GOAL := help
.PHONY: help verify check test figures gallery lint bench clean distclean
# Two pips must never write into one environment at once, whatever -j says.
.NOTPARALLEL:
.DELETE_ON_ERROR:

help: ## list the targets (what plain `make` does)
	@echo 'usage: make TARGET [ARGS="options of the command"] [PYTHON=interpreter]'
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1: \2/p' Makefile

# What XLA has compiled once it need not compile again. Not in tests: several processes write there.
verify figures gallery: export JAX_COMPILATION_CACHE_DIR ?= $(CURDIR)/$(VENV)/compiled
verify figures gallery: export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS ?= 0.2

verify: $(INSTALLED) ## check every claim, symbolically and by simulation, and print the ledger
	$(IN_VENV) -m proofs_check $(ARGS)

check: $(INSTALLED_TEST) ## run a part of the tests that takes a minute: one case of each, the slow left out
	$(IN_VENV) -m pytest -m check $(ARGS)

test: $(INSTALLED_TEST) ## run the tests, all of them
	$(IN_VENV) -m pytest $(ARGS)

figures: $(INSTALLED) ## draw every figure into build/figures
	$(IN_VENV) -m figures --out build/figures $(ARGS)

gallery: $(INSTALLED_GALLERY) ## draw every figure into build/gallery, with a page that shows them
	$(IN_VENV) -m figures --gallery build/gallery $(ARGS)

lint: $(INSTALLED_LINT) ## check style (ruff) and types (pyright)
	$(IN_VENV) -m ruff check .
	$(IN_VENV) -m ruff format --check .
	$(IN_VENV) -m pyright

bench: $(INSTALLED_BENCH) ## measure the speed of the simulator, beside the marks it is to reach
	$(IN_VENV) -m benchmarks $(ARGS)

clean: ## remove build outputs and caches
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -type d -name __pycache__ -exec rm -rf {} +

distclean: clean ## remove the environment .venv as well
	rm -rf $(VENV)

# The interpreter is looked for once, when an environment has to be made. A .venv that is already
# there and sound is kept, whoever made it.
$(CREATED):
	@if $(IN_VENV) $(NEW_ENOUGH) 2>/dev/null && $(IN_VENV) -m pip --version >/dev/null 2>&1; then \
		touch $@; exit 0; \
	fi; \
	python='$(PYTHON)'; \
	if [ -z "$$python" ]; then \
		echo 'error: found no Python >= 3.11 that runs (tried python3.13, python3.12, python3.11,' \
			'python3). Install one, or name it: make PYTHON=/path/to/python3 TARGET' >&2; \
		exit 1; \
	fi; \
	if ! "$$python" $(NEW_ENOUGH) 2>/dev/null; then \
		echo "error: PYTHON=$$python does not run or is older than 3.11. Name another" \
			'interpreter: make PYTHON=/path/to/python3 TARGET' >&2; \
		exit 1; \
	fi; \
	if ! "$$python" -c 'import venv, ensurepip' 2>/dev/null; then \
		echo "error: $$python cannot make an environment with pip in it, because its module venv or" \
			'ensurepip is missing. On Debian and Ubuntu, install the package python3-venv;' \
			'or name another interpreter: make PYTHON=/path/to/python3 TARGET' >&2; \
		exit 1; \
	fi; \
	echo "Creating $(VENV) with $$python ($$("$$python" --version))"; \
	"$$python" -m venv --clear $(VENV) && touch $@

$(INSTALLED): $(CREATED) $(REQUIREMENTS)
	@echo 'Installing Ravine into $(VENV); the first time takes a minute or more'
	@$(PIP_INSTALL) .
	@touch $@

$(INSTALLED_GALLERY): $(CREATED) $(REQUIREMENTS)
	@echo 'Installing Ravine and what the page of figures needs into $(VENV)'
	@$(PIP_INSTALL) '.[gallery]'
	@touch $@ $(INSTALLED)

$(INSTALLED_TEST): $(CREATED) $(REQUIREMENTS)
	@echo 'Installing Ravine and what its tests need into $(VENV); the first time takes a minute or more'
	@$(PIP_INSTALL) '.[test]'
	@touch $@ $(INSTALLED)

# What the simulator is compared with, as far as it is light; what is not there is named in its row.
$(INSTALLED_BENCH): $(CREATED) $(REQUIREMENTS)
	@echo 'Installing Ravine and what it is compared with into $(VENV); the first time takes a minute or more'
	@$(PIP_INSTALL) '.[bench]'
	@touch $@ $(INSTALLED)

# Pyright reads the tests too, so it has to find what they import.
$(INSTALLED_LINT): $(CREATED) $(REQUIREMENTS)
	@echo 'Installing Ravine, ruff and pyright into $(VENV); the first time takes a minute or more'
	@$(PIP_INSTALL) '.[test,lint]'
	@touch $@ $(INSTALLED_TEST) $(INSTALLED)
