#!/usr/bin/env bash
# Builds the images of the examples and pushes them to a registry.
# usage: scripts/images.sh HOST:PORT [GOARCH]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

[ $# -ge 1 ] || fail "to which registry? usage: scripts/images.sh HOST:PORT [GOARCH]"
registry=$1
GOARCH=${2:-$(go env GOARCH)}
export GOARCH CGO_ENABLED=0
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT

# image PACKAGE NAME builds one; the legacy builder leaves no cache behind, and
# needs no plugin.
image() {
  local package=$1 name=$2 binary
  binary=$(basename "$package")
  go build -trimpath -ldflags='-s -w' -o "$context/$binary" "./$package"
  cp "$package/Dockerfile" "$context/"
  DOCKER_BUILDKIT=0 docker build -q --platform "linux/$GOARCH" -t "$registry/$name:1" "$context" >"$context/log" 2>&1 ||
    { cat "$context/log" >&2; fail "docker build of $package failed"; }
  docker push -q "$registry/$name:1" >"$context/log" 2>&1 ||
    { cat "$context/log" >&2; fail "docker push of $registry/$name:1 failed"; }
  echo "pushed $registry/$name:1"
}

image examples/hello hello
image examples/suite suite
image examples/scheduler/component scheduler-component
image examples/scheduler/plugin scheduler-plugin
