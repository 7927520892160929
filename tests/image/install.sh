#!/bin/bash
# make install and make uninstall, below another prefix and by a person with a umask of 077: everybody can read what is
# installed, the program there finds its files there, and nothing of KA but /etc/ka is left behind.
#   install.sh SOURCE      in which `make initramfs stage2` has been run
set -euo pipefail
source=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
fail() { echo "FAILED: $*" >&2; exit 1; }
umask 077

install=(env -u MAKEFLAGS -u MAKELEVEL make -C "$source" DESTDIR="$folder/root" PREFIX=/usr/local)
mkdir -m 755 "$folder/root"
"${install[@]}" install
top=$folder/root/usr/local
for file in sbin/ka-server bin/ka-client lib/ka/rescue.sqfs lib/ka/boot/{vmlinuz,all.rdz} share/ka/pxe-config/pxe.conf \
  share/man/man8/ka-server.8; do
  [ -s "$top/$file" ] || fail "$file was not installed"
done
# Folders 755, files 644 or 755.
closed=$(find "$folder/root" \( -type d ! -perm -755 -o -type f ! -perm -644 \) -print)
[ -z "$closed" ] || fail "not everybody can read: $closed"

# With nothing named, templates and boot files come from there, and a TFTP server can read what is made of them.
"$top/sbin/ka-server" pxe-config --interface eth1 --server 10.0.1.1 --subnet 10.0.1.0/24 --install-boot-files \
  --packages "$source/build/unpacked" --output "$folder/pxe" > /dev/null ||
  fail "ka-server does not find its files below its prefix"
cmp "$top/lib/ka/boot/all.rdz" "$folder/pxe/tftpboot/X86PC/linux/images/all.rdz"
closed=$(find "$folder/pxe" \( -type d ! -perm -755 -o -type f ! -perm -644 \) -print)
[ -z "$closed" ] || fail "a TFTP server cannot read: $closed"

echo '# mine' >> "$folder/root/etc/ka/ka.conf"
"${install[@]}" install
grep -q '^# mine$' "$folder/root/etc/ka/ka.conf" || fail "a second make install took the ka.conf that was there"
"${install[@]}" uninstall
left=$(find "$folder/root" -type f ! -path '*/etc/ka/*' -o -name ka -type d ! -path '*/etc/ka')
[ -z "$left" ] || fail "make uninstall left $left"
grep -q '^# mine$' "$folder/root/etc/ka/ka.conf" || fail "make uninstall took ka.conf"
"${install[@]}" help | grep '^make uninstall ' > /dev/null || fail "make help does not name what there is"
echo "make install and uninstall: below another prefix, readable by all, nothing left behind"
