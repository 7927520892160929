# shellcheck shell=bash
# What mkinitramfs and mkstage2 share (bash): choosing and installing kernel modules, and the squashfs that holds them.
#
# depmod's files say what depends on what: modules.dep lists all of a module's dependencies, directly and
# indirectly needed ones alike; modules.softdep names (or gives aliases of) those that it asks for at run time.

fail() { echo "${0##*/}: $*" >&2; exit 1; }

# "drivers/net/foo-bar.ko.xz" → "foo_bar", the name the kernel knows it by.
module_name() {
  local name=${1##*/}
  name=${name%%.ko*}
  echo "${name//-/_}"
}

# fingerprint MODULES FIRMWARE: text that changes when one of their files does.
fingerprint() {
  (cd "$1" && find . -type f -printf '%p %s %T@\n' | LC_ALL=C sort)
  [ ! -d "$2" ] || (cd "$2" && find -L . -type f -printf '%p %s %T@\n' 2> /dev/null | LC_ALL=C sort) || true
}

# choose_modules MODULES LIST… : the paths (kernel/….ko) of what the LISTs choose and all it depends on, sorted.
choose_modules() {
  local modules=$1 list line path name
  shift
  [ -s "$modules/modules.dep" ] || fail "$modules has no modules.dep: run depmod for that kernel first"
  local -A depends=() by_name=() soft=() chosen=() closed=()

  while IFS=: read -r path line; do
    depends[$path]=$line
    name=${path##*/} name=${name%%.ko*}
    by_name[${name//-/_}]=$path
  done < "$modules/modules.dep"
  while read -r line name path; do
    [ "$line" = softdep ] && soft[${name//-/_}]+=" $path"
  done < "$modules/modules.softdep"

  shopt -s globstar nullglob
  for list in "$@"; do
    while read -r line; do
      [[ $line == '' || $line == '#'* ]] && continue
      # shellcheck disable=SC2206
      local matches=("$modules"/kernel/${line#!}.ko*)
      if [[ $line == '!'* ]]; then
        for path in "${matches[@]}"; do unset "chosen[${path#"$modules"/}]"; done
        continue
      fi
      for path in "${matches[@]}"; do chosen[${path#"$modules"/}]=1; done
      if [[ ${#matches[@]} = 0 && $line != *'*'* ]] && ! grep -q "/${line##*/}\.ko$" "$modules/modules.builtin"; then
        echo "${0##*/}: this kernel has no $line (${list##*/})" >&2
      fi
    done < "$list"
  done
  shopt -u globstar nullglob

  local work=("${!chosen[@]}") next word
  while [ ${#work[@]} -gt 0 ]; do
    next=()
    for path in "${work[@]}"; do
      [ -z "${closed[$path]:-}" ] || continue
      closed[$path]=1
      # shellcheck disable=SC2206
      next+=(${depends[$path]})
      name=${path##*/} name=${name%%.ko*}
      for word in ${soft[${name//-/_}]:-}; do
        case $word in pre: | post:) continue ;; esac
        word=${word//-/_}
        if [ -n "${by_name[$word]:-}" ]; then
          next+=("${by_name[$word]}")
        else
          while read -r name; do
            next+=("${by_name[${name//-/_}]}")
          done < <(sed -n "s/^alias ${word} //p; s/^alias ${word//_/-} //p" "$modules/modules.alias")
        fi
      done
    done
    work=("${next[@]}")
  done
  printf '%s\n' "${!closed[@]}" | LC_ALL=C sort
}

# install_modules MODULES ROOT < paths: copies them into ROOT/lib/modules/VERSION, unpacked but otherwise
# untouched (a stripped module would lose its signature, and Secure Boot would refuse it), with an index
# of exactly these.
install_modules() {
  local modules=$1 root=$2 version path to
  version=$(basename "$modules")
  local base=$root/lib/modules/$version
  mkdir -p "$base"
  while read -r path; do
    to=$base/${path%%.ko*}.ko
    mkdir -p "${to%/*}"
    case $path in
      *.ko) cp --no-preserve=all "$modules/$path" "$to" ;;
      *.ko.xz) xz -dc "$modules/$path" > "$to" ;;
      *.ko.zst) zstd -qdc "$modules/$path" > "$to" ;;
      *.ko.gz) gzip -dc "$modules/$path" > "$to" ;;
      *) fail "$path: a compression of modules that is not known here" ;;
    esac
  done
  cp --no-preserve=all "$modules"/modules.{order,builtin,builtin.modinfo} "$base/"
  depmod -b "$root" "$version"
  rm -f "$base"/modules.order "$base"/modules.symbols* "$base"/modules.devname
}

# install_firmware FIRMWARE ROOT REPORT LIST: copies the firmware that the modules in ROOT name, unpacked, since not
# every kernel reads every compression. What FIRMWARE does not have is said, and listed in REPORT, a line
# "MODULE FILE EFFECT PACKAGE REMARK…" for each, as LIST (firmware.list) has it.
install_firmware() {
  local firmware=$1 root=$2 report=$3 list=$4 module file to
  while read -r module; do
    while read -r file; do
      to=$root/lib/firmware/$file
      mkdir -p "${to%/*}"
      if [ -f "$firmware/$file" ]; then
        cp --no-preserve=all -L "$firmware/$file" "$to"
      elif [ -f "$firmware/$file.xz" ]; then
        xz -dc "$firmware/$file.xz" > "$to"
      elif [ -f "$firmware/$file.zst" ]; then
        zstd -qdc "$firmware/$file.zst" > "$to"
      else
        echo "$(module_name "$module") $file"
      fi
    done < <(modinfo -F firmware "$module")
  done < <(find "$root/lib/modules" -name '*.ko' | LC_ALL=C sort) | firmware_effects "$list" > "$report"
  [ ! -d "$root/lib/firmware" ] || find "$root/lib/firmware" -depth -type d -empty -delete
  say_missing_firmware "$firmware" "$report"
}

# firmware_effects LIST < "MODULE FILE" lines: the same with what LIST says of each; "unknown -" where it says nothing.
firmware_effects() {
  local module file driver pattern effect found
  while read -r module file; do
    found='unknown -'
    while read -r driver pattern effect; do
      # shellcheck disable=SC2053
      if [[ $driver = "$module" && $file = $pattern ]]; then found=$effect; break; fi
    done < "$1"
    echo "$module $file" $found
  done
}

# say_missing_firmware FIRMWARE REPORT: the cards, by what they lose, each group with the package that would help.
say_missing_firmware() {
  local effect text drivers
  [ -s "$2" ] || return 0
  echo "Firmware that $1 does not have (listed in $2; Debian's packages are in its section non-free-firmware):"
  while read -r effect text; do
    drivers=$(sort -u -k3,3 -k4,4 -k1,1 "$2" | awk -v effect="$effect" '
      $3 == effect && $4 != package { if (package) printf "(%s), ", package; package = $4 }
      $3 == effect { printf "%s ", $1 }
      END { if (package) printf "(%s)", package }')
    [ -z "$drivers" ] || echo "  $text: ${drivers//(-)/(no package)}"
  done <<- 'TEXT'
	needs These do not work without it
	some Some cards of these do not work without it
	better These work without it, but for a feature or a correction
	unknown These may need it
	TEXT
}

# squash FOLDER FILE COMPRESSION BLOCK: a squashfs of FOLDER that depends on its content alone.
squash() {
  local options log=$2.log
  case $3 in
    zstd) options=(-comp zstd -Xcompression-level 19) ;;
    xz) options=(-comp xz -Xbcj x86) ;;
    gzip) options=(-comp gzip) ;;
    none) options=(-noI -noD -noF) ;;
    *) fail "--compress $3: zstd, xz, gzip and none are known" ;;
  esac
  chmod -R u=rwX,go=rX "$1"
  [ ! -d "$1/tmp" ] || chmod 1777 "$1/tmp"
  find "$1" -exec touch -h -d "@${SOURCE_DATE_EPOCH:-0}" {} +
  SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-0} mksquashfs "$1" "$2.part" "${options[@]}" -b "$4" \
    -noappend -all-root -no-xattrs -no-progress > "$log" 2>&1 || { cat "$log" >&2; exit 1; }
  rm -f "$log"
  mv "$2.part" "$2"
}
