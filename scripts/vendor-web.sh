#!/usr/bin/env bash
# Makes the vendored files of the dashboard and of its tests anew, byte for byte,
# from the npm packages that scripts/vendor-web/package.json names and its lock
# pins. Nobody who builds, tests or uses Graft needs it; it needs Node.js and npm.
#
#   vendor-web.sh          writes the files
#   vendor-web.sh check    makes them elsewhere, and fails if they differ
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

command -v npm >/dev/null || fail "npm is missing: install Node.js 20 or newer, with npm"
case "${1:-}" in
  '' | check) ;;
  *) fail "what? usage: vendor-web.sh [check]" ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp scripts/vendor-web/*.js scripts/vendor-web/*.json "$work"
packages=$work/node_modules static=$work/out/internal/web/static tests=$work/out/internal/e2e/browser/testdata
mkdir -p "$static/vendor" "$tests"

# unpack brings the packages here. What is in them runs at no install.
unpack() { (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --silent); }

version() { sed -n 's/^  "version": "\(.*\)",\{0,1\}$/\1/p' "$packages/$1/package.json"; }

# copy PACKAGE FILE TO copies a file that needs no change.
copy() { cp "$packages/$1/$2" "$3"; }

htmx() {
  copy htmx.org dist/htmx.min.js "$static/vendor/htmx.min.js"
  copy htmx.org dist/ext/hx-sse.min.js "$static/vendor/hx-sse.min.js"
  copy htmx.org LICENSE "$static/vendor/htmx.LICENSE.txt"
}

# editor makes one file of CodeMirror and what of ours is around it, and collects
# the licences of the packages that are in it.
editor() {
  (cd "$work" && node_modules/.bin/esbuild editor.js --bundle --minify --format=esm --target=es2022 --charset=utf8 \
    --legal-comments=none --alias:style-mod=./adopt.js --log-level=warning --metafile=meta.json \
    --outfile="$static/vendor/editor.js")
  local package
  grep -o '"node_modules/[^"]*"' "$work/meta.json" | sed -E 's|"node_modules/((@[^/]+/)?[^/]+)/.*|\1|' |
    LC_ALL=C sort -u >"$work/bundled"
  {
    echo "editor.js has in it, beside what is Graft's own, these packages:"
    while read -r package; do
      printf '\n%s %s\n\n' "$package" "$(version "$package")"
      cat "$packages/$package/LICENSE"
    done <"$work/bundled"
  } >"$static/vendor/editor.LICENSE.txt"
}

# icons makes one file of the icons that icons.txt names, one symbol each.
icons() {
  local name
  {
    echo '<svg xmlns="http://www.w3.org/2000/svg">'
    while read -r name; do
      [ -f "$packages/lucide-static/icons/$name.svg" ] || fail "there is no icon $name"
      printf '<symbol id="%s" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">' "$name"
      # Between the opening tag, which ends with a line of its own, and the closing one.
      sed -n '/^>$/,/^<\/svg>$/{/^>$/d;/^<\/svg>$/d;s/^ *//;s| />|/>|;p}' "$packages/lucide-static/icons/$name.svg" | tr -d '\n'
      echo '</symbol>'
    done <scripts/vendor-web/icons.txt
    echo '</svg>'
  } >"$static/icons.svg"
  copy lucide-static LICENSE "$static/vendor/icons.LICENSE.txt"
}

axe() {
  copy axe-core axe.min.js "$tests/axe.min.js"
  copy axe-core LICENSE "$tests/axe.LICENSE.txt"
}

# sums lists the checksums, for a Go test to compare.
sums() {
  (cd "$static/vendor" && LC_ALL=C sha256sum -- *.js *.txt ../icons.svg >"$work/sums" && mv "$work/sums" SHA256SUMS)
  (cd "$tests" && LC_ALL=C sha256sum -- axe.* >"$work/sums" && mv "$work/sums" SHA256SUMS)
}

unpack
htmx
editor
icons
axe
sums
if [ "${1:-}" = check ]; then
  (cd "$work/out" && find . -type f) | while read -r file; do
    cmp "$work/out/$file" "$file" || exit 1
  done || fail "what is committed differs from what the packages give"
  echo "All vendored files are as their packages give them."
  exit
fi
rm -rf internal/web/static/vendor
cp -R "$work/out/." .
du -ab internal/web/static/vendor internal/web/static/icons.svg internal/e2e/browser/testdata/axe.min.js
