#!/bin/bash
# Builds what wire/trust/ stands on, from Debian's sources, with the compiler that is named: libsodium (X25519,
# ChaCha20-Poly1305, SHA-256, Ed25519), which Debian has for glibc only, and BLAKE3 in C and assembler, which Debian 12
# has inside librust-blake3-dev only.
#
#   cryptography.sh PREFIX CC
#
# PREFIX gets lib/libsodium.a, lib/libblake3.a and include/. A second call with the same PREFIX returns at once.
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: $0 PREFIX CC" >&2; exit 2; }
top=$(realpath "$(dirname "$0")/..")
prefix=$(realpath -m "$1") cc=$(realpath -s "$(command -v "$2")")
stamp=$prefix/.complete
recipe=$(cat "$0" <("$cc" --version) | sha256sum | cut -c1-16)
is_made() { [ "$(cat "$stamp" 2> /dev/null)" = "$recipe" ]; }
is_made && exit 0
# Several configures may come at once; the others wait. What is fetched, all share.
shared=$(dirname "$prefix")
mkdir -p "$shared"
exec 9> "$shared/.lock"
flock 9
is_made && exit 0

blake3=$(echo "$top"/build/unpacked/usr/share/cargo/registry/blake3-*/c)
[ -e "$blake3/blake3.c" ] || { echo "$0: no BLAKE3 below build/unpacked: run scripts/need build" >&2; exit 1; }
sodium=$shared/libsodium
if [ ! -e "$sodium/configure" ]; then
  echo "Fetching Debian's source of libsodium"
  rm -rf "$sodium"
  "$top/scripts/source" libsodium "$sodium"
  (cd "$sodium" && autoreconf -fi > "$shared/autoreconf.log" 2>&1) ||
    { tail -20 "$shared/autoreconf.log" >&2; rm -rf "$sodium"; exit 1; }
fi

echo "Building libsodium and BLAKE3 in $prefix (half a minute, once)"
rm -rf "$prefix"
mkdir -p "$prefix"/{lib,include,build}
build() {
  # The hardening is the toolchain's choice, for all objects alike.
  local flags=(-O2 -g0 -fPIE -fstack-protector-strong -ffunction-sections -fdata-sections)
  cd "$prefix/build" &&
    "$sodium/configure" --host=x86_64-linux --prefix="$prefix" --disable-shared --disable-pie --disable-ssp \
      --disable-dependency-tracking CC="$cc" CFLAGS="${flags[*]}" &&
    make -j"$(nproc)" -C src/libsodium install &&
    "$cc" "${flags[@]}" -c "$blake3"/blake3{,_dispatch,_portable}.c \
      "$blake3"/blake3_{sse2,sse41,avx2,avx512}_x86-64_unix.S &&
    ar rcs "$prefix/lib/libblake3.a" blake3*.o &&
    cp "$blake3/blake3.h" "$prefix/include"
}
(build) > "$shared/build.log" 2>&1 || { tail -30 "$shared/build.log" >&2; exit 1; }
rm -rf "$prefix/build"
echo "$recipe" > "$stamp"
