#!/usr/bin/env bash
# Measures Graft on this machine and writes the table into docs/benchmarks.md.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

scripts/setup.sh
with_docker "$@"
own_settings
make -s build
id=$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
scripts/guard.sh record "$work/before"
code=0
go run ./bench -graft bin/graft -report docs/benchmarks.md -id "$id" || code=$?
scripts/guard.sh compare "$work/before" "$id"
exit "$code"
