#!/bin/sh
# What one writes by hand when one machine has to be cloned today: the /init of an initramfs of busybox.
# bench/clone runs it beside ka-init, for the same golden machine on the same disk, to know what KA costs or saves.
# There are no checks in it: a wrong byte, a disk too small, a command that fails go unseen.
# shellcheck disable=SC2034,SC2038,SC2154
mount -t devtmpfs dev /dev; mount -t proc proc /proc; mount -t sysfs sys /sys
modprobe -a virtio_net virtio_blk ext4 crc32c_generic squashfs loop
for pass in 1 2; do
  find /sys -name modalias | xargs cat | sort -u | xargs modprobe -q -a -b 2>/dev/null
  modprobe -q sd_mod
done
cat > /udhcpc <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/$mask brd + dev $interface
END
chmod +x /udhcpc
ip link set lo up; ip link set eth0 up
udhcpc -q -i eth0 -s /udhcpc
for word in $(cat /proc/cmdline); do case $word in golden=*) golden=${word#golden=};; esac; done
echo "script: network up"
mkdir -p /stage2 /tmp
mount -t tmpfs tmp /tmp
wget -q -O /tmp/rescue.sqfs http://$golden/rescue.sqfs
mount -t squashfs -o loop /tmp/rescue.sqfs /stage2
for name in dev proc sys; do mount --bind /$name /stage2/$name; done
mount -t tmpfs tmp /stage2/tmp
mount -t tmpfs tmp /stage2/run
echo "script: stage2 mounted"
for name in vda sda; do [ -b /dev/$name ] && disk=$name; done
wget -q -O /stage2/tmp/facts http://$golden/cgi-bin/facts
. /stage2/tmp/facts
wget -q -O - http://$golden/cgi-bin/table | chroot /stage2 /usr/sbin/sfdisk -q /dev/$disk
chroot /stage2 /usr/sbin/mke2fs -q -F -t ext4 -U $root_uuid /dev/${disk}1
chroot /stage2 /usr/sbin/mkswap -U $swap_uuid /dev/${disk}2
mount -t ext4 /dev/${disk}1 /stage2/mnt/disk
wget -q -O - http://$golden/cgi-bin/system |
  chroot /stage2 /usr/bin/tar -x -C /mnt/disk --numeric-owner --xattrs --sparse
echo "script: untarred"
chroot /stage2 /usr/sbin/grub-install --target=i386-pc --boot-directory=/mnt/disk/boot /dev/$disk
umount /stage2/mnt/disk
sync
echo "script: done"
reboot -f
