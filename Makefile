# `make demo` and `make test` are the README's commands; every target is safe to repeat.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt
ENCODER_DATA := $(wildcard annotations/seeds/* seeds/* annotations/authored/*)
export HF_HUB_OFFLINE = 1
export TOKENIZERS_PARALLELISM = false
export NO_MKDOCS_2_WARNING = 1
# uv asks the index that pip is set to.
ifneq ($(PIP_INDEX_URL),)
export UV_DEFAULT_INDEX = $(PIP_INDEX_URL)
endif
# Each process begins with half of the files, so that it makes what a file shares once, and takes
# work over from the other when it is done.
SIDE_BY_SIDE := -n 2 --dist worksteal

.PHONY: setup demo distilled test test-fast check docs audit fuzz

setup: .venv/.installed
	@$(BIN)/ie-model -q backbones install minilm

# torch comes first: with it in place no other package asks for a build with CUDA. uv fetches the
# rest side by side, in a third of pip's time; where it cannot, pip does. Python compiles what it
# imports; to compile all 24,000 files beforehand takes longer.
.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) torch uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e ".[all,dev,docs]" \
		|| $(PIP) -e ".[all,dev,docs]"
	@touch $@

runs/default/ie_model.json: configs/default.yaml $(ENCODER_DATA) | setup
	$(BIN)/ie-model train configs/default.yaml

demo: setup runs/default/ie_model.json
	@echo; echo "== an article the model has not seen, scored against its annotations"
	@$(BIN)/ie-model -q evaluate runs/default annotations/demo -o runs/default/demo_metrics.json
	@echo; echo "== the entities it finds there"
	@$(BIN)/ie-model -q predict runs/default annotations/demo/border_patrols.txt
	@$(BIN)/ie-model -q predict runs/default annotations/demo/border_patrols.txt --to html -o runs/demo.html
	@echo; echo "highlighted article: runs/demo.html"

# The small model at its best; UNLABELLED names more text to learn from, a file or a folder.
runs/accurate/ie_model.json: configs/accurate.yaml configs/default.yaml $(ENCODER_DATA) | setup
	$(BIN)/ie-model -q backbones install mpnet
	$(BIN)/ie-model train configs/accurate.yaml

distilled: runs/accurate/ie_model.json
	$(BIN)/ie-model distill --teacher runs/accurate --student configs/distilled.yaml \
		$(if $(UNLABELLED),--unlabelled $(UNLABELLED))

check: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	@$(BIN)/python scripts/audit.py || test $$? -eq 2

# Known vulnerabilities of the pinned packages. `check` goes on where no database is in reach.
audit: .venv/.installed
	@$(BIN)/python scripts/audit.py

test-fast: setup check
	$(BIN)/pytest $(SIDE_BY_SIDE) -m "not slow"

test: setup check
	$(BIN)/pytest $(SIDE_BY_SIDE)

# Thousands of hostile cases for every reader, the encoder, the decoder and the normaliser, and new
# examples for every property, of which `test` tries the same ones each time.
fuzz: setup
	IE_MODEL_FUZZ=$(or $(CASES),3000) $(BIN)/pytest $(SIDE_BY_SIDE) tests/faults/test_hostile.py \
		tests/faults/test_shapes.py tests/corpus/test_saved_dataset.py
	IE_MODEL_FUZZ=1 $(BIN)/pytest $(SIDE_BY_SIDE) -m hypothesis --ignore tests/faults

# Strict: a dead link or a page that the navigation leaves out is an error.
docs: .venv/.installed
	$(BIN)/mkdocs build --strict --quiet
	@echo "documentation: site/index.html"
