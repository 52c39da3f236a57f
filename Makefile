# `make` alone lists what there is. The first target that needs it builds .venv; later runs are quick.

VENV := .venv
VENV_QT6 := .venv-qt6
BIN := $(VENV)/bin
BENCHMARKS := projection convex_prior_gain optimality_gap shapes segment predictors

# 3.11 is what constraints.txt was tested with. The interpreter is run, not only found: a version
# manager's shim may be on PATH with nothing behind it.
PYTHON ?= $(shell for p in python3.11 python3.13 python3.12 python3; do \
    "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

# A display for the tests of the dock; elsewhere than on Linux there is one, or none is needed.
XVFB ?= $(if $(filter Linux,$(shell uname -s)),xvfb-run -a)
XVFB_BESIDE := $(if $(filter xvfb-run%,$(XVFB)),$(XVFB) -n 200)

# The same with room for a whole window.
WINDOW = $(subst xvfb-run -a,xvfb-run -a -s "-screen 0 1600x1000x24",$(XVFB))

# More arguments for pytest: make test PYTEST_ARGS="-k convex -x"
PYTEST_ARGS ?=

# Where the benchmarks find their images.
export ISR_DATA ?= $(abspath ../shared/data)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help env demo app test test-slow soak test-qt6 lint format bench gpu-check accuracy wheel-check docs pictures system-deps clean distclean

help: ## List the targets
	@awk -F ':[^#]*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: $(VENV)/.stamp ## Build .venv

demo: $(VENV)/.stamp ## Segment the built-in example and print the certificates
	$(BIN)/napari-isr demo

app: system-deps $(VENV)/.stamp ## Open napari with the dock on the built-in example
	$(BIN)/napari-isr demo --gui

# The dock's tests wait for windows more than they compute: the others run beside them, on a display
# of their own, each half with one thread. Status 5 of pytest: nothing was selected, which one half
# may say.
test: export OMP_NUM_THREADS := 1
test: system-deps lint ## Lint, then all tests that are quick
	@mkdir -p build; echo "== tests of the dock; the others run beside them"; \
	$(XVFB_BESIDE) $(BIN)/python -m pytest -m "not gui and not slow" $(PYTEST_ARGS) >build/tests.log 2>&1 & \
	pid=$$!; dock=0; others=0; \
	$(XVFB) $(BIN)/python -m pytest -m "gui and not slow" $(PYTEST_ARGS) || dock=$$?; \
	wait $$pid || others=$$?; echo "== all others"; cat build/tests.log; \
	if [ $$dock = 5 ]; then exit $$others; elif [ $$others = 5 ]; then exit $$dock; fi; \
	exit $$((dock + others))

test-slow: system-deps $(VENV)/.stamp ## The tests marked slow; properties with many examples
	ISR_EXAMPLES=many $(XVFB) $(BIN)/python -m pytest -m "slow or examples" $(PYTEST_ARGS)

soak: system-deps $(VENV)/.stamp ## A random user of the dock, 2,000 actions; ISR_SOAK_SEED=1 is another one
	$(subst xvfb-run -a,xvfb-run -a -s "-screen 0 1600x1000x24",$(XVFB)) $(BIN)/python -m pytest tests/stress -m slow -s $(PYTEST_ARGS)

test-qt6: system-deps $(VENV_QT6)/.stamp ## The tests marked gui, on PyQt6 in an environment of its own
	QT_API=pyqt6 PYTEST_QT_API=pyqt6 $(XVFB) $(VENV_QT6)/bin/python -m pytest -m "gui and not slow" $(PYTEST_ARGS)

lint: $(VENV)/.stamp ## ruff, mypy, import-linter, and the English of docstrings
	$(BIN)/ruff check .
	$(BIN)/python tools/check_english.py
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.stamp ## Put the code in form and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: system-deps $(VENV)/.stamp ## The benchmarks; ISR_DATA=FOLDER says where the images are
	@set -e; for name in $(BENCHMARKS); do \
	    echo "== benchmarks/$$name.py"; $(BIN)/python "benchmarks/$$name.py"; done
	@echo "== benchmarks/latency.py"; $(WINDOW) $(BIN)/python benchmarks/latency.py

gpu-check: $(VENV)/.stamp ## Does a GPU give the same here, and how fast; needs no GPU to run
	$(BIN)/python benchmarks/gpu_check.py

accuracy: $(VENV)/.stamp ## Accuracy on real images beside other tools, about an hour; goes on where it was
	$(BIN)/python -m pip install --disable-pip-version-check --no-input -q -c constraints.txt -e '.[bench]'
	mkdir -p build
	$(BIN)/python benchmarks/accuracy.py --sets grabcut50,medscribble56,convex \
	    --people human1,human2,robot --jobs 2 --csv build/accuracy.csv \
	    --markdown docs/accuracy.md --summary docs/accuracy.csv

wheel-check: $(VENV)/.stamp ## Build wheel and sdist, install the wheel, ask npe2 for the plugin
	$(BIN)/python tools/wheel_check.py

docs: $(VENV)/.stamp ## Build the documentation strictly, into build/site
	$(BIN)/python tools/docs_tables.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "build/site/index.html"

pictures: system-deps $(VENV)/.stamp ## The pictures of the documentation, from the real window
	$(BIN)/python tools/shape_pictures.py
	$(WINDOW) $(BIN)/python tools/screenshot.py
	$(WINDOW) $(BIN)/python tools/stack_pictures.py
	$(WINDOW) $(BIN)/python tools/record_session_animation.py

system-deps:
	@tools/system-deps.sh

clean: ## Remove caches and builds
	rm -rf build dist htmlcov .coverage .coverage.* \
	    .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name '.venv*' -prune -o -name .git -prune -o -type d -name __pycache__ -exec rm -rf {} +

distclean: clean ## Remove the environments too
	rm -rf $(VENV) $(VENV_QT6)

$(VENV)/.stamp: EXTRAS := pyqt5,dev
$(VENV_QT6)/.stamp: EXTRAS := pyqt6,test

# An environment whose interpreter is gone (a system upgrade) is built anew. Debian's python comes
# without ensurepip.
$(VENV)/.stamp $(VENV_QT6)/.stamp: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 found: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(@D)/bin/python -m pip --version >/dev/null 2>&1 || { \
	    "$(PYTHON)" -c 'import ensurepip' 2>/dev/null || tools/system-deps.sh \
	        "$$("$(PYTHON)" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; \
	    "$(PYTHON)" -m venv --clear $(@D); }
	@echo "$(@D): installing the package with [$(EXTRAS)]; the first time takes minutes"
	@$(@D)/bin/python -m pip install --disable-pip-version-check --no-input -q -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@
