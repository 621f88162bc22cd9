# Sourced by demo.sh: what its steps are made of.
# shellcheck shell=bash

state=$PWD/.demo
poll_pid=

# must_be_free stops before anything is done when the demo would meet something
# that is not its own.
must_be_free() {
  local port name
  if [ -d "$state" ]; then
    fail "a demo is running, or one was killed: end it with \"make demo-clean\""
  fi
  for port in 10007 10105; do
    if listening "$port"; then
      fail "port $port is taken on this machine, and the demo needs it. Stop what listens there (ss -ltnp), then start again. Nothing was done."
    fi
  done
  for name in root_my_service cluster_scheduler; do
    if docker container inspect "$name" >/dev/null 2>&1; then
      fail "there is a container $name, whose name the demo needs: is an Oakestra installed here? Nothing was done."
    fi
  done
}

new_state() {
  id=$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
  network=graft-demo-$id
  marketplace=127.0.0.1:$(free_port)
  root_engine=127.0.0.1:$(free_port)
  cluster_engine=127.0.0.1:$(free_port)
  dashboard=127.0.0.1:$(free_port)
  cluster_dashboard=127.0.0.1:$(free_port)
  registry=127.0.0.1:$(free_port)
  mkdir -m 0700 "$state"
  for name in id network marketplace root_engine cluster_engine dashboard cluster_dashboard registry; do
    printf '%s=%q\n' "$name" "${!name}"
  done >"$state/settings"
}

load_state() {
  # shellcheck source=/dev/null
  . "$state/settings"
}

# start_graft NAME FLAGS… starts a process of its own session, so that Ctrl-C
# ends it when we say so and not before.
start_graft() {
  local name=$1
  shift
  set -- up --data-dir "$state/$name" --network "$network" --project "$network-$name" "$@"
  printf '  $ graft %s &\n' "$*"
  setsid bin/graft "$@" >"$state/$name.log" 2>&1 </dev/null &
  echo $! >"$state/$name.pid"
}

all_ready() {
  local address
  for address in "$marketplace" "$root_engine" "$cluster_engine"; do
    get "http://$address/readyz" || return
  done
}

# graft NAME ARGUMENTS… calls the command line against one of the two engines.
graft() {
  local name=$1 engine=$root_engine
  shift
  if [ "$name" = cluster ]; then engine=$cluster_engine; fi
  printf '  $ graft %s\n' "$*"
  # Publishing asks the marketplace, whose token the first process made.
  if [ "$1" = publish ]; then name=root; fi
  GRAFT_MARKETPLACE=http://$marketplace GRAFT_ENGINE=http://$engine GRAFT_DATA_DIR=$state/$name \
    bin/graft "$@" 2>&1 | sed -u 's/^/    /'
}

# get fetches a URL of this machine, whatever proxy is set.
get() { curl -fsS -m 5 --noproxy '*' "$@"; }

# call PORT ANSWER calls a service, which must give that answer.
call() {
  local answer
  printf '  $ curl http://127.0.0.1:%s/\n' "$1"
  answer=$(get --retry 3 --retry-connrefused "http://127.0.0.1:$1/") || fail "port $1 does not answer"
  printf '    %s\n' "$answer"
  [ "$answer" = "$2" ] || fail "port $1 should answer: $2"
}

start_poll() {
  [ -x "$state/poll" ] || go build -o "$state/poll" ./scripts/poll
  "$state/poll" -prefix "    port 10105 | " http://127.0.0.1:10105/ &
  poll_pid=$!
}

stop_poll() {
  [ -n "$poll_pid" ] || return 0
  kill -TERM "$poll_pid" 2>/dev/null || true
  wait "$poll_pid" || true
  poll_pid=
}

keep() {
  say "All is left running (KEEP=1):"
  cat <<TEXT
  marketplace   http://$marketplace/api/docs
  engine        http://$root_engine/api/docs     (plane root)
  engine        http://$cluster_engine/api/docs     (plane cluster)
  dashboard     http://$dashboard/               (plane root)
  dashboard     http://$cluster_dashboard/               (plane cluster, with the plugin)
  registry      $registry
  the addon     http://127.0.0.1:10007/
  the plugin    http://127.0.0.1:10105/

  export GRAFT_MARKETPLACE=http://$marketplace
  export GRAFT_ENGINE=http://$root_engine GRAFT_DATA_DIR=$state/root         # plane root
  export GRAFT_ENGINE=http://$cluster_engine GRAFT_DATA_DIR=$state/cluster   # plane cluster
  bin/graft list

To look at it, signed in:
  bin/graft dashboard --dashboard http://$dashboard --data-dir $state/root
  bin/graft dashboard --dashboard http://$cluster_dashboard --data-dir $state/cluster

  make demo-clean ends it.
TEXT
}

on_exit() {
  local code=$1
  trap - EXIT
  trap '' INT TERM
  set +e
  stop_poll
  if [ "$code" -eq 0 ] && [ -n "${KEEP:-}" ]; then
    exit 0
  fi
  if [ "$code" -ne 0 ]; then
    say "The demo did not get to its end (exit code $code). The last lines of Graft's logs:"
    tail -n 15 "$state"/*.log | sed 's/^/    /'
  fi
  end_demo || code=1
  exit "$code"
}

# end_demo removes everything that the demo made, and checks that.
end_demo() {
  local name marks bad=0
  say "Stop Graft and remove what the demo made."
  for name in root cluster; do stop_graft "$name"; done
  note_engines
  demo_containers | xargs -r docker rm -f -v >/dev/null
  marks=("$id" "$registry/")
  sort -u "$state/engines" >"$state/engines.once"
  while read -r name; do
    [ -n "$name" ] || continue
    marks+=("$name")
    docker volume ls -q --filter "label=graft.engine=$name" | xargs -r docker volume rm >/dev/null
    docker network ls -q --filter "label=graft.engine=$name" | xargs -r docker network rm >/dev/null
  done <"$state/engines.once"
  docker network ls -q --filter "label=graft.demo=$id" | xargs -r docker network rm >/dev/null
  docker image ls --digests --format '{{.Repository}} {{.Tag}} {{.Digest}}' |
    awk -v registry="$registry/" 'index($1, registry) == 1 { print $1 ($2 != "<none>" ? ":" $2 : "@" $3) }' |
    sort -u | xargs -r docker image rm >/dev/null
  if [ -f "$state/before" ]; then
    run scripts/guard.sh compare "$state/before" "${marks[@]}" || bad=1
  fi
  rm -rf "$state"
  return "$bad"
}

# note_engines writes down the ids of the demo's engines. They label all that
# they make, and nothing else is known of volumes and networks.
note_engines() {
  demo_containers | xargs -r docker inspect --format '{{index .Config.Labels "graft.engine"}}' >>"$state/engines"
}

# demo_containers prints the ids of the containers that the demo or its engines
# made. All of them are on the demo's network.
demo_containers() {
  {
    docker ps -aq --no-trunc --filter "network=$network"
    docker ps -aq --no-trunc --filter "label=graft.demo=$id"
    docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$network-root"
    docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$network-cluster"
  } | sort -u
}

# stop_graft ends a process that start_graft started.
stop_graft() {
  local pid
  pid=$(cat "$state/$1.pid" 2>/dev/null) || return 0
  # The pid may be somebody else's by now.
  [ -r "/proc/$pid/cmdline" ] || return 0
  tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF "$state/$1" || return 0
  kill -TERM "$pid"
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.1
  done
  echo "  the engine of the plane $1 did not end within 10 s; killing it"
  kill -KILL "$pid"
}
