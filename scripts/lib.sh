# Sourced by the other scripts, which set pipefail.
# shellcheck shell=bash

# say prints what happens next as a sentence; run prints a command and runs it.
say() { printf '\n%s\n' "$*"; }
run() {
  printf '  $'
  printf ' %q' "$@"
  printf '\n'
  "$@" 2>&1 | sed -u 's/^/    /'
}
fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# as_root runs a command as root, with sudo when we are not.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "this needs root: $*. Install sudo, or run it as root and start again."
  fi
}

# docker_answers is whether this user reaches a Docker daemon.
docker_answers() { timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# with_docker runs the calling script again in the group docker when its user
# has just been put there: a login shell learns of a new group only at the next
# login.
with_docker() {
  docker_answers && return
  [ -z "${GRAFT_IN_GROUP:-}" ] || fail "Docker does not answer: $(docker version 2>&1 | tail -n 1)"
  getent group docker | cut -d: -f4 | tr , '\n' | grep -qx "$(id -un)" ||
    fail "Docker does not answer: $(docker version 2>&1 | tail -n 1)"
  command -v sg >/dev/null || fail "you are in the group docker now; log in again, so that your shell knows, and start again"
  export GRAFT_IN_GROUP=1
  exec sg docker -c "$(printf '%q ' "$0" "$@")"
}

# listening is whether something on this machine listens on a TCP port, on any
# address.
listening() {
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    awk -v port="$(printf ':%04X' "$1")" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }'
}

# free_port prints a TCP port that nothing listens on, below those that the
# kernel gives to outgoing connections.
free_port() {
  local port
  for _ in $(seq 100); do
    port=$((20000 + RANDOM % 12000))
    listening "$port" || { echo "$port"; return; }
  done
  fail "found no free port between 20000 and 32000"
}

# await SECONDS WHAT COMMAND… tries a command until it succeeds.
await() {
  local bound=$1 what=$2 end=$((SECONDS + $1))
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || fail "waited $bound s for $what"
    sleep 0.1
  done
}

# own_settings forgets the settings of whoever calls us: they are for other
# servers than ours.
own_settings() {
  local name
  for name in ${!GRAFT_@}; do unset "$name"; done
  unset ADDON_MARKETPLACE_PORT ADDONS_MANAGER_PORT MARKETPLACE_ADDR ORCHESTRATION_PLANE \
    DEFAULT_PROJECT_NAME MAX_CONTAINER_RETRIES ADDONS_ID_LABEL ADDONS_SERVICE_NAME_LABEL
}
