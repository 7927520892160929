#!/bin/bash
# What `ka-server probe` says of networks with dhcpd, dnsmasq, Kea and tftpd that are right, and of each that is wrong.
# Every network is a bridge with the servers, a machine that asks, and another server; all are asked at the same time.
# As root.
#   probed.sh KA_SERVER TEMPLATES
set -euo pipefail
ka_server=$(realpath "$1") templates=$(realpath "$2")
unpacked=$(realpath "$(dirname "$0")/../../build")/unpacked
PATH=$PATH:/usr/sbin:$unpacked/usr/sbin  # scripts/need puts servers there
top=$(mktemp -d)
chmod 755 "$top"
fail() { echo "FAILED ($network): $*" >&2; exit 1; }

# lan: the three namespaces. S has br0 with 10.88.0.1, C asks from eth0, O is another server.
lan() {
  S=ka-ps-$network-$$ C=ka-pc-$network-$$ O=ka-po-$network-$$
  for name in "$S" "$C" "$O"; do
    ip netns add "$name"
    ip -n "$name" link set lo up
  done
  ip -n "$S" link add br0 type bridge mcast_snooping 0 "$@"
  ip -n "$S" addr add 10.88.0.1/24 dev br0
  ip -n "$S" link set br0 up
  for name in "$C" "$O"; do
    ip -n "$S" link add "to-${name:3:2}" type veth peer name eth0 netns "$name"
    ip -n "$S" link set "to-${name:3:2}" master br0 up
    ip -n "$name" link set eth0 up
  done
  ip -n "$C" addr add 10.88.0.200/24 dev eth0
  ip -n "$O" addr add 10.88.0.2/24 dev eth0
}

# Everything that KA's boot servers have, with files that are as good as real ones.
configure() {
  mkdir -p "$top/images"
  cd "$folder"
  ip netns exec "$S" "$ka_server" pxe-config --templates "$templates" --output "$folder/out" --interface br0 \
    --range 10.88.0.100,10.88.0.150 --gateway none --dns none --domain none --default "${default:-kamethod}" \
    --tftp-root "$folder/out/tftpboot" --install-boot-files --boot-files "$top/images" --packages "$unpacked" \
    "$@" > "$folder/pxe-config.log"
  printf 'subnet 10.88.0.0 netmask 255.255.255.0 { range 10.88.0.100 10.88.0.150; }\n' > plain.conf
}

# on NAMESPACE PROGRAM ARGUMENT…: in the background, until this network is over.
on() {
  local namespace=$1
  shift
  ip netns exec "$namespace" "$@" > "$folder/${1##*/}-$namespace.log" 2>&1 &
  servers+=("$!")
}
# Until a UDP port (hexadecimal) or a TCP one is open there.
ready() {
  until ip netns exec "$1" grep -qE "^ *[0-9]+: [0-9A-F]+:$2 " /proc/net/udp /proc/net/tcp; do sleep 0.1; done
}

run_dhcpd() {  # NAMESPACE INTERFACE CONFIGURATION
  : > "$folder/leases-$1"
  on "$1" dhcpd -4 -f -d -cf "$3" -lf "$folder/leases-$1" -pf "$folder/pid-$1" "$2"
  ready "$1" 0043
}
run_dnsmasq() {  # NAMESPACE CONFIGURATION ARGUMENT…
  local namespace=$1 configuration=$2
  shift 2
  on "$namespace" dnsmasq -k --user=root -C "$configuration" --log-facility=- --pid-file= \
    --dhcp-leasefile="$folder/leases-$namespace" "$@"
  ready "$namespace" 0043
}
run_tftpd() {
  on "$S" in.tftpd --listen --foreground --ipv4 --address 10.88.0.1:69 --secure "$folder/out/tftpboot"
  ready "$S" 0045
}
run_httpd() {
  on "$S" busybox httpd -f -p 10.88.0.1:8080 -h "$folder/out/tftpboot"
  ready "$S" 1F90
}

# probe STATUS ARGUMENT…: what it says goes to $folder/said.
probe() {
  local expected=$1 status=0
  shift
  ip netns exec "$C" "$ka_server" probe "$@" > "$folder/said" 2>&1 || status=$?
  [ "$status" = "$expected" ] || fail "ended with $status, not $expected"
}
says() { grep -qF -- "$1" "$folder/said" || fail "it does not say: $1"; }
says_nothing_wrong() { ! grep '^!' "$folder/said" || fail "something is wrong"; }

by=10.88.0.1
says_all_is_right() {
  says_nothing_wrong
  says "BIOS: an address by $by; /X86PC/linux/linux.0 by $by; label kamethod, a node of KA"
  says "UEFI: an address by $by; /shimx64.efi by $by; label kamethod, a node of KA"
  says "early UEFI: an address by $by; /shimx64.efi by $by; label kamethod, a node of KA"
  says 'becomes a node of KA.'
}

network_dnsmasq() {
  lan; configure --http 8080; run_httpd; run_dnsmasq "$S" out/dnsmasq.conf
  probe 0 eth0
  says_all_is_right
  says "UEFI HTTP boot: an address by $by; http://10.88.0.1:8080/uefi.img by $by; an image of "
}
network_isc() { lan; configure; run_tftpd; run_dhcpd "$S" br0 out/dhcpd.conf; probe 0; says_all_is_right; }
network_kea() {
  lan; configure; run_tftpd
  sed "s|\"type\": \"memfile\"|&, \"name\": \"$folder/kea-leases\"|" out/kea-dhcp4.conf > kea.conf
  on "$S" env KEA_PIDFILE_DIR="$folder" KEA_LOCKFILE_DIR="$folder" kea-dhcp4 -c "$folder/kea.conf"
  probe 0 eth0
  says_all_is_right
}
network_proxy() {  # the DHCP server knows nothing of it; the boot server is asked at port 4011
  lan; configure --http 8080; run_httpd; run_dhcpd "$O" eth0 plain.conf; run_dnsmasq "$S" out/dnsmasq-proxy.conf
  probe 0 eth0
  says_nothing_wrong
  says "BIOS: an address by 10.88.0.2; /X86PC/linux/linux.0 by $by; label kamethod, a node of KA"
  says 'UEFI: an address by 10.88.0.2; no boot file'
  says "UEFI HTTP boot: an address by 10.88.0.2; http://10.88.0.1:8080/uefi.img by $by; an image of "
}
network_none() {
  lan
  probe 1 eth0
  says '! No DHCP server gives an address'
  says '! Nobody names a boot file'
  says 'does not become a node of KA as it is.'
}
network_plain() {
  lan; configure; run_dhcpd "$O" eth0 plain.conf
  probe 1 eth0
  says 'BIOS: an address by 10.88.0.2; no boot file'
  says '! Nobody names a boot file: no boot server answers'
}
network_two() {
  lan; configure; run_dnsmasq "$S" out/dnsmasq.conf; run_dhcpd "$O" eth0 plain.conf
  probe 1 eth0
  says '! Several DHCP servers give addresses: 10.88.0.1, 10.88.0.2'
}
network_two-boot() {
  lan; configure; run_dnsmasq "$S" out/dnsmasq.conf
  printf 'port=0\ninterface=eth0\nbind-interfaces\ndhcp-range=10.88.0.0,proxy\ndhcp-boot=other.0\n' > other.conf
  printf 'pxe-service=0,"Other",other.0,10.88.0.2\n' >> other.conf
  run_dnsmasq "$O" "$folder/other.conf"
  probe 1 eth0
  says '! Two boot servers for BIOS: 10.88.0.'
  says 'other.0'
}
network_wrong-loader() {
  lan; configure
  { grep -v '^dhcp-boot' out/dnsmasq.conf
    echo 'dhcp-boot=tag:bios,/shimx64.efi'
    echo 'dhcp-boot=tag:uefi-x86-64,/X86PC/linux/linux.0'; } > wrong.conf
  run_dnsmasq "$S" "$folder/wrong.conf"
  probe 1 eth0
  says "! BIOS is told to load /shimx64.efi, by $by, which is a loader for UEFI on x86-64"
  says "! UEFI is told to load /X86PC/linux/linux.0, by $by, which is pxelinux, a loader for BIOS"
}
network_no-file() {
  lan; configure; run_dnsmasq "$S" out/dnsmasq.conf
  rm out/tftpboot/X86PC/linux/images/all.rdz out/tftpboot/grubx64.efi
  probe 1 eth0
  says '! /X86PC/linux/images/all.rdz by TFTP from 10.88.0.1 is not there: '
  says '! /grubx64.efi by TFTP from 10.88.0.1 is not there: '
}
network_no-tftp() {
  lan; configure; run_dhcpd "$S" br0 out/dhcpd.conf
  probe 1 eth0
  says '! /X86PC/linux/linux.0 by TFTP from 10.88.0.1 does not come: no answer'
}
network_no-http() {
  lan; configure --http 8080; run_dnsmasq "$S" out/dnsmasq.conf
  probe 1 eth0
  says '! http://10.88.0.1:8080/uefi.img does not come: Connection refused'
  says '! http://10.88.0.1:8080/X86PC/linux/images/vmlinuz does not come: Connection refused'
}
network_local() {
  lan; default=local configure; run_dnsmasq "$S" out/dnsmasq.conf
  probe 1 eth0
  says '! BIOS ends at the label local, which makes no node: ka-server pxe-default kamethod'
}
network_mtu() {
  lan; configure; run_dnsmasq "$S" out/dnsmasq.conf
  ip -n "$C" link set eth0 mtu 1000
  probe 1 eth0
  says '! Packets of 1500 bytes from 10.88.0.1 do not arrive, those of 544 do: something between has a smaller MTU'
  says 'label kamethod, a node of KA'
}
network_tree() {
  lan stp_state 1 forward_delay 200; configure; run_dnsmasq "$S" out/dnsmasq.conf
  until ip -n "$S" -d link show to-pc | grep -q 'state forwarding'; do sleep 0.1; done
  probe 0 eth0
  says '- The switch speaks the spanning tree protocol: unless the ports of the machines are edge ports'
  says 'holds back their first 4 s'
}
network_own-file() {
  lan; configure; run_dnsmasq "$S" out/dnsmasq.conf --dhcp-host=52:54:00:77:00:09,ignore
  sed 's/^DEFAULT .*/DEFAULT local/' out/tftpboot/X86PC/linux/pxelinux.cfg/default \
    > out/tftpboot/X86PC/linux/pxelinux.cfg/01-52-54-00-77-00-01
  probe 1 eth0 --as 52:54:00:77:00:01
  says '! BIOS ends at the label local'
  probe 1 eth0 --as 52:54:00:77:00:09
  says '! No DHCP server gives an address'
}
network_cannot-ask() {
  lan
  probe 2 nosuch
  says 'nosuch has no IPv4 address; give it one'
  ip -n "$C" addr flush dev eth0
  probe 2
  says 'this machine has no network with an IPv4 address'
  probe 2 eth0 --as 52:54:00
  says 'a hardware address is needed'
}

one() {
  network=$1 servers=() S='' C='' O=''
  folder=$top/$network
  mkdir "$folder"
  # shellcheck disable=SC2317
  over() {
    status=$?
    for server in "${servers[@]}"; do kill "$server" 2> /dev/null || true; done
    wait
    for name in $S $C $O; do ip netns del "$name" 2> /dev/null || true; done
    [ "$status" = 0 ] || tail -n 30 "$folder"/said "$folder"/*.log >&2 || true
    exit "$status"
  }
  trap over EXIT
  "network_$network"
}

mkdir "$top/images"
head -c 100000 /dev/urandom > "$top/images/vmlinuz"
head -c 200000 /dev/urandom > "$top/images/all.rdz"
declare -A asked
for function in $(compgen -A function network_ | sed 's/^network_//'); do
  (one "$function") > "$top/$function.txt" 2>&1 &
  asked[$!]=$function
done
failed=0
for process in "${!asked[@]}"; do
  wait "$process" || { failed=1; cat "$top/${asked[$process]}.txt" >&2; }
done
rm -rf "$top"
[ "$failed" = 0 ] && echo "ka-server probe: ${#asked[@]} networks are judged as they are"
