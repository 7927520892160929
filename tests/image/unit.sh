#!/bin/bash
# The units: systemd has nothing to say against them, their sandboxes are as good as docs/design.md says, and nobody can
# enable them by mistake.
#   unit.sh SOURCE BUILD     BUILD holds musl-static/
set -euo pipefail
source=$(realpath "$1") build=$(realpath "$2")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

mkdir -p "$folder/sbin"
cp "$build/musl-static/server/ka-server" "$folder/sbin/"
command -v systemd-analyze > /dev/null || { echo "this machine has no systemd that could judge it"; exit 77; }
look_at() {  # UNIT "WORDS BEFORE ITS EXPOSURE"
  unit=$folder/$1.service
  sed "s|@PREFIX@|$folder|" "$source/packaging/$1.service" > "$unit"
  said=$(systemd-analyze verify --man=no "$unit" 2>&1 | grep "$1" || true)
  [ -z "$said" ] || fail "systemd-analyze verify: $said"
  score=$(systemd-analyze security --offline=true "$unit" | sed -n 's/.*Overall exposure .*: \([0-9.]*\) .*/\1/p')
  told=$(sed -n "s/.*$2 \([0-9.]*\) .*/\1/p" "$source/docs/design.md")
  awk -v score="$score" -v told="$told" 'BEGIN { exit !(score != "" && told != "" && score <= told) }' ||
    fail "systemd-analyze security gives $1 $score, docs/design.md says $told"
  ! grep -q '^\[Install\]' "$unit" || fail "$1 can be enabled: machines would be overwritten after each start"
  echo "$1.service: verified, exposure $score"
}
look_at ka-server 'an exposure of'
look_at ka-boot 'ka-boot.service has'
