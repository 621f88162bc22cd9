#!/usr/bin/env bash
# Everything that must hold before a change is good. It goes on after a failure
# and says at the end what failed.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

scripts/setup.sh browser
with_docker "$@"
own_settings
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=()

# step WHAT COMMAND… runs one of the checks.
step() {
  local what=$1 begin=$SECONDS
  shift
  say "== $what"
  if "$@"; then
    echo "ok ($((SECONDS - begin)) s)"
  else
    failed+=("$what")
    echo "FAILED: $what ($((SECONDS - begin)) s)"
  fi
}

tool() { go tool -modfile=tools/go.mod "$@"; }

formatted() {
  local files
  files=$(gofmt -s -l .) || return
  [ -z "$files" ] || { printf 'not formatted; run "make fmt":\n%s\n' "$files"; return 1; }
}

# vulnerabilities tells a finding from a database that can't be reached, which
# is no fault of the change and no proof of anything either.
vulnerabilities() {
  if ! curl -fsS -m 20 -o /dev/null https://vuln.go.dev/index/db.json; then
    echo "NOT CHECKED: https://vuln.go.dev can't be reached from here, so known vulnerabilities were not looked for."
    return 0
  fi
  tool govulncheck ./...
}

# in_browser COMMAND… runs a command in the module of the tests with a browser.
in_browser() { (cd internal/e2e/browser && "$@"); }
lint_browser() { in_browser go tool -modfile=../../../tools/go.mod golangci-lint run; }

# build PLATFORM builds everything for another platform.
build() { GOOS=${1%/*} GOARCH=${1#*/} CGO_ENABLED=0 go build -o "$work/${1#*/}/" ./...; }

# The time limits of go test below are against what hangs: no run needs half of them.

# every_case runs the long enumerations whole; with the race detector, only a part
# of their cases is run.
every_case() {
  go test -count=1 -timeout 45m -json -run '^(TestFaults|TestKilledAnywhere|TestModel|TestUpgrade.*)$' ./internal/engine 2>&1 |
    go run ./scripts/testsum
}

# browser_tests looks at the dashboard with a real browser.
browser_tests() {
  in_browser go test -count=1 -timeout 45m -json ./... 2>&1 | go run ./scripts/testsum
}

# tests begins with the package that takes the longest, so that it is not the last.
# SQLite is C, translated to Go: to check all its pointers, too, as -race has it,
# takes a quarter of the time and finds nothing.
tests() {
  local longest=github.com/graftplatform/graft/internal/e2e packages
  packages=$(go list ./... | grep -vx "$longest")
  # shellcheck disable=SC2086 # several packages
  go test -race -gcflags='modernc.org/...=-d=checkptr=0' -count=1 -timeout 45m -json \
    "$longest" $packages 2>&1 | go run ./scripts/testsum | tee "$work/tests"
}

# all_tests runs the first two at a time: one of them mostly waits for Docker. A
# browser has the machine for itself: people are not as busy as the other tests are.
all_tests() {
  local code=0 every
  every_case >"$work/every" 2>&1 &
  every=$!
  tests || code=1
  wait "$every" || code=1
  say "tests of faults and crashes, every case:"
  cat "$work/every"
  return "$code"
}

step "guard: record what is in Docker" scripts/guard.sh record "$work/before"
step "format" formatted
step "go vet" go vet ./...
step "go vet, the soak" go vet -tags soak ./internal/e2e/
step "go vet, the tests with a browser" in_browser go vet ./...
step "lint" tool golangci-lint run --build-tags soak
step "lint, the tests with a browser" lint_browser
step "vulnerabilities" vulnerabilities
step "build for linux/arm64" build linux/arm64
step "build for linux/arm" build linux/arm
step "tests, with the race detector and real Docker; faults and crashes without it, every case" all_tests
step "tests of the dashboard with a real browser" browser_tests
step "guard: nothing left in Docker, nothing else touched" \
  scripts/guard.sh compare "$work/before" graft-test- graft.engine=

say "== in all"
printf 'failed: %s\n' "${failed[@]:-nothing}"
tail -n 1 "$work/tests"
[ "${#failed[@]}" -eq 0 ]
