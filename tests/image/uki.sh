#!/bin/bash
# mkuki: what is in the image, that it comes out the same when it is made again, and what is refused.
#   uki.sh SOURCE BUILD     BUILD holds unpacked/
set -euo pipefail
source=$(realpath "$1") build=$(realpath "$2")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fail() { echo "FAILED: $*" >&2; exit 1; }

key() {  # NAME OPENSSL-WORDS…
  openssl req -new -x509 -noenc -subj "/CN=$1" -keyout "$1.key" -out "$1.crt" "${@:2}" 2> /dev/null
}
key ours -newkey rsa:2048
key other -newkey rsa:2048
key short -newkey rsa:1024
key curve -newkey ec -pkeyopt ec_paramgen_curve:P-256
# As large as real ones, so that sections at fixed addresses would lie in each other.
{ printf MZ; head -c 8000000 /dev/zero; } > kernel
head -c 12345678 /dev/zero | tr '\0' i > initrd
stub=$build/unpacked/usr/lib/systemd/boot/efi/linuxx64.efi.stub
one=$(printf '%043d' 0 | tr 0 A) two=$(printf '%042d' 0 | tr 0 _)8

mkuki() { "$source/initramfs/mkuki" --kernel kernel --initrd initrd --stub "$stub" "$@"; }
signed() { mkuki --key ours.key --cert ours.crt "$@"; }

# The parts are in it, byte for byte, none in another; the words are those of the label kamethod.
signed --kakey "$one,$two" --append ' kaserver=10.0.1.1   console=ttyS0 ' --output ka.efi > said
sbverify --cert ours.crt ka.efi > /dev/null 2>&1 || fail "the image is not signed with the key"
! sbverify --cert other.crt ka.efi > /dev/null 2>&1 || fail "another certificate verifies it, too"
for part in cmdline initrd linux; do objcopy -O binary --only-section ".$part" ka.efi "is-$part"; done
cmp kernel is-linux && cmp initrd is-initrd || fail "the parts are not what they were made of"
words="ramdisk_size=64000 automatic=method:ka,network:dhcp root=/dev/ram3 rw rescue kamethod quiet kahostprefix=node"
words+=" kakey=$one,$two kaserver=10.0.1.1 console=ttyS0"
[ "$(cat is-cmdline)" = "$words" ] || fail "the command line is: $(cat is-cmdline)"
grep -qF "$words" said || fail "it does not say what the command line is: $(cat said)"
[ "$(stat -c %a ka.efi)" = "$(stat -c %a said)" ] || fail "not everybody may read the image: $(stat -c %A ka.efi)"

# The same again, but for the signature, which has the time in it.
touch -d yesterday kernel initrd
signed --kakey "$one,$two" --append ' kaserver=10.0.1.1   console=ttyS0 ' --output again.efi > /dev/null
sbattach --remove ka.efi > /dev/null 2>&1
sbattach --remove again.efi > /dev/null 2>&1
cmp ka.efi again.efi || fail "the same parts give another image"

# refused WORDS COMMAND…: with these words, and nothing is left behind.
refused() {
  local words=$1
  shift
  ! "$@" --output refused.efi > said 2>&1 || fail "accepted: $*"
  grep -qF -e "$words" said || fail "no word of \"$words\" in: $(cat said)"
  [ -z "$(compgen -G 'refused*')" ] || fail "left behind: $(compgen -G 'refused*')"
}
refused '--key (KEY=) is missing' mkuki --cert ours.crt
refused '--cert (CERT=) is missing' mkuki --key ours.key
refused 'no file none.key' mkuki --key none.key --cert ours.crt
refused 'ours.crt is not a private key' mkuki --key ours.crt --cert ours.crt
refused 'kernel is not a certificate' mkuki --key ours.key --cert kernel
refused 'other.crt does not belong to the key ours.key' mkuki --key ours.key --cert other.crt
refused 'short.key has 1024 bits' mkuki --key short.key --cert short.crt
refused 'curve.key is no RSA key' mkuki --key curve.key --cert curve.crt
for wrong in x "${one}A" "${one%A}" "${one%A}B" "${one%A}+" "$one," ",$one" "$one,$two,$one" "$one $two"; do
  refused "one public key of 43 letters of base64url, or two with a comma, got: $wrong" signed --kakey "$wrong"
done
for wrong in 'a"b' "a'b" 'a\b' $'a\nb' 'ä'; do
  refused '--append (APPEND=): expected words' signed --append "$wrong"
done
refused 'give kakey= by --kakey' signed --append "quiet kakey=$one"
refused 'the kernel takes 2047' signed --append "$(printf '%02000d' 0)"
refused 'no systemd-stub /none' signed --stub /none
refused 'kernel is not systemd-stub' signed --stub kernel
refused 'has a kernel in it already' signed --stub again.efi
refused 'initrd is no program for UEFI' signed --kernel initrd
refused 'no file /none; make initramfs makes it' signed --initrd /none
refused 'has no label kamethod' signed --labels kernel
refused 'unknown option --keys' signed --keys x
"$source/initramfs/mkuki" --help | grep -q -- '--kakey K' || fail "--help does not help"

# A stub whose sections lie where none is expected has its own room.
objcopy --change-section-vma .sdmagic=0x3000000 "$stub" far.stub
signed --stub far.stub --output far.efi > /dev/null
objdump -h far.efi | awk '$2 == ".linux" { found = strtonum("0x" $4) > 0x3000000 } END { exit !found }' ||
  fail "the kernel lies before the end of the stub"
echo "mkuki: whole, the same again, and refuses what no machine would start"
