#!/usr/bin/env bash
# Sets everything up and runs it all: first training if there is no version, model server, web page, schedule.
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
exec .venv/bin/keepfit up "$@"
