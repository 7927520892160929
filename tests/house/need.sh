#!/bin/bash
# scripts/need, with an apt-get and a dpkg of this test's own: two at once wait for each other and install once, a
# killed one leaves nothing behind, a package with a server is never installed. As root (its lock is the machine's).
#   need.sh SOURCE
set -euo pipefail
source=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*" >&2; cat "$folder/log" >&2; exit 1; }

mkdir -p "$folder"/{tools,tree/scripts,installed}
cp "$source/scripts/need" "$folder/tree/scripts/"
printf 'one  alpha beta\ntwo  beta server/unpacked\n' > "$folder/tree/packages.txt"
: > "$folder/log"
cd "$folder"

# The first installation takes until the test says so; two apt-get at once are an error.
cat > tools/apt-get << 'SH'
#!/bin/bash
cd "$FOLDER"
mkdir running 2> /dev/null || echo "two at once" >> log
echo "$1" "${@:2}" >> log
case $1 in
  install)
    mkdir first 2> /dev/null && { mkfifo held; : > holding; read -r _ < held; }
    for word in "${@:2}"; do case $word in [a-z]*) touch "installed/$word" ;; esac; done
    ;;
  download)
    cd "$OLDPWD"
    touch "${*: -1}_1_all.deb"
    ;;
esac
rmdir "$FOLDER/running"
SH
cat > tools/dpkg-query << 'SH'
#!/bin/bash
[ ! -e "$FOLDER/installed/${*: -1}" ] || echo -n installed
SH
cat > tools/dpkg-deb << 'SH'
#!/bin/bash
mkdir -p "$3/usr/sbin"
touch "$3/usr/sbin/server"
SH
chmod +x tools/*
export FOLDER=$folder PATH=$folder/tools:$PATH

policy=$(stat -c %i /usr/sbin/policy-rc.d 2> /dev/null || true)
until_there() { while [ ! -e "$1" ]; do sleep 0.01; done; }

# Two at once, the first one killed while its apt-get works: the second waits for that apt-get.
tree/scripts/need one > first.out 2>&1 &
first=$!
until_there holding
tree/scripts/need one two > second.out 2>&1 &
second=$!
until pgrep -P $second -x flock > /dev/null || grep -q "two at once" log; do sleep 0.01; done
kill -KILL $first
wait $first 2> /dev/null || true
echo go > held
wait $second || fail "the second one ended with status $?: $(cat second.out)"
! grep -q "two at once" log || fail "two apt-get ran at once"
for package in alpha beta; do
  [ "$(grep -c "^install .*\<$package\>" log)" = 1 ] || fail "$package was not installed once"
done
! grep -q "^install .*server" log || fail "a package with a server was installed"
[ -e tree/build/unpacked/usr/sbin/server ] || fail "a package with a server was not unpacked"

# All is there: nothing is done, nothing said.
: > log
[ -z "$(tree/scripts/need one two 2>&1)" ] && [ ! -s log ] || fail "what is there was fetched again"
[ "$(stat -c %i /usr/sbin/policy-rc.d 2> /dev/null || true)" = "$policy" ] || fail "policy-rc.d was touched"

# Nothing that is installed starts by itself: no unit, no init script comes with a package (but with what every Debian
# has).
if dpkg --version > /dev/null 2>&1; then
  PATH=${PATH#*:}
  while read -r package; do
    dpkg-query -W -f '${db:Status-Status} ${Priority}\n' "$package" 2> /dev/null |
      grep -q '^installed [^ri]' || continue
    ! dpkg -L "$package" | grep -E '^/etc/init.d/.|systemd/system/.*\.(service|socket|timer|path)$' ||
      fail "$package brings a daemon: list it as $package/unpacked"
  done < <(sed 's/#.*//; s/^[a-z]*//' "$source/packages.txt" | tr -s ' ' '\n' | sed '/\/unpacked/d; /^$/d' | sort -u)
fi
echo "scripts/need: one at a time, once each, no daemon"
