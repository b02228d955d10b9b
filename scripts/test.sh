#!/usr/bin/env bash
# Sets up and runs all checks and tests. Arguments go to pytest: ./scripts/test.sh -k gate
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh requirements-dev.lock
missing=()
command -v chromium >/dev/null || missing+=(chromium)
compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
if [[ ${#missing[@]} != 0 && $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
  echo "test: installing ${missing[*]} for the tests ..." >&2
  # Debian would start a server of its own after the installation; the tests start theirs
  printf '#!/bin/sh\nexit 101\n' >/tmp/keepfit-policy.$$ && chmod +x /tmp/keepfit-policy.$$
  apt-get update -qq
  POLICYRCD=/tmp/keepfit-policy.$$ DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  rm /tmp/keepfit-policy.$$
fi
if [[ $# == 0 ]]; then ./scripts/check.sh; fi
exec .venv/bin/python -m pytest -n 2 --dist loadgroup "$@"
