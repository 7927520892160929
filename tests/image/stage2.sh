#!/bin/bash
# rescue.sqfs: every program in it starts, with no library missing; its modules find what they need in it.
#   stage2.sh SOURCE BUILD     BUILD holds rescue.sqfs and kernel/. As root (chroot).
set -euo pipefail
source=$(realpath "$1") build=$(realpath "$2")
version=$(basename "$(realpath "$build/kernel/modules")")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

root=$folder/root
unsquashfs -q -n -d "$root" "$build/rescue.sqfs" > /dev/null

# As a node runs the tools: /dev and /proc are there.
inside() {
  unshare -m sh -c 'mount --bind /dev "$1/dev" && mount -t proc proc "$1/proc" && exec timeout 60 chroot "$@"' \
    sh "$root" "$@"
}

# Each program and library, also of those that only a script would start.
programs=0
while read -r file; do
  [ "$(head -c 4 "$file" | od -An -c | tr -d ' ')" = '177ELF' ] || continue
  path=${file#"$root"}
  headers=$(readelf -lW "$file")
  grep -q -e INTERP -e DYNAMIC <<< "$headers" || continue
  missing=$(chroot "$root" /lib64/ld-linux-x86-64.so.2 --list "$path" 2>&1 |
    grep -e 'not found' -e 'error while') || true
  [ -z "$missing" ] || fail "$path: $missing"
  programs=$((programs + 1))
done < <(find "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib/x86_64-linux-gnu" -type f)

# Each tool that the list names starts: it prints its version or its usage. 124 to 254 are no start, but a time-out,
# no such program, or a signal.
tools=0
applets=$(chroot "$root" busybox --list)
while read -r package names; do
  case $package in '' | '#'*) continue ;; esac
  if [ "$package" = link ]; then
    case $names in bash*) continue ;; esac
    for name in ${names#busybox }; do
      grep -qx "$name" <<< "$applets" || fail "busybox has no $name"
    done
    continue
  fi
  for name in $names; do
    case $name in
      /* | busybox | bash | test | false | yes | true | '[') continue ;;
    esac
    status=0
    inside "$name" --version < /dev/null > "$folder/out" 2>&1 || status=$?
    [ $status -lt 124 ] || [ $status = 255 ] || { cat "$folder/out" >&2; fail "$name --version ended with $status"; }
    [ -s "$folder/out" ] || fail "$name --version says nothing"
    tools=$((tools + 1))
  done
done < "$source/initramfs/stage2.list"

# Modules: whole, and the file systems and RAID levels a desc may name.
depmod=$root/lib/modules/$version/modules.dep
while IFS=: read -r path needs; do
  for file in $path $needs; do
    [ -f "$root/lib/modules/$version/$file" ] || fail "no $file"
  done
done < "$depmod"
for module in ext4 xfs btrfs jfs reiserfs f2fs exfat vfat raid0 raid1 raid10 raid456 \
  linear dm-mod dm-snapshot overlay qla2xxx lpfc crc32c_generic hyperv-keyboard; do
  grep -q "/$module.ko:" "$depmod" || fail "no module $module"
done
! grep ' unknown ' "$build/rescue.sqfs.firmware" || fail "initramfs/firmware.list knows nothing of these"

# GRUB for both firmwares, and the places a node mounts things on.
for file in /usr/lib/grub/{i386-pc/boot.img,i386-pc/ext2.mod,x86_64-efi/fat.mod} /ka/README; do
  [ -s "$root$file" ] || fail "no $file"
done
for path in dev proc sys run tmp mnt/disk; do [ -d "$root/$path" ] || fail "no directory /$path"; done
[ "$(readlink "$root/etc/mtab")" = /proc/mounts ] || fail "/etc/mtab is not /proc/mounts"

# The tools do their work, on files, with nothing but what is in the image.
work=$root/tmp/work
mkdir "$work"
truncate -s 64M "$work/disk"
printf 'label: dos\n,32M,L\n,,L\n' | inside sfdisk -q /tmp/work/disk
grep -q '/tmp/work/disk2' <<< "$(inside sfdisk -l /tmp/work/disk)" || fail "sfdisk wrote no second partition"
truncate -s 300M "$work/fs"
for mkfs in "mke2fs -q -F -t ext4" "mkfs.xfs -q -f" "mkfs.btrfs -q -f" "mkfs.jfs -q" "mkreiserfs -q -ff" mkfs.vfat \
  "mkfs.f2fs -q -f" mkfs.exfat mkswap; do
  # shellcheck disable=SC2086
  inside $mkfs /tmp/work/fs > "$folder/out" 2>&1 || { cat "$folder/out" >&2; fail "$mkfs"; }
  type=$(inside blkid -p -s TYPE -o value /tmp/work/fs)
  [ -n "$type" ] || fail "$mkfs made nothing that blkid knows"
  dd if=/dev/zero of="$work/fs" bs=1M count=2 conv=notrunc status=none
done
# What it says that it can make is what was tried; every kind is in it.
for kind in swap ext fat xfs btrfs jfs reiserfs f2fs exfat; do
  grep -q "\"$kind\": \[" "$root/ka/stage2.json" || fail "ka/stage2.json: $kind is not made"
done
for word in metadata_csum orphan_file resize_inode reflink bigtime nrext64 compression; do
  grep -q "\"$word\"" "$root/ka/stage2.json" || fail "ka/stage2.json: no $word"
done
! grep -q parent "$root/ka/stage2.json" || fail "ka/stage2.json: mkfs.xfs of Debian 12 makes no parent"
mkdir "$work/from" "$work/to"
echo data > "$work/from/file"
setfacl -m u:12345:r "$work/from/file"
inside tar -C /tmp/work/from --acls --xattrs --numeric-owner -cf /tmp/work/t.tar .
inside tar -C /tmp/work/to --acls --xattrs --numeric-owner -xf /tmp/work/t.tar
cmp "$work/from/file" "$work/to/file"
[ "$(getfacl -cnp "$work/from/file")" = "$(getfacl -cnp "$work/to/file")" ] || fail "tar lost an ACL"

echo "rescue.sqfs: $(stat -c %s "$build/rescue.sqfs") bytes, $programs programs and libraries, $tools tools started"
