#!/usr/bin/env bash
# Sets up .venv in the project's folder: ./scripts/setup.sh [requirements file]. Does nothing if that is done already.
# Needs Python 3.11, 3.12 or 3.13; PYTHON=/path/to/python chooses one. Called by the other scripts.
set -euo pipefail
cd "$(dirname "$0")/.."
requirements=${1:-requirements.lock}

find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo "setup: no Python 3.11, 3.12 or 3.13 was found; install one, or name it: PYTHON=/path/to/python $0" >&2
  exit 1
}

apt_install() {
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then return 1; fi
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

make_venv() {
  local python version
  python=$(find_python)
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  # Debian keeps venv in a package of its own
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null && ! apt_install "python$version-venv"; then
    echo "setup: $python has no venv; install it, on Debian or Ubuntu: sudo apt-get install python$version-venv" >&2
    exit 1
  fi
  "$python" -m venv --clear .venv
}

stamp_of() { cat "$1" pyproject.toml | sha256sum | cut -d' ' -f1; }
is_installed() { [[ -x .venv/bin/keepfit && $(cat ".venv/.installed-$1" 2>/dev/null) == $(stamp_of "$1") ]]; }

# the development requirements hold all others, in the same versions
if is_installed "$requirements" || is_installed requirements-dev.lock; then exit 0; fi

echo "setup: installing into .venv (about 2 GB, a few minutes) ..." >&2
.venv/bin/python -c '' 2>/dev/null || make_venv
export PIP_DISABLE_PIP_VERSION_CHECK=1
.venv/bin/python -m pip install --quiet --require-hashes -r "$requirements"
.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
stamp_of "$requirements" >".venv/.installed-$requirements"
echo "setup: done" >&2
