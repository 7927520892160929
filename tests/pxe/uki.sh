#!/bin/bash
# A signed image as boot file of UEFI machines: every DHCP server names it, the default decides where it lies, and what
# it could not tell machines is refused before anything is written.
#   uki.sh KA_SERVER TEMPLATES
set -euo pipefail
ka_server=$(realpath "$1") templates=$(realpath "$2") source=$(realpath "$(dirname "$0")/../..")
PATH=$PATH:/usr/sbin:$source/build/unpacked/usr/sbin
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fail() { echo "FAILED: $*" >&2; exit 1; }

openssl req -new -x509 -newkey rsa:2048 -noenc -subj /CN=us -keyout us.key -out us.crt 2> /dev/null
mkdir images
{ printf MZ; head -c 70000 /dev/zero; } > images/vmlinuz
head -c 50000 /dev/zero > images/all.rdz
stub=$source/build/unpacked/usr/lib/systemd/boot/efi/linuxx64.efi.stub
"$source/initramfs/mkuki" --key us.key --cert us.crt --kernel images/vmlinuz --initrd images/all.rdz --stub "$stub" \
  --append 'katarget=sda=wwn:1 console=ttyS0' --output signed.efi > /dev/null

config() {  # OUTPUT OPTIONS…
  "$ka_server" pxe-config --templates "$templates" --interface eth1 --server 10.0.1.1 --subnet 10.0.1.0/24 \
    --boot-files images --packages "$source/build/unpacked" --output "$1" --uki signed.efi "${@:2}"
}

config out --http 80 --append katarget=sda=wwn:1 --default kamethod --install-boot-files > /dev/null
dhcpd -t -4 -cf out/dhcpd.conf > log 2>&1 || { cat log >&2; fail "dhcpd does not accept its file"; }
for file in dnsmasq.conf dnsmasq-proxy.conf; do
  dnsmasq --test --conf-file=out/$file > log 2>&1 || { cat log >&2; fail "dnsmasq does not accept $file"; }
done
for file in dhcpd.conf dnsmasq.conf dnsmasq-proxy.conf kea-dhcp4.conf; do
  grep -q 'http://10.0.1.1/ka.efi' out/$file || fail "$file has no image by HTTP"
  grep -qE '[",]/ka\.efi' out/$file || fail "$file has no image by TFTP"
  grep -q '/X86PC/linux/linux.0' out/$file || fail "$file has nothing for a BIOS"
  ! grep -qE 'shimx64|uefi\.img' out/$file || fail "$file names shim"
done
root=out/tftpboot
cmp signed.efi $root/ka.efi
[ -e $root/X86PC/linux/linux.0 ] || fail "BIOS machines have no pxelinux"
[ ! -e $root/grub ] && [ ! -e $root/shimx64.efi ] || fail "there is something of GRUB"

# The default of machines that have no menu.
lies() { [ "$(cd "$root" && echo ka.efi*)" = "$1" ] || fail "$2: there is $(cd "$root" && echo ka.efi*)"; }
for _ in once twice; do
  "$ka_server" pxe-default local --tftp-root "$root" > log
  lies ka.efi.aside 'pxe-default local'
  grep -q 'ka.efi: put aside' log || fail "nobody is told: $(cat log)"
done
"$ka_server" pxe-default kamethod --tftp-root "$root" > log
lies ka.efi 'pxe-default kamethod'
! "$ka_server" pxe-default nothing --tftp-root "$root" > log 2>&1 || fail "a label that is not there is taken"
lies ka.efi 'a label that is not there'
rm -r out
config out --install-boot-files > /dev/null
lies ka.efi.aside 'the default local'

refused() {  # WORDS OPTIONS…
  local words=$1 status=0
  shift
  config refused "$@" > log 2>&1 || status=$?
  [ $status = 2 ] || fail "exit status $status with $*"
  grep -qF -e "$words" log || fail "no word of \"$words\" in: $(cat log)"
  [ ! -e refused ] || fail "something was written with $*"
}
refused "has not nosmp, which machines with UEFI would never see: make uki APPEND='nosmp'" --append 'rw nosmp'
refused "has not console=tty0 console=ttyS0,115200," --serial '0 115200'
refused 'has not kahostprefix=rack,' --host-prefix rack
refused 'efi-loader says /other.efi' --efi-loader /other.efi
refused 'efi-loader says none' --efi-loader none
config fine --host-prefix none > /dev/null
cp signed.efi kept.efi
sbattach --remove signed.efi 2> /dev/null
refused 'is not signed'
cp us.crt signed.efi
refused 'signed.efi is no unified kernel image'
cp kept.efi signed.efi
echo newer >> images/all.rdz
refused 'was made of another file than images/all.rdz' --install-boot-files
echo "a signed image: named by four servers, put aside, and refused where it would not say what is asked"
