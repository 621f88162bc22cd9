#!/usr/bin/env bash
# Does random things to the real program on the real Docker for a time, and
# checks after each that every component has one live owner.
#
#   DURATION=10m SEED=n scripts/soak.sh   SEED: do the same as the run that printed it
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

scripts/setup.sh
with_docker "$@"
own_settings
duration=${DURATION:-10m}
# seconds prints a duration of hours, minutes and seconds, such as 1h30m.
seconds() {
  [[ $1 =~ ^(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?$ && -n $1 ]] ||
    fail "DURATION=$1: give hours, minutes and seconds, such as 1h30m, 10m or 90s"
  echo $((${BASH_REMATCH[2]:-0} * 3600 + ${BASH_REMATCH[4]:-0} * 60 + ${BASH_REMATCH[6]:-0}))
}
# What is under way at the end takes its time, and so does the clean-up.
bound=$(($(seconds "$duration") + 900))
make -s build
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
scripts/guard.sh record "$work/before"
export GRAFT_SOAK_DURATION=$duration GRAFT_SOAK_SEED=${SEED:-} GRAFT_SOAK_BINARY=$PWD/bin/graft
code=0
go test -tags soak -count=1 -timeout "${bound}s" -run '^TestSoak$' -v ./internal/e2e || code=$?
scripts/guard.sh compare "$work/before" graft-test-
exit "$code"
