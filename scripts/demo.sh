#!/usr/bin/env bash
# Shows Graft's main job on a real Docker Engine: publish, install, call, swap a
# component for a plugin and put it back. It makes everything it uses, and takes
# it away again.
#
#   demo.sh         KEEP=1 leaves all running
#   demo.sh clean   ends a demo that was left running
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
# shellcheck source=scripts/demo-parts.sh
. scripts/demo-parts.sh

if [ "${1:-}" = clean ]; then
  with_docker "$@"
  [ -d "$state" ] || { echo "there is no demo to end"; exit; }
  load_state
  end_demo
  exit
fi

must_be_free
scripts/setup.sh
with_docker "$@"
own_settings
# Docker could not be asked before it was there.
must_be_free
make -s build
new_state
trap 'on_exit $?' EXIT
trap 'exit 130' INT TERM

say "Record what is in Docker now, to compare at the end."
run scripts/guard.sh record "$state/before"
run docker network create --label "graft.demo=$id" "$network"

say "Start Graft with all roles and its built-in registry; it serves the plane root."
start_graft root --plane root --marketplace-listen "$marketplace" --engine-listen "$root_engine" \
  --dashboard-listen "$dashboard" --registry-listen "$registry"
say "Start a second engine with its dashboard, for the plane cluster. It asks the same marketplace."
start_graft cluster --plane cluster --roles engine,dashboard --engine-listen "$cluster_engine" \
  --dashboard-listen "$cluster_dashboard" --marketplace "http://$marketplace"
await 30 "the servers; their logs are in $state" all_ready

say "Build the examples and push them to the built-in registry."
run scripts/images.sh "$registry"

say "Publish the template of Oakestra's documentation, with the hello image in it."
graft root publish examples/template/docs-template.json --image "my_service=$registry/hello:1"
say "Install it."
graft root install addon-name
note_engines
graft root status addon-name
say "Call the service on the port that it publishes."
call 10007 "hello from a Graft addon"

say "Start a stand-in for cluster_scheduler, a component of the orchestrator. Graft did not make it."
run docker run -d --name cluster_scheduler --label "graft.demo=$id" --network "$network" \
  -p 127.0.0.1:10105:10105 "$registry/scheduler-component:1"
await 10 "the component to answer" get http://127.0.0.1:10105/
component=$(docker inspect --format '{{.Id}}' cluster_scheduler)
graft cluster components

say "Publish a plugin: its service has the component's name."
graft cluster publish examples/scheduler/plugin/addon.json --image "cluster_scheduler=$registry/scheduler-plugin:1"
say "Install it, which swaps the component for the plugin, while a client knocks at the port every 10 ms."
start_poll
graft cluster install random-scheduler
note_engines
stop_poll
call 10105 "random-scheduler, the plugin"
graft cluster components

if [ -n "${KEEP:-}" ]; then
  keep
  exit
fi

say "Uninstall the plugin, which puts the component back."
start_poll
graft cluster uninstall random-scheduler
stop_poll
call 10105 "cluster_scheduler, the component"
[ "$(docker inspect --format '{{.Id}}' cluster_scheduler)" = "$component" ] ||
  fail "cluster_scheduler is not the container that it was before the swap"
echo "  It is the same container as before."

say "Uninstall the addon."
graft root uninstall addon-name
