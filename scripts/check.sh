#!/usr/bin/env bash
# The checks that read the code without running it. Needs ./scripts/setup.sh requirements-dev.lock.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH
ruff format --check .
ruff check .
mypy
lint-imports
check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
check-jsonschema --schemafile config.schema.json config.json examples/*/config.json
