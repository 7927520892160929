#!/bin/bash
# The products are hardened: at any address, no page both writable and executable, relocations read-only from the start,
# stack protectors. They ask for no loader, and carry no symbols.
#   programs.sh BUILD     BUILD holds musl-static/
set -euo pipefail
build=$(realpath "$1")
fail() { echo "FAILED: $*" >&2; exit 1; }

check() {  # PROGRAM
  local headers dynamic
  headers=$(readelf -lhW "$1")
  dynamic=$(readelf -dW "$1")
  grep -q 'Type: *DYN' <<< "$headers" || fail "$1 is not position-independent"
  ! grep -q INTERP <<< "$headers" || fail "$1 asks for a dynamic loader"
  ! grep -q NEEDED <<< "$dynamic" || fail "$1 asks for libraries"
  grep -q GNU_RELRO <<< "$headers" || fail "$1: relocations stay writable"
  grep -q 'Flags: NOW' <<< "$dynamic" || fail "$1: relocations are not all done at the start"
  ! grep -E '^ *(LOAD|GNU_STACK) .* RWE ' <<< "$headers" || fail "$1 has memory that is writable and executable"
  [ "$(readelf -SW "$1" | grep -c '\.symtab')" = 0 ] || fail "$1 has symbols"
  # The guard lies at %fs:0x28; a program without protectors has a few of these at most.
  [ "$(objdump -d "$1" | grep -c '%fs:0x28')" -gt 100 ] || fail "$1 has no stack protectors"
}

check "$build/musl-static/agent/ka-init"
check "$build/musl-static/server/ka-server"
# Constants of ka-server cannot be executed: they have a segment of their own.
[ "$(readelf -lW "$build/musl-static/server/ka-server" | grep -cE '^ *LOAD .* R +0x')" -ge 2 ] ||
  fail "ka-server's constants lie in a segment with its code"
echo "ka-init and ka-server: PIE, read-only relocations, stack protectors, no loader"
