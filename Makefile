# edge-ser: `make export` and `make test` do all their set-up; `make help` lists the rest.

PYTHON ?= python3
VENV ?= .venv
PIP_ARGS ?=
PYTEST_ARGS ?=
EXPORT_ARGS ?=
TARGET ?= rpi
OUT ?= bundles/wav2small-$(TARGET)

# CI and `make test TESTS=all` also run the slow tests and those on emulated devices.
TESTS ?= $(if $(CI),all,quick)
SELECTION = $(if $(filter all,$(TESTS)),-m "",)

.PHONY: help setup export test lint format clean distclean
.DEFAULT_GOAL := help

help:
	@echo "make export     a verified bundle of the shipped model for TARGET=$(TARGET), in OUT=$(OUT)"
	@echo "                EXPORT_ARGS='--audio DIR' measures its drift on your clips"
	@echo "make test       quick tests; TESTS=all adds slow and device tests; PYTEST_ARGS='-k name'"
	@echo "make lint       ruff, mypy, shellcheck"
	@echo "make format     let ruff rewrite the sources"
	@echo "make setup      only the virtual environment and what goes into it"
	@echo "make clean      remove caches and build outputs; distclean also removes $(VENV)"
	@echo
	@echo "PYTHON=python3.12 chooses the interpreter (3.11 or newer), VENV=DIR the environment,"
	@echo "PIP_ARGS='...' goes to pip (e.g. to choose the CPU build of torch: docs/INSTALL.md)."

setup:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "set-up: there is no $(PYTHON). Install it: sudo apt-get install python3 python3-venv" >&2; \
	  exit 1; }
	@$(PYTHON) .ci/setup_environment.py $(VENV) $(PIP_ARGS)

export: setup
	$(VENV)/bin/edge-ser export --target $(TARGET) --out $(OUT) --force $(EXPORT_ARGS)
	$(VENV)/bin/edge-ser verify $(OUT).tar.gz

test: setup
	$(VENV)/bin/python -m pytest $(SELECTION) $(PYTEST_ARGS)
	@$(if $(filter all,$(TESTS)),true,echo "Slow and device tests were left out: make test TESTS=all")

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/shellcheck .ci/run firmware_export/run_files/install.sh

format: setup
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean:
	rm -rf build dist bundles .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)
