#!/bin/bash
# ka-server.service: systemd has nothing to say against it, its sandbox is as good as docs/design.md says, and nobody
# can enable it by mistake.
#   unit.sh SOURCE BUILD     BUILD holds musl-static/
set -euo pipefail
source=$(realpath "$1") build=$(realpath "$2")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

mkdir -p "$folder/sbin"
cp "$build/musl-static/server/ka-server" "$folder/sbin/"
unit=$folder/ka-server.service
sed "s|@PREFIX@|$folder|" "$source/packaging/ka-server.service" > "$unit"
command -v systemd-analyze > /dev/null || { echo "this machine has no systemd that could judge it"; exit 77; }
said=$(systemd-analyze verify --man=no "$unit" 2>&1 | grep ka-server || true)
[ -z "$said" ] || fail "systemd-analyze verify: $said"
score=$(systemd-analyze security --offline=true "$unit" | sed -n 's/.*Overall exposure .*: \([0-9.]*\) .*/\1/p')
told=$(sed -n 's/.*exposure of \([0-9.]*\) .*/\1/p' "$source/docs/design.md")
awk -v score="$score" -v told="$told" 'BEGIN { exit !(score != "" && told != "" && score <= told) }' ||
  fail "systemd-analyze security gives it $score, docs/design.md says $told"
! grep -q '^\[Install\]' "$unit" || fail "the unit can be enabled: machines would be overwritten after each start"
echo "ka-server.service: verified, exposure $score"
