#!/bin/sh
# Writes docker/locks/*.txt: every package of the images with its version and the hashes of its files.
#   make lock            needs uv
#   make lock UPGRADE=1  to newer versions
# TORCH_WHEELS is a folder or page with the CPU builds of torch.
set -eu
cd "$(dirname "$0")/.."
torch_wheels=${TORCH_WHEELS:-https://download.pytorch.org/whl/cpu/torch/}

lock() {
  name=$1
  shift
  uv pip compile --quiet --generate-hashes --no-header --no-annotate ${UPGRADE:+--upgrade} \
    --python-version 3.11 --python-platform x86_64-manylinux_2_28 --output-file "docker/locks/$name.txt" "$@"
}

# Left out: sends statistics to its maker, and nothing that serves imports it.
service="pyproject.toml --extra service --extra s3 --extra otel --extra postgres --no-emit-package openvino-telemetry"
lock build docker/locks/build.in
# shellcheck disable=SC2086
lock service-cpu $service --extra cpu
# shellcheck disable=SC2086
lock service-gpu $service docker/locks/service-gpu.in
lock model --no-deps docker/locks/model.in
lock trainer-cpu pyproject.toml --extra trainer --extra s3 docker/locks/trainer-cpu.in --find-links "$torch_wheels"
lock trainer-gpu pyproject.toml --extra trainer --extra s3 docker/locks/trainer-gpu.in
