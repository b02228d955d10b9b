#!/usr/bin/env bash
# Builds the images and tests the container stack on a real engine: ./scripts/test_stack.sh [pytest's arguments]
# Needs the right to use Docker, and docker-compose 1.29 or Compose v2; as root it tests more. Where an image cannot be
# pulled, KEEPFIT_DOCKER_ENGINE (default: ../shared/docker-engine.sh) makes a stand-in, and starts an engine if none runs.
# Without an engine it says so and ends with 0, or with KEEPFIT_REQUIRE_ENGINE=1 with 1.
set -euo pipefail
cd "$(dirname "$0")/.."
standins=$(realpath -m "${KEEPFIT_DOCKER_ENGINE:-../shared/docker-engine.sh}")
log=$(mktemp) engine='' compose=''

say() { echo "test_stack: $*" >&2; }

untested() {
  say "THE CONTAINER STACK IS NOT TESTED: $*"
  exit "${KEEPFIT_REQUIRE_ENGINE:-0}"
}

clean_up() {
  rm -f "$log"
  # the engine that was started here, and no other
  if [[ $engine ]]; then kill "$engine" 2>/dev/null || true; fi
}

start_engine() {
  if docker info >/dev/null 2>&1; then return; fi
  if [[ ! -x $standins ]]; then untested "no engine runs, and there is no $standins to start one"; fi
  say "starting an engine ..."
  "$standins" up >"$log" 2>&1 || { tail -n 20 "$log" >&2; untested "$standins up failed"; }
  engine=$(cat /var/run/docker.pid)
}

find_compose() {
  local candidate
  for candidate in docker-compose 'docker compose'; do
    if $candidate version >/dev/null 2>&1; then compose=$candidate; return; fi
  done
  untested "there is neither docker-compose nor docker compose"
}

# need IMAGE KIND: have it, pull it, or make the stand-in of that kind; a registry's bad moment is given a second chance
need() {
  if docker image inspect "$1" >/dev/null 2>&1 || timeout 300 docker pull -q "$1" >/dev/null 2>&1; then return; fi
  say "$1 cannot be pulled: making a stand-in ..."
  "$standins" "$2" "$1" >/dev/null || "$standins" "$2" "$1"
}

# The server's image under TensorFlow Serving's name where that cannot be pulled, again after each build.
stand_in_for_serving() {
  local title='{{index .Config.Labels "org.opencontainers.image.title"}}'
  if [[ $(docker image inspect -f "$title" "$1" 2>/dev/null) != Keepfit ]]; then
    if docker image inspect "$1" >/dev/null 2>&1 || timeout 600 docker pull -q "$1" >/dev/null 2>&1; then return; fi
  fi
  say "Keepfit's own server stands in for $1"
  docker tag keepfit/server "$1"
}

build() { COMPOSE_PROFILES=embedded $compose build >"$log" 2>&1; }

# image_of NAME: what docker-compose.yml has of that name
image_of() { sed -nE "s|^ *image: (\\$\{[A-Z_]+:-)?($1:[^}]+)\}?$|\2|p" docker-compose.yml; }

trap clean_up EXIT
./scripts/setup.sh requirements-dev.lock
start_engine
find_compose
need "$(sed -n 's/^ARG PYTHON_IMAGE=//p' docker/Dockerfile)" base || untested "there is no Python image to build on"
{ need "$(image_of prom/prometheus)" prometheus && need "$(image_of prom/alertmanager)" alertmanager; } &
monitoring=$!
say "building the images ..."
build || build || { tail -n 40 "$log" >&2; say "the images cannot be built"; exit 1; }
wait "$monitoring" || untested "there are no images of Prometheus and Alertmanager"
stand_in_for_serving "$(image_of tensorflow/serving)"
KEEPFIT_COMPOSE=$compose .venv/bin/python -m pytest -p no:cacheprovider -s tests/compose "$@"
