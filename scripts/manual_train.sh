#!/usr/bin/env bash
# One retraining run by hand or by cron: train, judge, promote or reject. Takes the options of `keepfit retrain`.
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
exec .venv/bin/python retrain_pipeline.py "$@"
