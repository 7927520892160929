#!/bin/bash
# What clients get from dhcpd, dnsmasq, Kea and tftpd with the configuration of ka-server pxe-config, in two network
# namespaces with a cable between them. As root.
#   served.sh KA_SERVER TEMPLATES
set -euo pipefail
ka_server=$1 templates=$2
offered=$(realpath "$(dirname "$0")/offered.py")
PATH=$PATH:/usr/sbin:$(realpath "$(dirname "$0")/../../build")/unpacked/usr/sbin  # scripts/need puts servers there
server=ka-pxe-s$$ client=ka-pxe-c$$
folder=$(mktemp -d)
chmod 755 "$folder"
running=
stop() {
  [ -n "$running" ] || return 0
  kill "$running" 2> /dev/null || true
  wait "$running" 2> /dev/null || true
  running=
}
clean() {
  stop
  ip netns del $server 2> /dev/null || true
  ip netns del $client 2> /dev/null || true
  rm -rf "$folder"
}
trap clean EXIT
fail() { echo "FAILED: $*" >&2; tail -n 20 "$folder"/*.log >&2; exit 1; }

ip netns add $server
ip netns add $client
ip -n $server link add lan0 type veth peer name eth0 netns $client
ip -n $server addr add 10.88.0.1/24 dev lan0
ip -n $server link set lan0 up
ip -n $server link set lo up
ip -n $client link set eth0 up

# The address, the subnet and the half for nodes come from the interface.
mkdir "$folder/root"
ip netns exec $server "$ka_server" pxe-config --templates "$templates" --output "$folder/out" --interface lan0 \
  --dns 10.88.0.2 --domain cluster.test --http 8080 \
  --tftp-root "$folder/out/tftpboot" > /dev/null
cd "$folder"

serve() {  # PROGRAM ARGUMENT…, in the background
  ip netns exec $server "$@" > "$folder/${1##*/}.log" 2>&1 &
  running=$!
}

printf '#!/bin/sh\n[ "$1" != bound ] || env > "%s/lease"\n' "$folder" > script
chmod +x script
ask() {  # UDHCPC-ARGUMENT…: a lease, into $folder/lease
  rm -f lease
  ip netns exec $client busybox udhcpc -f -i eth0 -O bootfile -O 60 -n -q -t 20 -T 1 -s "$folder/script" "$@" \
    > udhcpc.log 2>&1 ||
    fail "no lease ($*)"
}
expect() { grep -qx "$1" lease || { cat lease >&2; fail "the lease lacks: $1"; }; }
expect_no() { ! grep "^$1=" lease || fail "the lease must not have $1"; }

# gets FILE: in the header of the answer, or in its option 67; nothing: in neither.
gets() {
  if [ -n "$1" ]; then
    grep -qxE "(boot_file|bootfile)=$1" lease || { cat lease >&2; fail "not told to load $1"; }
  else
    expect_no boot_file
    expect_no bootfile
  fi
}

# What each kind of firmware gets: option 60, option 93, the file. What nothing here can start gets none, nor does a
# kind that is not known; what does not say what it is, is a BIOS.
kinds() {
  ask
  for line in subnet=255.255.255.0 dns=10.88.0.2 domain=cluster.test; do expect "$line"; done
  gets ""
  expect_no router
  ask -V PXEClient
  gets /X86PC/linux/linux.0
  expect siaddr=10.88.0.1
  while read -r vendor code file; do
    ask -V "$vendor:Arch:000$((16#$code)):UNDI:003000" -x "93:$code"
    gets "$file"
  done << 'END'
PXEClient 0000 /X86PC/linux/linux.0
PXEClient 0006
PXEClient 0007 /shimx64.efi
PXEClient 0009 /shimx64.efi
PXEClient 000b
PXEClient 0029
HTTPClient 000f
HTTPClient 0010 http://10.88.0.1:8080/uefi.img
END
  expect vendor=HTTPClient
}

: > leases
serve dhcpd -4 -f -d -cf "$folder/out/dhcpd.conf" -lf "$folder/leases" -pf "$folder/pid" lan0
kinds
ask
expect siaddr=10.88.0.1
address=$(sed -n 's/^ip=//p' lease)
expect "hostname=node${address##*.}"
[ "${address##*.}" -ge 128 ] || fail "$address is not in the half of the subnet without the server"
stop
grep -q 'KA has no boot file for a machine of this kind (uefi-arm-64): ' dhcpd.log || fail "dhcpd's log says nothing"

mkdir kea
# Its leases are Debian's /var/lib/kea's elsewhere.
sed "s|\"type\": \"memfile\"|&, \"name\": \"$folder/kea/leases\"|" out/kea-dhcp4.conf > kea/kea-dhcp4.conf
serve env KEA_PIDFILE_DIR="$folder/kea" KEA_LOCKFILE_DIR="$folder/kea" kea-dhcp4 -c "$folder/kea/kea-dhcp4.conf"
kinds
stop

serve dnsmasq -k --user=root -C "$folder/out/dnsmasq.conf" --log-facility=- --dhcp-leasefile="$folder/leases.dnsmasq" \
  --pid-file="$folder/pid.dnsmasq"
kinds

# Beside somebody else's DHCP server: HTTP boot has to be told the file in the first answer, it asks nobody for more.
stop
ip -n $client addr add 10.88.0.201/24 dev eth0
serve dnsmasq -k --user=root -C "$folder/out/dnsmasq-proxy.conf" --log-facility=- \
  --dhcp-leasefile="$folder/leases.proxy" --pid-file="$folder/pid.proxy"
offered() {  # VENDOR-CLASS ARCHITECTURE FILE
  for _ in $(seq 20); do
    got=$(ip netns exec $client "$offered" eth0 "$1" "$2") && break
  done
  [ "$got" = "$3" ] || fail "a proxyDHCP server offers '$got' to $1"
}
offered HTTPClient:Arch:00016:UNDI:003000 16 http://10.88.0.1:8080/uefi.img
offered PXEClient:Arch:00000:UNDI:002001 0 ""
stop
ip -n $client addr del 10.88.0.201/24 dev eth0
serve dnsmasq -k --user=root -C "$folder/out/dnsmasq.conf" --log-facility=- --dhcp-leasefile="$folder/leases.dnsmasq" \
  --pid-file="$folder/pid.dnsmasq"

# The same file names below the root of either TFTP server.
ip -n $client addr add 10.88.0.200/24 dev eth0
fetch() {
  for _ in $(seq 50); do
    ip netns exec $client busybox tftp -g -r "$1" -l "$folder/got" 10.88.0.1 > tftp.log 2>&1 && break
  done
  cmp got "out/tftpboot/$1" || fail "$1 by TFTP"
}
fetch X86PC/linux/pxelinux.cfg/default
fetch /X86PC/linux/help.txt
fetch grub/grub.cfg
stop
serve in.tftpd --listen --foreground --ipv4 --address 10.88.0.1:69 --secure "$folder/out/tftpboot"
fetch /X86PC/linux/pxelinux.cfg/default
echo "dhcpd, dnsmasq, Kea and tftpd give each kind of firmware and a plain client what it needs"
