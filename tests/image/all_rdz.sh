#!/bin/bash
# all.rdz: what is in it, that it is whole and small, and that it comes out the same when it is built again.
#   all_rdz.sh SOURCE BUILD     BUILD holds all.rdz, vmlinuz, kernel/ and musl-static/agent/ka-init
set -euo pipefail
source=$(realpath "$1") build=$(realpath "$2")
modules=$(realpath "$build/kernel/modules")
version=$(basename "$modules")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

# unpack FILE FOLDER: as the kernel does, archive after archive: one that is not packed, with the drivers' squashfs, and
# two that are. What the squashfs holds goes to FOLDER/drivers.
unpack() {
  mkdir -p "$2"
  cpio -id --quiet -D "$2" < "$1"
  # An archive without packing ends on a multiple of 512 bytes; a zstd frame begins with its magic number
  # (RFC 8878 §3.1.1).
  local plain=$(($(stat -c %s "$2/lib.sqfs") / 512 * 512))
  until [ "$(od -An -tx4 -N4 -j $plain "$1")" = " fd2fb528" ]; do plain=$((plain + 512)); done
  tail -c +$((plain + 1)) "$1" | zstd -qdc | (cd "$2" && cpio -id --quiet && cpio -id --quiet)
  unsquashfs -q -n -d "$2/drivers" "$2/lib.sqfs" > /dev/null
}

make_one() {
  "$source/initramfs/mkinitramfs" --init "$build/musl-static/agent/ka-init" --kernel "$build/kernel/vmlinuz" \
    --modules "$modules" "$@" > "$folder/said"
}

unpack "$build/all.rdz" "$folder/root"
root=$folder/root
drivers=$root/drivers/modules/$version
size=$(stat -c %s "$build/all.rdz")
# Firmware, where this machine has some, comes on top.
[ "$size" -le $((12 << 20)) ] || [ -d "$root/drivers/firmware" ] || fail "all.rdz has $size bytes, more than 12 MiB"

# ka-init: static, stripped, small; programs.sh looks at what else it must be.
kind=$(file -b "$root/init")
grep -q 'static-pie linked, stripped' <<< "$kind" || fail "/init is not static and stripped: $kind"
! grep -q INTERP <<< "$(readelf -lW "$root/init")" || fail "/init asks for a dynamic loader"
size=$(stat -c %s "$root/init")
[ "$size" -le $((5 << 19)) ] || fail "/init has $size bytes, more than 2.5 MiB"
cmp "$root/init" "$build/musl-static/agent/ka-init"

# Drivers that machines of all kinds need.
for driver in e1000 e1000e igb igc ixgbe i40e ice r8169 tg3 bnx2 bnx2x bnxt_en mlx4_en mlx5_core 8139too 8139cp \
  pcnet32 tulip ne2k-pci sky2 forcedeth atl1c alx via-rhine sfc atlantic virtio_net vmxnet3 hv_netvsc \
  xen-netfront r8152 \
  ahci ata_piix ata_generic pata_via sata_nv nvme mptspi mptsas mpt3sas megaraid_sas megaraid_mbox aacraid hpsa \
  smartpqi \
  aic7xxx aic79xx sym53c8xx BusLogic am53c974 3w-9xxx arcmsr virtio_blk virtio_scsi virtio_pci vmw_pvscsi hv_storvsc \
  xen-blkfront sdhci-pci mmc_block vmd sd_mod virtio-rng \
  dm9601 sr9700 mcs7830 rndis_host pegasus rtl8150 mscc; do
  grep -q "/$driver.ko:" "$drivers/modules.dep" || fail "no driver $driver"
done
# What no machine that boots by PXE has a use for takes no room.
for driver in cnic uio ena gve mana ipr liquidio nfp; do
  ! grep -q "/$driver.ko:" "$drivers/modules.dep" || fail "$driver is in, which nobody needs"
done
! grep -q usb-storage "$drivers/modules.dep" || fail "USB storage is in though nobody asked for it"

# Every module is the kernel's own, bytes and signature, and finds all it depends on; so do those that mount the others.
check_modules() {
  local path needs need
  while IFS=: read -r path needs; do
    cmp "$1/$path" "$modules/$path"
    for need in $needs; do
      [ -f "$1/$need" ] || fail "$path needs $need"
    done
  done < "$1/modules.dep"
  [ "$(find "$1" -name '*.ko' | wc -l)" = "$(wc -l < "$1/modules.dep")" ] ||
    fail "$1/modules.dep does not list them all"
}
check_modules "$drivers"
check_modules "$root/lib/modules/$version"
for driver in squashfs loop; do
  grep -q "/$driver.ko:" "$root/lib/modules/$version/modules.dep" || fail "nothing mounts the drivers: no $driver"
done
# What a module asks for only at run time: libcrc32c wants any driver of crc32c.
grep -q '/crc32c_generic.ko:' "$drivers/modules.dep" || fail "libcrc32c's soft dependency is missing"
for index in alias softdep builtin; do
  [ -s "$drivers/modules.$index" ] || fail "no modules.$index"
done

# The same again as make built it, in another folder, another time zone and with another umask.
(umask 077; export TZ=Pacific/Auckland LC_ALL=C.UTF-8; make_one --output "$folder/again")
cmp "$build/all.rdz" "$folder/again" || fail "two builds differ"

one=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 two=j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8
make_one --compress none --with-usb-storage --kakey "$one,$two" --output "$folder/usb"
unpack "$folder/usb" "$folder/usb.root"
grep -q '/usb-storage.ko:' "$folder/usb.root/drivers/modules/$version/modules.dep" ||
  fail "there is no USB storage on demand"
[ "$(cat "$folder/usb.root/ka/keys")" = "$one"$'\n'"$two" ] || fail "the keys that nodes are to know are not in"
[ ! -e "$root/ka" ] || fail "nodes know a key that nobody gave them"
! make_one --kakey short --output "$folder/usb" 2> /dev/null || fail "something is taken for a key that is none"

# Firmware that a module names travels with it, unpacked: a kernel reads one compression or another, or none.
mkdir -p "$folder/firmware"/{tigon,bnx2,qed}
echo tigon3 > "$folder/firmware/tigon/tg3.bin"
echo rv2p | xz > "$folder/firmware/bnx2/bnx2-rv2p-09-6.0.17.fw.xz"
qed=$(modinfo -F firmware "$modules"/kernel/drivers/net/ethernet/qlogic/qed/qed.ko | head -n 1)
echo init | zstd -q > "$folder/firmware/$qed.zst"
make_one --compress none --firmware "$folder/firmware" --output "$folder/fw"
unpack "$folder/fw" "$folder/fw.root"
got=$folder/fw.root/drivers/firmware
cmp "$folder/firmware/tigon/tg3.bin" "$got/tigon/tg3.bin" || fail "tg3's firmware is missing"
[ "$(cat "$got/bnx2/bnx2-rv2p-09-6.0.17.fw")" = rv2p ] || fail "bnx2's firmware, packed by xz, was not unpacked"
[ "$(cat "$got/$qed")" = init ] || fail "qed's firmware, packed by zstd, was not unpacked"
! grep -q -e ' tigon/tg3.bin ' -e '^qed ' "$folder/fw.firmware" || fail "firmware is listed as missing that is there"

# What is missing is listed with what the card is without it, and with Debian's package; also said when it is built.
make_one --compress none --firmware "$folder/nosuch" --output "$folder/none"
for line in 'bnx2 bnx2/[^ ]* needs firmware-bnx2' 'bnx2x bnx2x/[^ ]* needs firmware-bnx2x' \
  "qed $qed needs firmware-qlogic" 'r8169 rtl_nic/[^ ]* better firmware-realtek'; do
  grep -qx "$line" "$folder/none.firmware" || fail "the list of missing firmware has no line: $line"
done
grep -q 'do not work without it: .*bna qed qla1280 (firmware-qlogic)' "$folder/said" ||
  fail "cards that cannot work are not named: $(cat "$folder/said")"
! grep ' unknown ' "$build/all.rdz.firmware" || fail "initramfs/firmware.list knows nothing of these"

echo "all.rdz: $(stat -c %s "$build/all.rdz") bytes, $(wc -l < "$drivers/modules.dep") modules," \
  "the same from every build"
