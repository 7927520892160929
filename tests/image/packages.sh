#!/bin/bash
# The Debian packages and the tarball: two makings have the same bytes, and both hold what make install installs. The
# tarball's install script in a root that has busybox and nothing else.
#   packages.sh SOURCE BUILD     BUILD holds what `make initramfs stage2` made. As root (chroot).
set -euo pipefail
source=$(realpath "$1") build=$(realpath "$2")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
fail() { echo "FAILED: $*" >&2; exit 1; }

# Another folder, umask, time zone and language; files of another hour.
(umask 022; "$source/packaging/tree" "$build" "$folder/one.tree")
(umask 077; export TZ=Pacific/Auckland LC_ALL=C; "$source/packaging/tree" "$build" "$folder/two.tree")
find "$folder/two.tree" -exec touch -d '2 hours ago' {} +
for one in one two; do
  "$source/packaging/deb" "$folder/$one.tree" "$folder/$one" > "$folder/$one.said"
  "$source/packaging/tarball" "$folder/$one.tree" "$folder/$one" >> "$folder/$one.said"
done
cat "$folder/one.said"
[ "$(ls "$folder/one")" = "$(ls "$folder/two")" ] || fail "other names: $(ls "$folder/one" "$folder/two")"
for file in "$folder"/one/*; do
  cmp "$file" "$folder/two/${file##*/}" || fail "two makings of ${file##*/} differ"
done

# What is installed, without what only one of the ways has: dpkg's packed pages and changelogs, the script's own list.
"$source/packaging/install" --from "$folder/one.tree" --prefix /usr --destdir "$folder/installed" > /dev/null
names() { (cd "$1" && find . ! -type d | sed 's/\.gz$//; s|/vendor-completions/|/site-functions/|' | LC_ALL=C sort); }
mkdir "$folder/debs"
for deb in "$folder"/one/*.deb; do dpkg-deb -x "$deb" "$folder/debs"; done
diff <(names "$folder/installed" | grep -v '^./usr/share/ka/installed$') \
  <(names "$folder/debs" | grep -v -e '/changelog$' -e '/lintian/') ||
  fail "the packages hold other files than make install"

# The tarball, in a root of busybox.
root=$folder/root
mkdir -p "$root"/{bin,tmp,proc,dev}
mknod -m 666 "$root/dev/null" c 1 3
cp "$(command -v busybox)" "$root/bin/"
for applet in sh cat chmod dirname find grep id mkdir mv rm rmdir sed sort tar gunzip; do
  ln -s busybox "$root/bin/$applet"
done
cp "$folder"/one/ka-*.tar.gz "$root/tmp/ka.tar.gz"
inside() { chroot "$root" /bin/sh -c "cd /tmp && $1"; }
inside 'gunzip -c ka.tar.gz | tar x && mv ka-*-x86_64 ka'
before=$(cd "$root" && find . ! -type d | LC_ALL=C sort)
inside 'ka/install' | grep '^Installed .* in /usr/local, settings in /etc/ka$' || fail "it does not say what it did"
inside '/usr/local/sbin/ka-server --version' | grep '^ka-server ' > /dev/null || fail "ka-server does not run there"
inside '/usr/local/bin/ka-client --version' | grep '^ka-client ' > /dev/null || fail "ka-client does not run there"
grep '^ExecStart=/usr/local/sbin/ka-server boot$' "$root/usr/local/lib/systemd/system/ka-boot.service" > /dev/null ||
  fail "ka-boot.service starts something else"
grep '^ExecStart=/usr/local/sbin/ka-server$' "$root/usr/local/lib/systemd/system/ka-server.service" > /dev/null ||
  fail "the unit starts another program"
diff <(cd "$folder/installed/usr" && find . -type f | LC_ALL=C sort) \
  <(cd "$root/usr/local" && find . -type f | LC_ALL=C sort) || fail "the tarball installs other files than make install"
closed=$(find "$root/usr" "$root/etc" \( -type d ! -perm -755 -o -type f ! -perm -644 \) -print)
[ -z "$closed" ] || fail "not everybody can read: $closed"

# Again, by a later version that has a file less.
echo '# mine' >> "$root/etc/ka/ka.conf"
rm "$root/tmp/ka/tree/share/ka/pxe-config/messages"
inside 'ka/install' | grep 'what was there stays' > /dev/null || fail "it does not say that it kept ka.conf"
grep -q '^# mine$' "$root/etc/ka/ka.conf" || fail "a second install took ka.conf"
[ ! -e "$root/usr/local/share/ka/pxe-config/messages" ] || fail "a file of an earlier version stays"
inside 'ka/install --uninstall' > /dev/null
left=$(cd "$root" && find . ! -type d ! -path './tmp/ka/*' ! -path './etc/ka/*.conf' | LC_ALL=C sort)
[ "$left" = "$(grep -v '^./tmp/ka/' <<< "$before")" ] || fail "--uninstall left: $left"
! inside 'ka/install --uninstall' 2> "$folder/said" || fail "a second --uninstall had something to do"
grep 'nothing was installed' "$folder/said" > /dev/null || fail "it does not say why: $(cat "$folder/said")"

# A disk that is full: it fails, names the file, leaves nothing half written, and what it wrote can be uninstalled.
cat > "$folder/in-a-small-one" << 'SH'
mount -t tmpfs -o size=4m none "$1"
"$2" --from "$3" --destdir "$1"
status=$?
find "$1" -name '*.new' ! -path '*/installed.new'
"$2" --uninstall --destdir "$1" > /dev/null || exit 3
find "$1" ! -type d ! -path "$1/etc/*" -exec echo left: {} \;
exit $status
SH
status=0
unshare -m sh "$folder/in-a-small-one" "$root/tmp" "$source/packaging/install" "$folder/one.tree" \
  > "$folder/said" 2>&1 || status=$?
[ $status = 1 ] || fail "a full disk is no failure: status $status"
grep '^install: .*all.rdz could not be written' "$folder/said" > /dev/null || fail "it does not say why"
! grep -e '\.new$' -e '^left: ' "$folder/said" || fail "it leaves half of it"

# Not root, who may not look into this tree: nothing is written, and it says why.
if command -v setpriv > /dev/null; then
  cp "$source/packaging/install" "$folder/install"
  ! setpriv --reuid=65534 --clear-groups "$folder/install" --from "$folder/one.tree" 2> "$folder/said" ||
    fail "install goes without root"
  grep '^install: run it as root' "$folder/said" > /dev/null || fail "it does not say why: $(cat "$folder/said")"
fi
echo "packages and tarball: the same bytes twice, the same files as make install, installed and removed with busybox"
