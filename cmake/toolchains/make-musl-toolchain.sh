#!/bin/bash
# Makes a C++ toolchain for musl out of Debian packages alone: musl-tools gives the C library and
# gcc's specs for it, gcc-12-source gives libstdc++, which is built here once (about a minute).
#
#   make-musl-toolchain.sh PREFIX
#
# PREFIX gets bin/x86_64-linux-musl-g++ and -gcc, which need nothing but PREFIX and those packages.
# A second call with the same PREFIX returns at once. Needs: g++ (12), musl-tools, gcc-12-source,
# libboost1.81-dev, nlohmann-json3-dev, libcli11-dev, libxxhash-dev, linux-libc-dev.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: $0 PREFIX" >&2; exit 2; }
prefix=$(realpath -m "$1")
stamp=$prefix/.complete
recipe=$(sha256sum "$0" | cut -c1-16)
is_made() { [ "$(cat "$stamp" 2>/dev/null)" = "$recipe" ]; }
is_made && exit 0
# Two configures may come at once; the second waits, and finds it made.
mkdir -p "$(dirname "$prefix")"
exec 9> "$prefix.lock"
flock 9
is_made && exit 0

source_tar=/usr/src/gcc-12/gcc-12.2.0-dfsg.tar.xz
triplet=x86_64-linux-musl
for need in "$source_tar" /usr/lib/$triplet/musl-gcc.specs /usr/bin/musl-gcc; do
  # musl-tools puts its specs under /usr/lib/x86_64-linux-musl on Debian 12.
  [ -e "$need" ] || { echo "$0: $need is missing: install musl-tools and gcc-12-source" >&2; exit 1; }
done

rm -rf "$prefix"
mkdir -p "$prefix"/{bin,lib,include,build}
work=$prefix/build
specs=/usr/lib/$triplet/musl-gcc.specs

echo "musl toolchain: building libstdc++ for $triplet in $prefix (about a minute, once)"
tar -C "$work" -xf "$source_tar" --wildcards '*/libstdc++-v3' '*/libgcc' '*/libiberty' '*/config' '*/include' \
  '*/gcc/BASE-VER' '*/gcc/DATESTAMP' '*/config.*' '*/*.m4' '*/install-sh' '*/missing' '*/mkinstalldirs' \
  '*/move-if-change' '*/ltmain.sh' '*/config-ml.in' '*/compile' '*/depcomp' '*/libtool-ldflags' '*/symlink-tree' \
  '*/contrib'
source_dir=$(echo "$work"/gcc-12*)

# g++ with musl's specs: the C++ compiler that builds libstdc++ itself.
cat > "$work/bare-g++" <<SH
#!/bin/sh
exec g++ "\$@" -specs $specs
SH
chmod +x "$work/bare-g++"

mkdir "$work/libstdc++"
(
  cd "$work/libstdc++"
  flags="-Os -ffunction-sections -fdata-sections -g0"
  "$source_dir/libstdc++-v3/configure" --host=$triplet --prefix="$prefix" \
    --with-gxx-include-dir="$prefix/include/c++" --disable-shared --disable-multilib --disable-nls \
    --disable-libstdcxx-pch CC=musl-gcc CXX="$work/bare-g++" CFLAGS="$flags" CXXFLAGS="$flags"
  make -j"$(nproc)"
  make install
) > "$prefix/build.log" 2>&1 || { tail -30 "$prefix/build.log" >&2; exit 1; }
[ -e "$prefix/lib/libstdc++.a" ] || { echo "$0: no libstdc++.a: see $prefix/build.log" >&2; exit 1; }

# Debian's libgcc_eh.a finds unwind tables through glibc's _dl_find_object; this one serves it from
# dl_iterate_phdr, which musl has.
cat > "$work/find_object.c" <<'C'
#define _GNU_SOURCE
#include <link.h>
#include <stdint.h>

/* The layout glibc 2.35 documents for _dl_find_object (<dlfcn.h>). */
struct dl_find_object {
  unsigned long long flags;
  void *map_start, *map_end;
  struct link_map *link_map;
  void *eh_frame;
  unsigned long long reserved[7];
};

struct query { uintptr_t pc; struct dl_find_object *out; };

static int visit(struct dl_phdr_info *info, size_t size, void *data) {
  struct query *q = data;
  uintptr_t start = 0, end = 0, eh = 0;
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *p = &info->dlpi_phdr[i];
    uintptr_t at = info->dlpi_addr + p->p_vaddr;
    if (p->p_type == PT_LOAD && q->pc >= at && q->pc < at + p->p_memsz) { start = at; end = at + p->p_memsz; }
    if (p->p_type == PT_GNU_EH_FRAME) eh = at;
  }
  if (!start || !eh) return 0;
  q->out->flags = 0;
  q->out->map_start = (void *)start;
  q->out->map_end = (void *)end;
  q->out->link_map = 0;
  q->out->eh_frame = (void *)eh;
  return 1;
}

int _dl_find_object(void *pc, struct dl_find_object *out) {
  struct query q = {(uintptr_t)pc, out};
  return dl_iterate_phdr(visit, &q) ? 0 : -1;
}
C
musl-gcc -Os -c "$work/find_object.c" -o "$work/find_object.o"
ar rcs "$prefix/lib/libka_find_object.a" "$work/find_object.o"

# Header-only libraries and the kernel's headers, and nothing else of /usr/include (that is glibc's).
mkdir -p "$prefix/include/host"
multi=$(gcc -print-multiarch)
for h in boost nlohmann CLI linux asm-generic xxhash.h; do
  [ -e "/usr/include/$h" ] || { echo "$0: /usr/include/$h is missing" >&2; exit 1; }
  ln -sfn "/usr/include/$h" "$prefix/include/host/$h"
done
ln -sfn "/usr/include/$multi/asm" "$prefix/include/host/asm"

# Debian's specs know static programs and shared ones; these also know static ones that may lie at any address
# (-static-pie): they start by musl's rcrt1.o, which relocates them, and name no loader.
sed -e 's|^%{!shared: \(.*\)/Scrt1\.o}|%{static-pie: \1/rcrt1.o; !shared: \1/Scrt1.o}|' \
  -e 's|^-dynamic-linker \([^ ]*\) |%{static-pie: -static -pie --no-dynamic-linker -z text; : -dynamic-linker \1} |' \
  "$specs" > "$prefix/lib/ka.specs"
[ "$(grep -c static-pie "$prefix/lib/ka.specs")" = 2 ] ||
  { echo "$0: $specs is not as it is on Debian 12: no static PIE can be made of it" >&2; exit 1; }

# Where a loader is named mold dies: bfd links. Without --eh-frame-hdr every throw in a static program ends in abort.
cat > "$prefix/bin/$triplet-g++" <<SH
#!/bin/sh
link="-L$prefix/lib -Wl,-u,_dl_find_object -Wl,--eh-frame-hdr -Wl,--gc-sections -fuse-ld=bfd"
tail="-lka_find_object"
for a in "\$@"; do case \$a in -c|-S|-E|-M|-MM|-fsyntax-only) link=; tail=;; esac; done
exec g++ -specs $prefix/lib/ka.specs -nostdinc++ -isystem $prefix/include/c++ -isystem $prefix/include/c++/$triplet \\
  -idirafter $prefix/include/host \$link "\$@" \$tail
SH
cat > "$prefix/bin/$triplet-gcc" <<SH
#!/bin/sh
exec gcc -specs $specs -idirafter $prefix/include/host "\$@"
SH
chmod +x "$prefix/bin/"*
rm -rf "$work"
echo "$recipe" > "$stamp"
