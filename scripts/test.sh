#!/usr/bin/env bash
# Sets up and runs all checks and tests. Arguments go to pytest: ./scripts/test.sh -k gate
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh requirements-dev.lock
missing=()
command -v chromium >/dev/null || missing+=(chromium)
compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
command -v promtool >/dev/null || missing+=(prometheus)
command -v amtool >/dev/null || missing+=(prometheus-alertmanager)
if [[ ${#missing[@]} != 0 && $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
  echo "test: installing ${missing[*]} for the tests ..." >&2
  # Debian would start servers of its own after the installation; the tests start theirs
  printf '#!/bin/sh\nexit 101\n' >/tmp/keepfit-policy.$$ && chmod +x /tmp/keepfit-policy.$$
  apt-get update -qq
  POLICYRCD=/tmp/keepfit-policy.$$ DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  rm /tmp/keepfit-policy.$$
fi
# The tests of tracking need MLflow's server, whose requirements contradict ours: it gets an environment of its own,
# installed beside the checks.
mlflow=mlflow==3.17.2
install_mlflow() {
  [[ $(cat .venv-mlflow/.installed 2>/dev/null) != "$mlflow" ]] || return 0
  echo "test: installing $mlflow into .venv-mlflow (about 850 MB, a minute or two) ..." >&2
  .venv/bin/python -m venv --clear .venv-mlflow
  PIP_DISABLE_PIP_VERSION_CHECK=1 .venv-mlflow/bin/python -m pip install --quiet "$mlflow"
  echo "$mlflow" >.venv-mlflow/.installed
}
install_mlflow &
if [[ $# == 0 ]]; then ./scripts/check.sh || { wait; exit 1; }; fi
wait $!
# a file is one worker's: what its tests share is made once; tests/conftest.py says which come first
exec .venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder "$@"
