#!/bin/bash
# All C++ is as .clang-format writes it; with --fix (make format) it is made so.
#   format.sh [--fix] SOURCE
set -euo pipefail
how=(--dry-run -Werror)
[ "$1" != --fix ] || { how=(-i); shift; }
cd "$1"
find base wire net agent server tests bench \( -name '*.cpp' -o -name '*.h' \) -print0 |
  xargs -0 -P "$(nproc)" -n 30 clang-format "${how[@]}" || { echo "make format mends this" >&2; exit 1; }
