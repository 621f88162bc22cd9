#!/usr/bin/env bash
# Installs what the demo and the tests need and is missing (Debian and Ubuntu),
# and starts a Docker daemon when none answers. It never touches one that runs.
#
#   setup.sh            for the demo, the benchmarks and the soak
#   setup.sh browser    for the tests, which look at the dashboard with Chromium, too
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
# dockerd and other tools of root are not on everybody's PATH.
PATH=$PATH:/usr/sbin:/sbin
case "${1:-}" in
  '' | browser) with=${1:-} ;;
  *) fail "what? usage: setup.sh [browser]" ;;
esac

# has_any is whether one of the commands is there.
has_any() {
  local name
  for name; do
    if command -v "$name" >/dev/null; then return; fi
  done
  return 1
}

# missing prints the packages that this machine lacks, one a line. COMMAND:PACKAGE
missing() {
  local pair
  for pair in curl:curl gcc:gcc git:git; do
    command -v "${pair%%:*}" >/dev/null || echo "${pair#*:}"
  done
  [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
  # The race detector links with the C library.
  [ -e /usr/include/stdlib.h ] || echo libc6-dev
  # Test images have no C library: their shell must be the static one. Of that
  # one ldd says so, and fails.
  case $(LC_ALL=C ldd /bin/busybox 2>&1 || true) in
    *'not a dynamic executable'* | *'statically linked'*) ;;
    *) echo busybox-static ;;
  esac
  # Tests start a PostgreSQL of their own; Debian's package brings the user that
  # it runs as, too.
  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || echo postgresql
  if [ "$with" = browser ]; then
    has_any chromium chromium-browser google-chrome google-chrome-stable || echo chromium
    # Pictures of pages without a font have no text.
    [ -n "$(find /usr/share/fonts -name '*Sans*.[ot]t[fc]' -print -quit 2>/dev/null)" ] || echo fonts-dejavu-core
  fi
  if ! command -v docker >/dev/null; then
    echo docker.io
    # The client is a package of its own since Debian 13.
    if apt-cache show docker-cli >/dev/null 2>&1; then echo docker-cli; fi
  elif ! command -v dockerd >/dev/null && ! docker_answers; then
    echo docker.io
  fi
}

install_missing() {
  local packages
  packages=$(missing | sort -u | tr '\n' ' ')
  if [ -z "${packages// /}" ]; then
    return
  fi
  command -v apt-get >/dev/null ||
    fail "missing: $packages, and there is no apt-get to install them with. Install them and start again."
  # A fresh machine may have no package lists, and so no idea of docker-cli.
  say "Refreshing the package lists, to install what is missing: $packages"
  as_root apt-get update -q || say "The package lists can't be refreshed; going on with those that are there."
  packages=$(missing | sort -u | tr '\n' ' ')
  say "Installing: $packages"
  keep_postgres_quiet "$packages"
  # shellcheck disable=SC2086 # several packages
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends iptables $packages
}

# keep_postgres_quiet PACKAGES has Debian's package make no database of its own,
# which it would start with the machine; one that is there stays as it is.
keep_postgres_quiet() {
  local file=/etc/postgresql-common/createcluster.conf
  case $1 in
    *postgresql*) [ -e "$file" ] || {
      as_root mkdir -p "${file%/*}"
      echo 'create_main_cluster = false' | as_root tee "$file" >/dev/null
    } ;;
  esac
}

daemon_answers() { as_root timeout 10 docker version >/dev/null 2>&1; }

# drop_stale_pid removes the pid file of a daemon that was killed: dockerd does
# not start while a process of that number is there, be it another one or what
# its parent has not yet buried.
drop_stale_pid() {
  local file=/var/run/docker.pid pid state
  [ -e "$file" ] || return 0
  pid=$(as_root cat "$file")
  if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ]; then
    state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null || true)
    [ "$state" = Z ] || return 0
  fi
  say "The pid file of a Docker daemon that is gone is in the way; removing $file"
  as_root rm -f "$file"
}

start_daemon() {
  if [ -n "${DOCKER_HOST:-}" ]; then
    fail "no Docker daemon answers at DOCKER_HOST=$DOCKER_HOST. Start it, or unset DOCKER_HOST for the local one."
  fi
  if [ -d /run/systemd/system ]; then
    say "No Docker daemon answers; starting it: systemctl start docker"
    as_root systemctl start docker
    await 60 "Docker to answer; see: journalctl -u docker" daemon_answers
    return
  fi
  local state=/var/lib/graft-setup
  say "No Docker daemon answers; starting dockerd in the background, its pid and log in $state"
  as_root mkdir -p "$state"
  drop_stale_pid
  # It collects garbage less often than by itself, and so do its many helpers, which
  # are the same program: tests start thousands of containers.
  as_root sh -c "GOGC=400 nohup setsid dockerd >>'$state/dockerd.log' 2>&1 </dev/null & echo \$! >'$state/dockerd.pid'"
  local end=$((SECONDS + 60))
  until daemon_answers; do
    if [ "$SECONDS" -ge "$end" ] || ! as_root kill -0 "$(cat "$state/dockerd.pid")" 2>/dev/null; then
      tail -n 20 "$state/dockerd.log" >&2
      fail "dockerd does not answer; above is the end of its log, $state/dockerd.log"
    fi
    sleep 0.2
  done
}

# join_group lets this user reach the daemon that root runs.
join_group() {
  if docker_answers || getent group docker | cut -d: -f4 | tr , '\n' | grep -qx "$(id -un)"; then
    return
  fi
  say "Putting $(id -un) into the group docker, so that Docker can be used without sudo."
  as_root usermod -aG docker "$(id -un)"
}

go_is_there() {
  local wanted
  wanted=$(awk '$1 == "go" { print $2 }' go.mod)
  command -v go >/dev/null || fail "Go is missing; install Go $wanted or newer from https://go.dev/dl/"
  # With an older one the go command fetches what go.mod asks for, or says why not.
  go version >/dev/null || fail "this Go can't build the project, which needs $wanted or newer"
}

go_is_there
install_missing
if ! docker_answers; then
  daemon_answers || start_daemon
  join_group
fi
