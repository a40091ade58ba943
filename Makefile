# make serve          install into .venv and serve on port 8000 (OCR_MODEL=ppocrv2-en by default)
# make wheel          make dist/*.whl, which has its model inside and works in any folder
# make test           install what the tests need and run them
# make check          formatting, lint, types, layering
# make docs           build the documentation into site/, warnings and dead links as errors
# make validate       manifests, alert rules, dashboard, compose (needs kubectl and promtool)
# make docker-test    build the images and run them for real (needs a Docker engine and compose)
# make bench          how fast, beside RapidOCR and Tesseract (DATA=folder of labelled sets; drawn pages without)
# make cluster-test   apply the manifests to the cluster of KUBECONFIG and use them (needs kubectl, and the images there)
# make lock           write the versions and hashes that images install (needs uv)
# make sbom           list what is in an image, as CycloneDX, in dist/sbom.cdx.json (IMAGE=ocr-service:0.1.0-cpu)
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check

export OCR_MODEL ?= ppocrv2-en
export OCR_MODEL_STORE ?= ./models

.PHONY: serve wheel test test-slow check format smoke-train validate docker-test docker-test-indexed cluster-test lock sbom clean bench

serve: $(VENV)/.serve $(if $(filter ppocrv6,$(OCR_MODEL)),ppocrv6)
	$(BIN)/ocr serve

# The wheel of rapidocr carries the PP-OCRv6 networks; its own dependencies (a second OpenCV among them) are not needed.
.PHONY: ppocrv6
ppocrv6: $(VENV)/.serve
	@test -e "$(OCR_MODEL_STORE)/ppocrv6/current" || { \
	  $(PIP) "onnx>=1.16" "pyyaml>=6" && $(PIP) --no-deps "rapidocr>=3.9" && $(BIN)/ocr models import ppocrv6 --if-absent; }

wheel: | $(VENV)/bin/python
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

test: $(VENV)/.test
	$(BIN)/python -m pytest -q -n auto -m "not slow"

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -q -m slow

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=clients/python $(BIN)/lint-imports

format: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: docs
docs: $(VENV)/.test
	$(BIN)/python docs/build_site.py

smoke-train: $(VENV)/.test
	$(BIN)/python -m trainer smoke

validate: $(VENV)/.test
	$(BIN)/python -m pytest -q tests/deploy

docker-test:
	$(PYTHON) tests/deploy/run_docker.py

# After docker-test, whose image of the trainer it runs.
docker-test-indexed: $(VENV)/.test
	$(BIN)/python tests/deploy/run_indexed_job.py

# RapidOCR has an environment of its own; Tesseract is taken where it is installed (apt-get install tesseract-ocr).
SETS ?= receipts-sroie documents forms receipts-photo
bench: $(VENV)/.serve $(VENV)/rapidocr/.installed
	$(BIN)/python -m benchmarks.pipeline $(if $(DATA),--data "$(DATA)" --sets $(SETS)) --seconds 70 \
	  --engines ppocrv2-en:f32 ppocrv2-en:auto ppocrv2-en-int8:auto --peer-python $(VENV)/rapidocr/bin/python --out bench.json

$(VENV)/rapidocr/.installed: | $(VENV)/bin/python
	$(PYTHON) -m venv $(VENV)/rapidocr
	$(VENV)/rapidocr/bin/python -m pip install --quiet --disable-pip-version-check "rapidocr>=3.9" onnxruntime
	touch $@

# The store's image: docker build --network host -f tests/deploy/s3.Dockerfile -t ocr-test-s3:0 tests/deploy
cluster-test:
	$(PYTHON) tests/deploy/run_cluster.py

lock:
	docker/lock.sh

IMAGE ?= ocr-service:0.1.0-cpu
sbom:
	mkdir -p dist && $(PYTHON) docker/sbom.py $(IMAGE) >dist/sbom.cdx.json

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; name one: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable ".[cpu,service]"
	touch $@

# torch is pinned, so that pip takes the CPU build where one lies at hand.
$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(PIP) "torch==2.13.0"
	$(PIP) --editable ".[cpu,service,trainer,test,check,docs]"
	touch $@ $(VENV)/.serve
