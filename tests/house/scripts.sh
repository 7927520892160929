#!/bin/bash
# Every script is one: shellcheck finds nothing in those of a shell, Python compiles the others.
#   scripts.sh SOURCE
set -euo pipefail
cd "$1"
shell=(initramfs/common.sh) python=()
while read -r -d '' file; do
  # A file of random bytes (the fuzzers' corpus) is none.
  case $(head -n 1 "$file" | head -c 40 | tr -d '\0') in
    '#!/bin/sh'* | '#!/bin/bash'*) shell+=("$file") ;;
    '#!/usr/bin/env python3'*) python+=("$file") ;;
    *) case $file in *.py) python+=("$file") ;; esac ;;
  esac
done < <(find . \( -name .git -o -name build -o -name corpus \) -prune -o -type f -print0)
shellcheck -S warning "${shell[@]}"
python3 -c '
import sys
for name in sys.argv[1:]:
    compile(open(name, encoding="utf-8").read(), name, "exec")' "${python[@]}"
[ ${#shell[@]} -ge 10 ] && [ ${#python[@]} -ge 10 ] ||
  { echo "only ${#shell[@]} and ${#python[@]} scripts found" >&2; exit 1; }
echo "shellcheck has nothing to say of ${#shell[@]} scripts; ${#python[@]} of Python compile"
