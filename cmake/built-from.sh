#!/bin/sh
# Writes what server/built_from.cpp includes, and touches the file only if it is another than before: so nothing is
# compiled or linked again but when the commit has changed, or the first file since it.
#   built-from.sh SOURCE FILE
set -eu
commit='sources without a commit'
# Not the commit of a repository that these sources only lie in.
if [ -e "$1/.git" ] && hash=$(git -c safe.directory='*' -C "$1" rev-parse --short=12 HEAD 2> /dev/null); then
  changed=$(git -c safe.directory='*' -C "$1" --no-optional-locks status --porcelain --untracked-files=no)
  commit="commit $hash${changed:+-dirty}"
fi
# musl has no macro that tells; its loader does.
musl=$(/lib/ld-musl-x86_64.so.1 2>&1 | sed -n 's/^Version //p' || true)
text="#define KA_COMMIT \"$commit\"
#define KA_MUSL \"${musl:-of an unknown version}\""
[ "$(cat "$2" 2> /dev/null || true)" = "$text" ] || echo "$text" > "$2"
