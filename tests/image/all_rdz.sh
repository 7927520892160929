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

# Two archives, one after the other, as the kernel takes them.
unpack() {
  mkdir -p "$2"
  zstd -qdc "$1" | (cd "$2" && cpio -id --quiet && cpio -id --quiet)
}

make_one() {
  "$source/initramfs/mkinitramfs" --init "$build/musl-static/agent/ka-init" --kernel "$build/kernel/vmlinuz" \
    --modules "$modules" --compress none "$@" > /dev/null
}

unpack "$build/all.rdz" "$folder/root"
root=$folder/root
size=$(stat -c %s "$build/all.rdz")
[ "$size" -le $((12 << 20)) ] || fail "all.rdz has $size bytes, more than 12 MiB"

# ka-init: static, stripped, small.
kind=$(file -b "$root/init")
grep -q 'statically linked, stripped' <<< "$kind" || fail "/init is not static and stripped: $kind"
! grep -q INTERP <<< "$(readelf -lW "$root/init")" || fail "/init asks for a dynamic loader"
size=$(stat -c %s "$root/init")
[ "$size" -le $((1 << 20)) ] || fail "/init has $size bytes, more than 1 MiB"
cmp "$root/init" "$build/musl-static/agent/ka-init"

# Drivers that machines of all kinds need.
for driver in e1000 e1000e igb igc ixgbe i40e ice r8169 tg3 bnx2 bnx2x bnxt_en mlx4_en mlx5_core 8139too 8139cp \
  pcnet32 tulip ne2k-pci sky2 forcedeth atl1c alx via-rhine sfc atlantic ena virtio_net vmxnet3 hv_netvsc xen-netfront r8152 \
  ahci ata_piix ata_generic pata_via sata_nv nvme mptspi mptsas mpt3sas megaraid_sas megaraid_mbox aacraid hpsa \
  smartpqi \
  aic7xxx aic79xx sym53c8xx BusLogic am53c974 3w-9xxx arcmsr virtio_blk virtio_scsi virtio_pci vmw_pvscsi hv_storvsc \
  xen-blkfront sdhci-pci mmc_block vmd sd_mod squashfs loop; do
  grep -q "/$driver.ko:" "$root/lib/modules/$version/modules.dep" || fail "no driver $driver"
done
! grep -q usb-storage "$root/lib/modules/$version/modules.dep" || fail "USB storage is in though nobody asked for it"

# Every module is the kernel's own, bytes and signature, and finds all it depends on.
while IFS=: read -r path needs; do
  cmp "$root/lib/modules/$version/$path" "$modules/$path"
  for need in $needs; do
    [ -f "$root/lib/modules/$version/$need" ] || fail "$path needs $need"
  done
done < "$root/lib/modules/$version/modules.dep"
count=$(find "$root" -name '*.ko' | wc -l)
[ "$count" = "$(wc -l < "$root/lib/modules/$version/modules.dep")" ] || fail "modules.dep does not list them all"
# What a module asks for only at run time: libcrc32c wants any driver of crc32c.
grep -q '/crc32c_generic.ko:' "$root/lib/modules/$version/modules.dep" || fail "libcrc32c's soft dependency is missing"
for index in alias softdep builtin builtin.modinfo; do
  [ -s "$root/lib/modules/$version/modules.$index" ] || fail "no modules.$index"
done

# The same again: another folder, another time zone and umask, and what make built.
make_one --output "$folder/one"
mkdir "$folder/elsewhere"
(umask 077; export TZ=Pacific/Auckland LC_ALL=C.UTF-8; make_one --output "$folder/elsewhere/two")
cmp "$folder/one" "$folder/elsewhere/two" || fail "two builds differ"
zstd -qdc "$build/all.rdz" | cmp - "$folder/one" || fail "make's all.rdz differs from one built now"

make_one --with-usb-storage --output "$folder/usb"
mkdir "$folder/usb.root"
(cd "$folder/usb.root" && cpio -id --quiet < "$folder/usb.modules")
grep -q '/usb-storage.ko:' "$folder/usb.root/lib/modules/$version/modules.dep" || fail "there is no USB storage on demand"

# Firmware that a module names travels with it.
mkdir -p "$folder/firmware/tigon" "$folder/fw.root"
echo tigon3 > "$folder/firmware/tigon/tg3.bin"
make_one --firmware "$folder/firmware" --output "$folder/fw"
(cd "$folder/fw.root" && cpio -id --quiet < "$folder/fw.modules")
cmp "$folder/firmware/tigon/tg3.bin" "$folder/fw.root/lib/firmware/tigon/tg3.bin" || fail "tg3's firmware is missing"
! grep -q 'tg3 tigon/tg3.bin$' "$folder/fw.firmware" || fail "tg3's firmware is listed as missing"
grep -q '^bnx2 ' "$folder/fw.firmware" || fail "bnx2's firmware is not listed as missing"

echo "all.rdz: $(stat -c %s "$build/all.rdz") bytes, $count modules, the same from every build"
