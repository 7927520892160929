#!/bin/bash
# Links as the command says, and fails for definitions that are not the same in all files, which link-time optimization
# sees. The frames of one coroutine in a header are no such fault: g++ names their fields by counting in each file.
#   link.sh COMMAND…
set -uo pipefail
{ LC_ALL=C "$@" 2>&1 >&3 | awk '
  /warning: type .*\.Frame. violates the C\+\+ One Definition Rule/ { frame = 1; next }
  frame && (/: note: / || /^ *[0-9]* \|/) { next }
  { frame = 0; print }
  /\[-W(odr|lto-type-mismatch)\]/ { faults = 1 }
  END { exit faults }' >&2; } 3>&1
