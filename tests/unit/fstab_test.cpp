#include "agent/fstab.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ka::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

wire::FileSystem file_system(int partition, const std::string& mount_point, const std::string& uuid,
                             const std::string& type = "ext4") {
  wire::FileSystem f;
  f.disk = "sda";
  f.partition = partition;
  f.mount_point = mount_point;
  f.uuid = uuid;
  f.type = type;
  return f;
}

const std::vector<wire::FileSystem> golden = {file_system(1, "/", "1111-root"), file_system(6, "/var", "6666-var"),
                                              file_system(7, "/srv/my data", "7777-data"),
                                              file_system(5, "", "5555-swap", "swap")};

TEST(FstabTest, DeviceNamesBecomeUuidsAndNothingElseChanges) {
  auto result = rewrite_fstab(
      "# /etc/fstab\n"
      "/dev/sda1\t/  ext4 errors=remount-ro 0  1\n"
      "  /dev/sda5 none swap sw 0 0\n"
      "\n"
      "#/dev/sda6 /old ext3 defaults 0 0\n"
      "UUID=6666-var /var ext4 defaults 0 2\n"
      "proc /proc proc defaults 0 0",
      golden);
  EXPECT_EQ(result.text,
            "# /etc/fstab\n"
            "UUID=1111-root\t/  ext4 errors=remount-ro 0  1\n"
            "  UUID=5555-swap none swap sw 0 0\n"
            "\n"
            "#/dev/sda6 /old ext3 defaults 0 0\n"
            "UUID=6666-var /var ext4 defaults 0 2\n"
            "proc /proc proc defaults 0 0");
  EXPECT_THAT(result.changes, ElementsAre("/dev/sda1 is now UUID=1111-root", "/dev/sda5 is now UUID=5555-swap"));
  EXPECT_THAT(result.warnings, IsEmpty());
}

TEST(FstabTest, NamesOfTheGoldenHardwareAreFoundByWhatTheyAreMountedAs) {
  auto result = rewrite_fstab(
      "/dev/disk/by-id/ata-QEMU_QM00001-part1 / ext4 defaults 0 1\n"
      "/dev/disk/by-path/pci-0000:00:1f.2-ata-1-part7 /srv/my\\040data ext4 defaults 0 2\n"
      "/dev/disk/by-id/ata-QEMU_QM00001-part5 none swap sw 0 0\n",
      golden);
  EXPECT_EQ(result.text,
            "UUID=1111-root / ext4 defaults 0 1\n"
            "UUID=7777-data /srv/my\\040data ext4 defaults 0 2\n"
            "UUID=5555-swap none swap sw 0 0\n");
}

TEST(FstabTest, WhatIsNotClonedIsKeptAndWarnedOfIfBootWaitsForIt) {
  const char* text =
      "/dev/sdb1 /data ext4 defaults 0 2\n"
      "UUID=9999 /other ext4 defaults 0 2\n"
      "/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0\n"
      "/dev/sdc1 /backup ext4 nofail 0 2\n"
      "LABEL=x /x ext4 defaults 0 0\n"
      "UUID=\"1111-root\" / ext4 defaults 0 1\n"
      "server:/home /home nfs defaults 0 0\n";
  auto result = rewrite_fstab(text, golden);
  EXPECT_EQ(result.text, text);
  EXPECT_THAT(result.warnings,
              ElementsAre(HasSubstr("/dev/sdb1 (/data) is not cloned"), HasSubstr("UUID=9999 (/other)")));
}

TEST(FstabTest, AFileSystemWithoutUuidKeepsItsName) {
  std::vector<wire::FileSystem> old = {file_system(1, "/", "")};
  EXPECT_EQ(rewrite_fstab("/dev/sda1 / ext2 defaults 0 1\n", old).text, "/dev/sda1 / ext2 defaults 0 1\n");
}

TEST(FstabTest, AnEmptyFileStaysEmpty) { EXPECT_EQ(rewrite_fstab("", golden).text, ""); }

TEST(FstabTest, GrubBootsFromTheUuid) {
  auto result = rewrite_grub_cfg(
      "\tset root='hd0,msdos1'\n"
      "\tlinux /boot/vmlinuz root=/dev/sda1 ro quiet resume=/dev/sda5\n"
      "\tlinux /boot/vmlinuz root=/dev/sda10 ro\n"
      "\tlinux /boot/vmlinuz root=/dev/sda1\n"
      "set kernelopts=\"root=/dev/sda1\"\n"
      "\tlinux /boot/vmlinuz zfsroot=/dev/sda1 root=UUID=1111-root",
      golden);
  EXPECT_EQ(result.text,
            "\tset root='hd0,msdos1'\n"
            "\tlinux /boot/vmlinuz root=UUID=1111-root ro quiet resume=UUID=5555-swap\n"
            "\tlinux /boot/vmlinuz root=/dev/sda10 ro\n"
            "\tlinux /boot/vmlinuz root=UUID=1111-root\n"
            "set kernelopts=\"root=UUID=1111-root\"\n"
            "\tlinux /boot/vmlinuz zfsroot=/dev/sda1 root=UUID=1111-root");
  EXPECT_THAT(result.changes, ElementsAre("/dev/sda1 is now UUID=1111-root", "/dev/sda5 is now UUID=5555-swap"));
}

}  // namespace
}  // namespace ka::agent
