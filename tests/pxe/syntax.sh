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
  # It wants to see the interface.
  accepted kea-dhcp4.conf unshare --net sh -c 'ip link add eth1 type veth peer name other && kea-dhcp4 -t "$1"' - \
    "$out/kea-dhcp4.conf"
  accepted grub.cfg grub-script-check "$out/tftpboot/grub/grub.cfg"
  accepted tftpd-hpa sh -n "$out/tftpd-hpa"
  accepted isc-dhcp-server sh -n "$out/isc-dhcp-server"
  if command -v systemd-analyze > /dev/null; then
    # It wants to see the program too, which may be unpacked only.
    mkdir "$out/units"
    sed "s|/usr/sbin/in.tftpd|$(command -v in.tftpd)|" "$out/ka-tftp.service" > "$out/units/ka-tftp.service"
    accepted ka-tftp.service systemd-analyze verify "$out/units/ka-tftp.service"
    # It also ends well with a warning.
    ! grep ka-tftp.service "$folder/log" || fail "systemd-analyze warns of ka-tftp.service"
  fi
  ! grep -rE '@[A-Z_]+\??@' "$out" || fail "a placeholder is left ($*)"
}

net=(--interface eth1 --server 10.0.1.1 --subnet 10.0.1.0/24)
check bare "${net[@]}" --gateway none --dns none --domain none --host-prefix none
check full "${net[@]}" --range 10.0.1.30,10.0.1.40 --gateway 10.0.1.254 --dns 10.0.1.2,10.0.1.3 \
  --domain guibland.com --efi-loader /bootx64.efi --serial '0 115200' --append 'kaserver=10.0.1.1 a=$b;{c}' \
  --default kamethod --timeout 0 --http 8080
check biosonly "${net[@]}" --efi-loader none

# Values from a file, one of them overruled.
printf 'interface = eth1\nserver = 10.0.1.1\nsubnet = 10.0.1.0/24\nrange = 10.0.1.30,10.0.1.40\n' > "$folder/values"
check file --values "$folder/values" --range 10.0.1.50,10.0.1.60
grep -q 'range 10.0.1.50 10.0.1.60;' "$folder/file/dhcpd.conf" || fail "the command line does not win over --values"

# The KA method's own words are in what machines boot.
menu=$folder/file/tftpboot/X86PC/linux/pxelinux.cfg/default
words='ramdisk_size=64000 vga=788 automatic=method:ka,interface:eth0,network:dhcp root=/dev/ram3 rw rescue kamethod'
grep -q "APPEND initrd=images/all.rdz $words" "$menu" || fail "the KA method's command line is not in $menu"

# --append is for kamethod only; with --timeout 0 nobody is asked, and nothing waits for ever.
menu=$folder/full/tftpboot/X86PC/linux/pxelinux.cfg/default grub=$folder/full/tftpboot/grub/grub.cfg
label() { sed -n "/^label $1\$/,/IPAPPEND/p" "$menu"; }
entry() { sed -n "/^menuentry .*--id $1 {/,/^}/p" "$grub"; }
grep 'kaserver=10.0.1.1' <<< "$(label kamethod)" > /dev/null || fail "--append is not in kamethod"
! grep 'kaserver=10.0.1.1' <<< "$(label kashell)" || fail "--append is in kashell"
! grep 'kaserver=10.0.1.1' <<< "$(entry kashell)" || fail "--append is in GRUB's kashell"

# Both loaders give the kernel the same words; to GRUB $ and ; mean nothing there. vga= is a BIOS's, and pxelinux's
# initrd= GRUB has as a command.
for name in kamethod kashell; do
  of_pxelinux=$(label $name | sed -n 's/ *APPEND initrd=[^ ]*//p' | sed 's/ vga=788//')
  of_grub=$(entry $name | sed '1d;$d' | tr -d "'\\\\\n" | sed 's/^  load//; s/  */ /g')
  [ "$of_pxelinux" = "$of_grub" ] || fail "$name: pxelinux gives$of_pxelinux, GRUB$of_grub"
done
grep -qx 'PROMPT 0' "$menu" && ! grep -qx 'TIMEOUT 0' "$menu" || fail "--timeout 0 waits for ever"
grep -qx 'PROMPT 1' "$folder/bare/tftpboot/X86PC/linux/pxelinux.cfg/default" || fail "nobody is asked"

# Both labels of both loaders have the keys that nodes are to know; without any, none has a word of them.
key=$("$ka_server" key "$folder/key" --public) other=j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8
check keyed "${net[@]}" --kakey "$other" --key "$folder/key"
for file in X86PC/linux/pxelinux.cfg/default grub/grub.cfg; do
  [ "$(grep -c " kakey=$other,$key\\( \\|$\\)" "$folder/keyed/tftpboot/$file")" = 2 ] ||
    fail "keys are missing in $file"
done
check open "${net[@]}" --open
! grep -r kakey "$folder/open/tftpboot" || fail "there is a key with --open"
if "$ka_server" pxe-config --templates "$templates" --output "$folder/no" "${net[@]}" --open --kakey "$key" \
  2> /dev/null; then
  fail "--open and --kakey contradict each other"
fi

# What the README says to run works where the files were said to go.
check moved "${net[@]}" --tftp-root "$folder/srv/tftp"
mkdir -p "$folder/srv/tftp"
cp -r "$folder/moved/tftpboot/." "$folder/srv/tftp"
command=$(sed -n 's/^Before.*ka-server \(pxe-default .*\)/\1/p' "$folder/moved/README")
# shellcheck disable=SC2086
"$ka_server" $command > /dev/null || fail "the README's command does not work: $command"
grep -qx 'set default=kamethod' "$folder/srv/tftp/grub/grub.cfg" || fail "GRUB's default stayed: $command"
menu_there=$folder/srv/tftp/X86PC/linux/pxelinux.cfg/default
grep -qx 'DEFAULT kamethod' "$menu_there" || fail "the README's command changed another file: $command"
# The boot screen says nothing that is no longer true then.
messages=$folder/srv/tftp/X86PC/linux/messages
! grep -iE '(with|default)[: ]+(local|kamethod|kashell)' "$messages" || fail "the boot screen names a default"

# A boot file that is not there: nothing is written, no folder either.
if "$ka_server" pxe-config --templates "$templates" --output "$folder/unmade" "${net[@]}" --install-boot-files \
  --boot-files "$folder/nosuch" 2> /dev/null; then
  fail "boot files that are not there were accepted"
fi
[ ! -e "$folder/unmade" ] || fail "a part of the configuration was written"
# One that cannot be written: those that are there stay as they are.
mkdir -p "$folder/half/tftpboot/X86PC/linux/help.txt" # a folder in the place of a file
echo mine > "$folder/half/README"
if "$ka_server" pxe-config --templates "$templates" --output "$folder/half" "${net[@]}" 2> /dev/null; then
  fail "help.txt cannot be written, and that was no failure"
fi
[ "$(cat "$folder/half/README")" = mine ] || fail "README was changed though help.txt cannot be written"
[ "$(find "$folder/half" -type f | wc -l)" = 1 ] || fail "parts of the configuration were left: $(find "$folder/half")"
# Whatever umask root has: tftpd reads it.
(umask 077; check private "${net[@]}")
[ "$(stat -c %a "$folder/private/tftpboot/X86PC/linux")" = 755 ] || fail "the TFTP server cannot read its folder"

# A default that does not exist writes nothing.
if "$ka_server" pxe-config --templates "$templates" --output "$folder/none" "${net[@]}" --default nosuch \
  > "$folder/log" 2>&1; then
  fail "--default nosuch was accepted"
fi
[ ! -e "$folder/none" ] || fail "a refused configuration was written"
# pxe-default: both loaders, or neither; one alone where the other was not set up.
root=$folder/full/tftpboot
"$ka_server" pxe-default local --tftp-root "$root" > /dev/null
grep -qx 'DEFAULT local' "$menu" && grep -qx 'set default=local' "$grub" || fail "pxe-default did not change both"
if "$ka_server" pxe-default nosuch --tftp-root "$root" 2> /dev/null; then fail "pxe-default nosuch was accepted"; fi
sed -i 's/--id kashell/--id shell/' "$grub"
if "$ka_server" pxe-default kashell --tftp-root "$root" 2> /dev/null; then fail "GRUB has no kashell any more"; fi
grep -qx 'DEFAULT local' "$menu" || fail "pxelinux's default was changed, GRUB's could not be"
rm "$grub"
"$ka_server" pxe-default kashell --tftp-root "$root" > /dev/null || fail "pxe-default without a grub.cfg"
if "$ka_server" pxe-default local --tftp-root "$folder" 2> /dev/null; then fail "there is nothing in $folder"; fi
echo "pxe-config: dhcpd, dnsmasq, Kea, GRUB and systemd accept what is written"
