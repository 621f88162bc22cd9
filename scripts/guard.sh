#!/usr/bin/env bash
# Records what is in Docker, and finds out later whether anything of ours was
# left behind and whether anything that was there before is gone or changed.
#
#   guard.sh record FILE
#   guard.sh compare FILE MARK…   MARK: text in the name or labels of what is ours
#
# What appeared meanwhile without a mark belongs to somebody else.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

# Everything in Docker: kind, id, name, what must not change, and the labels.
snapshot() {
  local containers networks volumes
  containers=$(docker ps -aq --no-trunc)
  networks=$(docker network ls -q --no-trunc)
  volumes=$(docker volume ls -q)
  # What vanishes between list and inspect is left out: inspect prints the rest.
  {
    inspect container "{{.Id}} {{.Name}} {{.Image}} running={{.State.Running}} {{range \$n, \$e := .NetworkSettings.Networks}}{{\$n}},{{end}} $(labels .Config.Labels)" "$containers"
    inspect network "{{.Id}} {{.Name}} {{.Driver}} $(labels .Labels)" "$networks"
    inspect volume "{{.Name}} {{.Driver}} {{.CreatedAt}} $(labels .Labels)" "$volumes"
    docker image ls --digests --no-trunc --format 'image {{.ID}} {{.Repository}}:{{.Tag}}@{{.Digest}}'
  } | sort -u
}

# shellcheck disable=SC2016 # not for the shell
# labels prints the template for a map of labels: key="value", on one line.
labels() { printf '{{range $k, $v := %s}} {{$k}}={{printf "%%q" $v}}{{end}}' "$1"; }

inspect() {
  # shellcheck disable=SC2086 # one word an id
  [ -z "$3" ] || docker "$1" inspect --format "$1 $2" $3 2>/dev/null || true
}

record() {
  docker_answers || fail "Docker does not answer: $(docker version 2>&1 | tail -n 1)"
  snapshot >"$1"
}

compare() {
  local file=$1 now bad=0
  shift
  [ -f "$file" ] || fail "there is no record $file to compare with"
  [ $# -gt 0 ] || fail "which marks do our things have?"
  docker_answers || fail "Docker does not answer: $(docker version 2>&1 | tail -n 1)"
  now=$(mktemp)
  snapshot >"$now"
  # What other runs of ours had at that time may end while we run: things with
  # our name, and images from their registries.
  if comm -23 "$file" "$now" | grep -vE 'graft|127\.0\.0\.1:[0-9]+/'; then
    echo "  was there before, and is gone or changed."
    bad=1
  fi
  if comm -13 "$file" "$now" | grep -F "$(printf '%s\n' "$@")"; then
    echo "  is ours, and was left behind."
    bad=1
  fi
  rm -f "$now"
  [ "$bad" -eq 0 ] || fail "Docker is not as it was before"
  echo "Docker is as it was before: nothing left, nothing else touched ($(grep -cv '^image ' "$file") containers, networks and volumes, $(grep -c '^image ' "$file") images)."
}

case "${1:-}" in
  record | compare) "$@" ;;
  *) fail "what? usage: guard.sh record FILE | compare FILE MARK…" ;;
esac
