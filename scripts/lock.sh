#!/usr/bin/env bash
# Writes the lock files anew: versions and hashes for Python 3.11 to 3.13, no download addresses.
set -euo pipefail
cd "$(dirname "$0")/.."
lock() {
  .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes \
    --no-header --no-annotate --quiet "$@"
}
lock pyproject.toml --group build --output-file requirements.lock
lock pyproject.toml --group build --group dev --constraint requirements.lock --output-file requirements-dev.lock
# parts of the first, for the images
lock --group build --constraint requirements.lock --output-file docker/build.lock
lock --group frontend --constraint requirements.lock --output-file docker/frontend.lock
