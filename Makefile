# `make help` lists the commands. Works with GNU Make 3.81 (macOS) and newer.

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# pip compiles on one core, compileall on all of them; what it cannot compile are templates, not programs.
COMPILE := { $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || :; }
MAC_CHROME := /Applications/Google Chrome.app/Contents/MacOS/Google Chrome

.PHONY: help demo test lint bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    set up and open the page           (options: make demo ARGS='--port 7861')"
	@echo "make test    set up and run the tests           (options: make test ARGS='-k pyramid')"
	@echo "make lint    let ruff read the code"
	@echo "make bench   run every script in benchmarks/; none needs data"
	@echo "make clean   remove .venv, caches and builds; runs/ stays"
	@echo
	@echo "Another Python than python3 (3.11 or newer): make demo PYTHON=python3.12"

demo: $(VENV)/.demo-stamp
	$(BIN)/python -m msresnet demo $(ARGS)

# A process a core, a file of tests at a time; those of the browser by themselves, as a page wants the whole machine.
test: $(VENV)/.test-stamp $(VENV)/.browser-stamp
ifeq ($(strip $(ARGS)),)
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile -m "not browser"
	$(BIN)/python -m pytest -m browser
else
	$(BIN)/python -m pytest $(ARGS)
endif

lint: $(VENV)/.test-stamp
	$(BIN)/python -m ruff check .

bench: $(VENV)/.test-stamp
	@found=0; for script in benchmarks/[a-z]*.py; do \
	    [ -e "$$script" ] || continue; \
	    found=1; echo "== $$script"; \
	    PYTHONPATH=. $(BIN)/python "$$script" $(ARGS) || exit 1; \
	done; \
	[ $$found = 1 ] || { echo "There is no script in benchmarks/ to run." >&2; exit 1; }

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .gradio
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is newer than what it was made from, or its step runs again.

$(VENV)/.made-stamp:
	@command -v "$(PYTHON)" >/dev/null 2>&1 || { \
	    echo "msresnet needs Python 3.11 or newer, and '$(PYTHON)' was not found;" \
	         "install it, or name yours: make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "msresnet needs Python 3.11 or newer, and '$(PYTHON)' is $$("$(PYTHON)" -V 2>&1);" \
	         "install a newer one, or name yours: make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "'$(PYTHON)' cannot make a virtual environment, because its venv package is missing;" \
	         "on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV)
	@touch $@

$(VENV)/.demo-stamp: requirements.txt pyproject.toml | $(VENV)/.made-stamp
	@echo "Installing what the page needs into $(VENV); the first time this takes a few minutes" \
	      "(on Linux torch is several GB)."
	@$(PIP) install --no-compile -e . && $(COMPILE)
	@touch $@

$(VENV)/.test-stamp: requirements.txt pyproject.toml | $(VENV)/.made-stamp
	@echo "Installing what the tests need into $(VENV); the first time this takes a few minutes" \
	      "(on Linux torch is several GB)."
	@$(PIP) install --no-compile -e '.[test]' && $(COMPILE)
	@touch $(VENV)/.demo-stamp $@

# The browser of the machine (the names of tests/conftest.py), otherwise Playwright's own where it can be had.
$(VENV)/.browser-stamp: | $(VENV)/.test-stamp
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
	    if command -v $$name >/dev/null 2>&1; then touch $@; exit 0; fi; \
	done; \
	if [ -x "$(MAC_CHROME)" ]; then touch $@; exit 0; fi; \
	echo "No Chromium or Chrome on this machine; asking Playwright for one."; \
	if $(BIN)/python -m playwright install chromium; then touch $@; \
	else echo "There is no browser: the browser tests will be skipped."; fi
