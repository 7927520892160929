#!/bin/bash
# Configuration that ka-server pxe-config writes, checked by the programs that read it.
#   syntax.sh KA_SERVER TEMPLATES
set -euo pipefail
ka_server=$1 templates=$2
PATH=$PATH:/usr/sbin:$(realpath "$(dirname "$0")/../../build")/unpacked/usr/sbin  # scripts/need puts servers there
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

# accepted FILE COMMAND…: the program that reads it takes it; what it says is left in $folder/log.
accepted() {
  local file=$1
  shift
  "$@" > "$folder/log" 2>&1 || { cat "$folder/log" >&2; fail "$* does not accept $file"; }
}

check() {
  local out=$folder/$1
  shift
  "$ka_server" pxe-config --templates "$templates" --output "$out" "$@" > /dev/null
  accepted dhcpd.conf dhcpd -t -4 -cf "$out/dhcpd.conf"
  accepted dnsmasq.conf dnsmasq --test --conf-file="$out/dnsmasq.conf"
  accepted dnsmasq-proxy.conf dnsmasq --test --conf-file="$out/dnsmasq-proxy.conf"
  accepted tftpd-hpa sh -n "$out/tftpd-hpa"
  accepted isc-dhcp-server sh -n "$out/isc-dhcp-server"
  if command -v systemd-analyze > /dev/null; then
    accepted ka-tftp.service systemd-analyze verify "$out/ka-tftp.service"
    # It also ends well with a warning.
    ! grep ka-tftp.service "$folder/log" || fail "systemd-analyze warns of ka-tftp.service"
  fi
  ! grep -rE '@[A-Z_]+\??@' "$out" || fail "a placeholder is left ($*)"
}

net=(--interface eth1 --server 10.0.1.1 --subnet 10.0.1.0/24)
check bare "${net[@]}" --gateway none --dns none --domain none --host-prefix none
check full "${net[@]}" --range 10.0.1.30,10.0.1.40 --gateway 10.0.1.254 --dns 10.0.1.2,10.0.1.3 \
  --domain guibland.com --efi-loader /X86PC/linux/bootx64.efi --serial '0 115200' --append 'kaserver=10.0.1.1 quiet' \
  --default kamethod --timeout 0

# Values from a file, one of them overruled.
printf 'interface = eth1\nserver = 10.0.1.1\nsubnet = 10.0.1.0/24\nrange = 10.0.1.30,10.0.1.40\n' > "$folder/values"
check file --values "$folder/values" --range 10.0.1.50,10.0.1.60
grep -q 'range 10.0.1.50 10.0.1.60;' "$folder/file/dhcpd.conf" || fail "the command line does not win over --values"

# The KA method's own words are in what machines boot.
menu=$folder/full/tftpboot/X86PC/linux/pxelinux.cfg/default
words='ramdisk_size=64000 vga=788 automatic=method:ka,interface:eth0,network:dhcp root=/dev/ram3 rw rescue kamethod'
grep -q "APPEND initrd=images/all.rdz $words" "$menu" || fail "the KA method's command line is not in $menu"

# A default that does not exist writes nothing.
if "$ka_server" pxe-config --templates "$templates" --output "$folder/none" "${net[@]}" --default nosuch \
  > "$folder/log" 2>&1; then
  fail "--default nosuch was accepted"
fi
[ ! -e "$folder/none" ] || fail "a refused configuration was written"
"$ka_server" pxe-default local --file "$menu" > /dev/null
grep -qx 'DEFAULT local' "$menu" || fail "pxe-default did not change $menu"
if "$ka_server" pxe-default nosuch --file "$menu" 2> /dev/null; then fail "pxe-default nosuch was accepted"; fi
echo "pxe-config: dhcpd, dnsmasq and systemd accept what is written"
