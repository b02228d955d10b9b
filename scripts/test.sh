#!/usr/bin/env bash
# Sets up and runs all checks and tests. Arguments go to pytest: ./scripts/test.sh -k gate
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh requirements-dev.lock
if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null && ! command -v chromium >/dev/null; then
  echo "test: installing Chromium for the browser tests ..." >&2
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
fi
if [[ $# == 0 ]]; then ./scripts/check.sh; fi
exec .venv/bin/python -m pytest -n 2 --dist loadgroup "$@"
