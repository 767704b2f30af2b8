# Every target makes the environment that it needs; nothing has to be installed by hand before.
PYTHON ?= python3
VENV := .venv
BASE := .venv-base
PIP_FLAGS := --quiet --disable-pip-version-check --constraint constraints.txt
export PIP_CONSTRAINT := constraints.txt

COVERAGE := 90 # per cent of stream's lines that its own tests run, no less
.DEFAULT_GOAL := install
.PHONY: install demo picture demo-bundle models test test-quick test-base faults tools check clean bench bench-quick studies labelling \
  peer-mediapipe peer-continual

install: $(VENV)/.runtime  ## the runtime, without torch

demo: $(VENV)/.runtime models  ## the built-in clip through the whole chain, at live pace
	$(VENV)/bin/undertone watch demo

picture: $(VENV)/.all models  ## README's animation: the demo with its overlay
	$(VENV)/bin/python benchmarks/picture.py

models: $(VENV)/.runtime  ## the embedded keypoint networks, hash-checked
	$(VENV)/bin/undertone models pull holistic

check: $(VENV)/.all  ## style, types, architecture
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/pytest tests/test_architecture.py

test: $(VENV)/.all models tools  ## every test
	$(VENV)/bin/pytest -n auto

test-quick: $(VENV)/.all models  ## the tests of seconds: no servers, no training; under three minutes
	$(VENV)/bin/pytest -n auto -m "not slow"

tools:  ## servers and tools that the tests need: Debian's, installed where this user may
	tests/tools.sh

ALSO := tests/stream/publish tests/stream/cli/test_watch.py tests/stream/runtime/test_session.py
faults: $(VENV)/.all models tools  ## what happens when a source fails, measured into tests/RESULTS-faults.md
	rm -f build/faults.jsonl && mkdir -p build
	UNDERTONE_FAULTS=$(CURDIR)/build/faults.jsonl $(VENV)/bin/pytest -n auto tests/faults $(ALSO)
	$(VENV)/bin/python tests/faults/table.py build/faults.jsonl

test-base: $(BASE)/.base tools  ## the live side's tests in an environment without torch
	$(BASE)/bin/undertone models pull holistic
	$(BASE)/bin/pytest -n auto --cov --cov-fail-under=$(COVERAGE) tests/test_architecture.py \
	  tests/test_end_to_end.py tests/stream --ignore=tests/stream/branches/ring  # these compare against torch

bench: $(VENV)/.all models peer-mediapipe peer-continual  ## measure, then write README's table from the results
	$(VENV)/bin/python benchmarks/keypoints.py
	$(VENV)/bin/python benchmarks/pipeline.py
	$(VENV)/bin/python benchmarks/full_update.py
	$(VENV)/bin/python benchmarks/ring_update.py
	$(VENV)/bin/python benchmarks/precision.py
	$(VENV)/bin/python benchmarks/live_pace.py
	$(VENV)/bin/python benchmarks/live_text.py
	$(VENV)/bin/python benchmarks/training_step.py
	$(VENV)/bin/python benchmarks/report.py

bench-quick: $(VENV)/.all models  ## speed, age and memory in three minutes; AGAINST=DIR compares another checkout in turns
	$(VENV)/bin/python benchmarks/quick.py $(if $(AGAINST),--against $(AGAINST))

studies: $(VENV)/.all  ## the simulated tables, the pseudo-label noise study and the small recipe; hours, may be resumed
	$(VENV)/bin/undertone-training corpus simulate plain --out runs/plain --profile plain --recordings 900 --seconds 30 --shares 0.38,0.02,0.6
	$(VENV)/bin/undertone-training ablate training --corpus runs/plain --out runs/tables --setting both
	$(VENV)/bin/undertone-training ablate spatial --corpus runs/plain --out runs/tables
	$(VENV)/bin/undertone-training noise-study --corpus runs/plain --out runs/noise
	$(VENV)/bin/python benchmarks/small_recipe.py
	$(VENV)/bin/python benchmarks/ring_accuracy.py
	$(VENV)/bin/python benchmarks/text_branch.py

labelling: $(VENV)/.all  ## a made-up labeller's descriptions and pseudo-labels, guarded and not, through to the table; about an hour
	$(VENV)/bin/undertone-training corpus simulate described --out runs/described --profile standard --recordings 400 --seconds 30 --shares 0.5,0.02,0.48
	for text in guarded paper; do \
	  $(VENV)/bin/undertone-training label-made-up runs/described --accuracy 0.64 --text $$text --out runs/said-$$text && \
	  $(VENV)/bin/undertone-training labels runs/said-$$text --truth runs/described && \
	  $(VENV)/bin/undertone-training ablate training --recipe described --corpus runs/described --labels runs/said-$$text --setting both --out runs/labelling-$$text || exit 1; \
	done

peer-mediapipe: models  ## MediaPipe Holistic 0.10.21 in its own environment
	benchmarks/peers/mediapipe/make_env.sh

peer-continual:  ## continual-inference in its own environment
	benchmarks/peers/continual/make_env.sh

demo-bundle: $(VENV)/.all models  ## draw the demo clip and train and export the demo bundle anew
	$(VENV)/bin/python -m training.simulator.rendering
	$(VENV)/bin/undertone-training demo

clean:
	rm -rf $(VENV) $(BASE) .venv-mediapipe .venv-continual build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 to 3.13 expected, found " + sys.version.split()[0] + "; set PYTHON=… to one of these" if not (3, 11) <= sys.version_info[:2] <= (3, 13) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install $(PIP_FLAGS) --upgrade pip

$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install $(PIP_FLAGS) --editable .
	touch $@

$(VENV)/.all: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install $(PIP_FLAGS) --group test --group lint --editable '.[training,gemini,yolo]'
	touch $@ $(VENV)/.runtime

$(BASE)/.base: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(BASE)
	$(BASE)/bin/python -m pip install $(PIP_FLAGS) --upgrade pip
	$(BASE)/bin/python -m pip install $(PIP_FLAGS) --group test --editable '.[gemini]'
	! $(BASE)/bin/python -c 'import torch' 2>/dev/null
	touch $@
