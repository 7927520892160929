#!/bin/bash
# What clients get from dhcpd, dnsmasq and tftpd with the configuration of ka-server pxe-config, in two network
# namespaces with a cable between them. As root.
#   served.sh KA_SERVER TEMPLATES
set -euo pipefail
ka_server=$1 templates=$2
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
  --dns 10.88.0.2 --domain cluster.test --efi-loader /X86PC/linux/bootx64.efi \
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
  ip netns exec $client busybox udhcpc -f -i eth0 -n -q -t 20 -T 1 -s "$folder/script" "$@" > udhcpc.log 2>&1 ||
    fail "no lease ($*)"
}
expect() { grep -qx "$1" lease || { cat lease >&2; fail "the lease lacks: $1"; }; }
expect_no() { ! grep "^$1=" lease || fail "the lease must not have $1"; }

bios=(-V PXEClient:Arch:00000 -x 93:0000)
uefi=(-V PXEClient:Arch:00007 -x 93:0007)

: > leases
serve dhcpd -4 -f -d -cf "$folder/out/dhcpd.conf" -lf "$folder/leases" -pf "$folder/pid" lan0
ask
for line in subnet=255.255.255.0 dns=10.88.0.2 domain=cluster.test siaddr=10.88.0.1; do expect "$line"; done
address=$(sed -n 's/^ip=//p' lease)
expect "hostname=node${address##*.}"
[ "${address##*.}" -ge 128 ] || fail "$address is not in the half of the subnet without the server"
expect_no router
expect_no boot_file
ask "${bios[@]}"
expect boot_file=/X86PC/linux/linux.0
expect siaddr=10.88.0.1
ask "${uefi[@]}"
expect boot_file=/X86PC/linux/bootx64.efi
stop

serve dnsmasq -k --user=root -C "$folder/out/dnsmasq.conf" --log-facility=- --dhcp-leasefile="$folder/leases.dnsmasq" \
  --pid-file="$folder/pid.dnsmasq"
ask "${bios[@]}"
for line in boot_file=/X86PC/linux/linux.0 siaddr=10.88.0.1 dns=10.88.0.2 domain=cluster.test; do expect "$line"; done
expect_no router
ask "${uefi[@]}"
expect boot_file=/X86PC/linux/bootx64.efi

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
stop
serve in.tftpd --listen --foreground --ipv4 --address 10.88.0.1:69 --secure "$folder/out/tftpboot"
fetch /X86PC/linux/pxelinux.cfg/default
echo "dhcpd, dnsmasq and tftpd give a BIOS, a UEFI and a plain client what each needs"
