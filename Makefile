# `make demo` and `make test` set everything up first; Python >= 3.10 and make are all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OUT := out
# For the tests of tensors: only ever the build without CUDA, which is gigabytes smaller. Where pip finds none (for
# this Python, on this index) those tests are skipped; `make setup TORCH=` leaves it out.
TORCH ?= torch==2.13.0+cpu
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check -c constraints.txt
NO_TORCH := echo "no $(TORCH) here: the tests of tensors will be skipped"
NO_IPG := echo "no diffusers here: the tests of the pedestrian generator will be skipped"
HAS_TORCH := -c 'import torch' 2>/dev/null
export EDGE_SHARED ?= $(abspath ../shared)

.DEFAULT_GOAL := help
.PHONY: help setup apt demo test check format bench wheel wheel-test clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 14

setup: $(READY) ## make .venv with everything for running, testing and checking

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "edge-reid needs Python 3.10 or newer; name one with PYTHON=..."; exit 1; }
	@echo "setting up $(VENV) (one or two minutes)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) \
	  || { echo "Python has no venv; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@test -z "$(TORCH)" || $(BIN)/python $(PIP_INSTALL) --only-binary=:all: "$(TORCH)" 2>/dev/null || $(NO_TORCH)
	@$(BIN)/python $(PIP_INSTALL) -e '.[dev]'
	@! $(BIN)/python $(HAS_TORCH) || $(BIN)/python $(PIP_INSTALL) -e '.[ipg]' || $(NO_IPG)
	@$(BIN)/python -c 'import cv2' 2>/dev/null || .ci/apt libgl1 libglib2.0-0
	@touch $@

apt: ## install the Debian packages some tests need, where that is possible
	@.ci/apt $$(sed 's/#.*//' tests/apt-packages.txt)

demo: setup ## run the main job on four rendered cameras, score it, and write out/demo
	$(BIN)/edge-run --demo --out $(OUT)/demo

test: setup apt ## run the tests; ARGS="tests/flow -x" narrows them, EDGE_SLOW=1 adds the slow ones
	$(BIN)/python -m pytest $(ARGS)

check: setup ## ruff, mypy, import layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## let ruff format and mend what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: setup ## run every benchmark; each prints one JSON line
	@for bench in benchmarks/bench_*.py; do test -e "$$bench" || continue; $(BIN)/python "$$bench" || exit 1; done

wheel: setup ## build the wheel into out/wheel
	@rm -rf $(OUT)/wheel
	$(BIN)/python -m build --wheel --no-isolation --outdir $(OUT)/wheel .

# The tests run in a copy that holds no edge/, models/ or pipelines/, so only the wheel can provide them.
WHEEL_TEST := $(OUT)/wheel-test
wheel-test: wheel apt ## run the tests against the built wheel
	@rm -rf $(WHEEL_TEST) && mkdir -p $(WHEEL_TEST)/copy
	$(PYTHON) -m venv $(WHEEL_TEST)/venv
	@test -z "$(TORCH)" || $(WHEEL_TEST)/venv/bin/python $(PIP_INSTALL) --only-binary=:all: "$(TORCH)" 2>/dev/null \
	  || $(NO_TORCH)
	$(WHEEL_TEST)/venv/bin/python $(PIP_INSTALL) "$$(ls $(OUT)/wheel/*.whl)[dev]"
	@! $(WHEEL_TEST)/venv/bin/python $(HAS_TORCH) \
	  || $(WHEEL_TEST)/venv/bin/python $(PIP_INSTALL) "$$(ls $(OUT)/wheel/*.whl)[ipg]" || $(NO_IPG)
	cp -r tests pyproject.toml $(wildcard docs benchmarks) $(WHEEL_TEST)/copy/
	cd $(WHEEL_TEST)/copy && EDGE_WHEEL_TEST=1 ../venv/bin/python -m pytest $(ARGS)

clean: ## remove what can be made again; keeps pretrained/
	rm -rf $(VENV) $(OUT) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find edge tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
