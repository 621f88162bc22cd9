#!/bin/sh
# Fuzzes every target of the module, FUZZTIME (30s) each. A finding ends it; go
# test keeps what was found in testdata/fuzz, from where every go test repeats it.
set -eu
cd "$(dirname "$0")/.."
grep -rho --include='*_test.go' -H '^func Fuzz[A-Za-z]*' . | sort | while IFS=: read -r file func; do
  target=${func#func }
  echo "== $target (${file%/*})"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-30s}" "${file%/*}" </dev/null
done
