# Fieldguide on a machine with Python 3.10 to 3.13 and make. `make` alone lists what there is.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DATA ?= data
OUT ?= site
ARGS ?=
CPU_WHEELS := https://download.pytorch.org/whl/cpu/torch/

.PHONY: help app test gather verify train report cleaner onnx static deploy bench robustness story image-size docs lint lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

app: $(VENV)/serving ## set up and start the app on http://127.0.0.1:7860 (GPU=1 keeps CUDA)
	$(BIN)/python app.py

test: lint ## set up and run every test
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

gather: $(VENV)/training ## gather photos into DATA=folder by ARGS='"grizzly bear" "black bear"'
	$(BIN)/python -m training.gather --out "$(DATA)" $(ARGS)

verify: $(VENV)/training ## move what does not belong out of DATA=folder, or show it with ARGS=--dry-run
	$(BIN)/python -m training.verify "$(DATA)" $(ARGS)

train: $(VENV)/training ## train on DATA=folder (one folder a label), options in ARGS="--epochs 8"
	$(BIN)/python -m training.train "$(DATA)" $(ARGS)

report: $(VENV)/training ## look at how export.pkl does on DATA=folder
	$(BIN)/python -m training.report export.pkl "$(DATA)" $(ARGS)

cleaner: $(VENV)/training ## clean the photos of DATA=folder with the help of export.pkl, on a page
	$(BIN)/python -m training.clean export.pkl "$(DATA)" $(ARGS)

onnx: $(VENV)/serving ## write export.onnx, the compiled copy of export.pkl that the app serves from
	$(BIN)/python -m training.export export.pkl $(ARGS)

static: $(VENV)/training ## build the page that needs no server into OUT=folder, out of export.pkl; ARGS=--fp32
	$(BIN)/python -m training.static export.pkl --out "$(OUT)" $(ARGS)

deploy: $(VENV)/serving ## put the app online as SPACE=USER/NAME and see it answer; ARGS=--dry-run sends nothing
	$(BIN)/python -m training.deploy "$(SPACE)" $(ARGS)

bench: $(VENV)/training ## our app beside the lesson's: 5 minutes on a machine that does nothing else
	$(BIN)/python -W ignore -m benchmarks.serving $(ARGS)

robustness: $(VENV)/testing ## what a public Space meets: 15 minutes; docs/benchmarks/robustness.md has its table
	$(BIN)/python -W ignore -m benchmarks.robustness $(ARGS)

story: $(VENV)/testing ## the whole way on small data, from three words to a Space, a user's correction and a better candidate: 3 minutes
	PYTHONPATH=.:tests $(BIN)/python -W ignore tests/end_to_end/story.py

image-size: $(VENV)/serving ## installed megabytes of what serving needs
	$(BIN)/python -m benchmarks.image_size

docs: $(VENV)/docs ## serve the documentation on http://127.0.0.1:8000
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --strict

lint: $(VENV)/testing ## check the style, the order of imports and the types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check -q .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

LOCK = $(BIN)/uv pip compile -q $(ARGS) --universal --python-version 3.10 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

lock: $(VENV)/testing ## write requirements.lock and deploy/requirements.lock: all that serving needs, each with its hashes
	$(LOCK) requirements.txt -o requirements.lock
	$(BIN)/python -c 'from training.deploy.lean import *; print(lean_requirements(open("requirements.txt").read()))' | \
	cat - deploy/requirements.txt | $(LOCK) - -c requirements.lock -o deploy/requirements.lock

clean: ## remove the environment (photos are cleaned by `make cleaner`)
	$(if $(findstring command,$(origin DATA)),$(error `make cleaner DATA=$(DATA)` cleans photos; `make clean` removes the environment))
	rm -rf $(VENV)

# CPU wheels of torch where their host answers, pip's default build (with CUDA) elsewhere or with GPU=1. The pip that comes
# with Python is years old, and slower by half.
$(VENV)/serving: requirements.txt pre-requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 10) <= sys.version_info < (3, 14) else "Python 3.10 to 3.13 is needed; this is " + sys.version.split()[0] + ". Name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv --upgrade-deps $(VENV)
	@if [ -n "$(GPU)" ]; then echo "GPU=1: taking the default build of torch"; \
	elif $(BIN)/python -c 'import urllib.request; urllib.request.urlopen("$(CPU_WHEELS)", timeout=5)' 2>/dev/null; \
	then $(BIN)/pip install -q -r pre-requirements.txt; \
	else echo "CPU wheels of torch are out of reach: taking the default build"; fi
	$(BIN)/pip install -q -r requirements.txt
	@touch $@

$(VENV)/training: $(VENV)/serving training/requirements.txt
	$(BIN)/pip install -q -r training/requirements.txt
	@touch $@

$(VENV)/docs: docs/requirements.txt
	$(PYTHON) -m venv --upgrade-deps $(VENV)
	$(BIN)/pip install -q -r docs/requirements.txt
	@touch $@

$(VENV)/testing: $(VENV)/training tests/requirements.txt docs/requirements.txt
	$(BIN)/pip install -q -r tests/requirements.txt
	@touch $@
