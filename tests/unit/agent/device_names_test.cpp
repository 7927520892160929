#include "agent/bootable/device_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/machine/linux_machine.h"
#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

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

// sda: 1 /, 5 swap, 6 /var, 7 /srv/my data, 8 without a file system.
wire::Manifest manifest() {
  wire::Manifest m;
  wire::Disk sda;
  sda.name = "sda";
  sda.identifier = 0x59be1427;
  for (int number : {1, 5, 6, 7, 8}) {
    wire::Partition p;
    p.number = number;
    sda.partitions.push_back(p);
  }
  sda.links = {{0, "/dev/disk/by-id/ata-VENDOR_SN0001"},
               {1, "/dev/disk/by-id/ata-VENDOR_SN0001-part1"},
               {5, "/dev/disk/by-id/ata-VENDOR_SN0001-part5"},
               {1, "/dev/disk/by-path/pci-0000:00:1f.2-ata-1-part1"}};
  m.disks = {sda};
  m.file_systems = {file_system(1, "/", "1111-root"), file_system(6, "/var", "6666-var"),
                    file_system(7, "/srv/my data", "7777-data"), file_system(5, "", "5555-swap", "swap")};
  m.file_systems[2].label = "data";
  return m;
}

const wire::Manifest golden = manifest();

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
  EXPECT_THAT(result.changes,
              ElementsAre("line 2: /dev/sda1 is now UUID=1111-root", "line 3: /dev/sda5 is now UUID=5555-swap"));
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
  EXPECT_THAT(result.warnings, ElementsAre(HasSubstr("line 1: /dev/sdb1 (/data) is not cloned"),
                                           HasSubstr("UUID=9999 (/other)"), HasSubstr("LABEL=x (/x)")));
}

TEST(FstabTest, AFileSystemWithoutUuidIsFoundByItsPartition) {
  wire::Manifest old = manifest();
  old.file_systems = {file_system(1, "/", "")};
  EXPECT_EQ(rewrite_fstab("/dev/sda1 / ext2 defaults 0 1\n", old).text, "PARTUUID=59be1427-01 / ext2 defaults 0 1\n");
  old.disks[0].identifier = 0;
  EXPECT_EQ(rewrite_fstab("/dev/sda1 / ext2 defaults 0 1\n", old).text, "/dev/sda1 / ext2 defaults 0 1\n");
}

TEST(FstabTest, AnEmptyFileStaysEmpty) { EXPECT_EQ(rewrite_fstab("", golden).text, ""); }

TEST(FstabTest, EveryFormOfAClonedNameIsNoAlarm) {
  for (const char* name : {"/dev/disk/by-uuid/1111-root", "UUID=1111-ROOT", "LABEL=data", "/dev/disk/by-label/data",
                           "PARTUUID=59be1427-06", "/dev/disk/by-partuuid/59be1427-06", "\"UUID=1111-root\"", "tmpfs",
                           "/dev/mapper/vg-home", "server:/home"})
    EXPECT_THAT(rewrite_fstab(std::string(name) + " /x ext4 defaults 0 0\n", golden).warnings, IsEmpty()) << name;
  for (const char* name : {"LABEL=backup", "PARTLABEL=x", "/dev/disk/by-label/backup", "PARTUUID=00000000-01"})
    EXPECT_THAT(rewrite_fstab(std::string(name) + " /x ext4 defaults 0 0\n", golden).warnings, SizeIs(1)) << name;
}

Rewritten boot_loader(std::string_view text) { return rewrite_device_names(text, golden, DeviceReader::boot_loader); }
Rewritten program(std::string_view text) { return rewrite_device_names(text, golden, DeviceReader::program); }

TEST(DeviceNamesTest, KernelsBootFromTheUuid) {
  auto result = boot_loader(
      "\tset root='hd0,msdos1'\n"
      "\tlinux /boot/vmlinuz root=/dev/sda1 ro quiet resume=/dev/sda5\n"
      "\tlinux /boot/vmlinuz root=/dev/sda10 ro\n"
      "\tlinux /boot/vmlinuz root=/dev/sda1\n"
      "set kernelopts=\"root=/dev/sda1\"\n"
      "\tlinux /boot/vmlinuz root='/dev/sda1' x\n"
      "\tlinux /boot/vmlinuz zfsroot=/dev/sda1 root=UUID=1111-root");
  EXPECT_EQ(result.text,
            "\tset root='hd0,msdos1'\n"
            "\tlinux /boot/vmlinuz root=UUID=1111-root ro quiet resume=UUID=5555-swap\n"
            "\tlinux /boot/vmlinuz root=/dev/sda10 ro\n"
            "\tlinux /boot/vmlinuz root=UUID=1111-root\n"
            "set kernelopts=\"root=UUID=1111-root\"\n"
            "\tlinux /boot/vmlinuz root='UUID=1111-root' x\n"
            "\tlinux /boot/vmlinuz zfsroot=/dev/disk/by-uuid/1111-root root=UUID=1111-root");
  EXPECT_THAT(result.changes, Contains("line 2: /dev/sda5 is now UUID=5555-swap"));
  EXPECT_THAT(result.warnings, ElementsAre(HasSubstr("line 3: /dev/sda10 is not cloned")));
}

TEST(DeviceNamesTest, SerialNumbersAndPlacesOfTheGoldenDiskGo) {
  auto result = boot_loader(
      "options root=/dev/disk/by-id/ata-VENDOR_SN0001-part1 resume=/dev/disk/by-id/ata-VENDOR_SN0001-part5 ro\n"
      "options root=/dev/disk/by-path/pci-0000:00:1f.2-ata-1-part1\n"
      "options cryptdevice=/dev/disk/by-id/ata-VENDOR_SN0001-part1:root quiet\n"
      "options root=/dev/disk/by-id/scsi-0UNKNOWN-part1 resume=/dev/disk/by-id/scsi-0UNKNOWN-part5\n");
  EXPECT_EQ(result.text,
            "options root=UUID=1111-root resume=UUID=5555-swap ro\n"
            "options root=UUID=1111-root\n"
            "options cryptdevice=/dev/disk/by-uuid/1111-root:root quiet\n"
            "options root=UUID=1111-root resume=UUID=5555-swap\n");
  EXPECT_THAT(result.warnings, IsEmpty());
}

TEST(DeviceNamesTest, AKernelWithoutAnInitrdFindsItsRootByThePartition) {
  EXPECT_EQ(boot_loader("menuentry 'a' {\n\tlinux /vmlinuz root=/dev/sda1\n}\n"
                        "menuentry 'b' {\n\tlinux /vmlinuz root=/dev/sda1\n\techo x\n\tinitrd /initrd.img\n}\n")
                .text,
            "menuentry 'a' {\n\tlinux /vmlinuz root=PARTUUID=59be1427-01\n}\n"
            "menuentry 'b' {\n\tlinux /vmlinuz root=UUID=1111-root\n\techo x\n\tinitrd /initrd.img\n}\n");
}

TEST(DeviceNamesTest, ProgramsGetPathsOrTheTagsTheyKnow) {
  auto result = program(
      "# RESUME=/dev/sda5\n"
      "RESUME=/dev/sda5\n"
      "crypt_swap /dev/sda8 /dev/urandom swap\n"
      "add_device+=\" /dev/sda5 \"\n"
      "kernel_cmdline=\"root=/dev/sda1 ro\"\n"
      "What=/dev/sda7\n");
  EXPECT_EQ(result.text,
            "# RESUME=/dev/sda5\n"
            "RESUME=UUID=5555-swap\n"
            "crypt_swap /dev/disk/by-partuuid/59be1427-08 /dev/urandom swap\n"
            "add_device+=\" /dev/disk/by-uuid/5555-swap \"\n"
            "kernel_cmdline=\"root=UUID=1111-root ro\"\n"
            "What=/dev/disk/by-uuid/7777-data\n");
}

TEST(DeviceNamesTest, WhatTheCloneWouldWaitForIsNamedWithItsLine) {
  EXPECT_THAT(boot_loader("linux /v root=UUID=1111-root resume=UUID=9999-gone quiet\n").warnings,
              ElementsAre(HasSubstr("line 1: UUID=9999-gone")));
  EXPECT_THAT(program("\nRESUME=/dev/sdb5\n").warnings, ElementsAre(HasSubstr("line 2: /dev/sdb5")));
  EXPECT_THAT(boot_loader("GRUB_CMDLINE_LINUX=\"console=ttyS0 root=LABEL=data\"\n").warnings, IsEmpty());
}

class DeviceFilesTest : public testing::Test {
 protected:
  class Lines final : public Log {
   public:
    void line(std::string_view text) override { lines.emplace_back(text); }
    std::vector<std::string> lines;
  };
  DeviceFilesTest() { root_.file("/usr/sbin/dracut", "", 0755); }
  bool correct() { return correct_device_names(tree_, log_, golden); }

  asio::io_context io_;
  LinuxMachine machine_{io_};
  Scratch root_;
  CloneTree tree_{machine_, root_.root()};
  Lines log_;
};

TEST_F(DeviceFilesTest, EveryFileThatHasNames) {
  const char* const files[] = {"/boot/grub/grub.cfg",
                               "/boot/grub2/grub.cfg",
                               "/etc/default/grub",
                               "/etc/default/grub.d/50-cloud.cfg",
                               "/boot/extlinux/extlinux.conf",
                               "/boot/loader/entries/0123-5.14.0.conf",
                               "/etc/kernel/cmdline",
                               "/etc/dracut.conf.d/resume.conf",
                               "/boot/grub/menu.lst",
                               "/etc/initramfs-tools/conf.d/resume"};
  for (const char* file : files) root_.file(file, "kernel x root=/dev/sda1 ro\n");
  correct();
  for (const char* file : files) {
    EXPECT_EQ(root_.content(file), "kernel x root=UUID=1111-root ro\n") << file;
    EXPECT_THAT(log_.lines, Contains(HasSubstr(std::string(file) + ", line 1: /dev/sda1"))) << file;
  }
}

TEST_F(DeviceFilesTest, GrubsEnvironmentKeepsItsSize) {
  std::string block = "# GRUB Environment Block\nkernelopts=root=/dev/sda1 ro\n";
  block.resize(1024, '#');
  root_.file("/boot/grub2/grubenv", block);
  correct();
  std::string changed = "# GRUB Environment Block\nkernelopts=root=UUID=1111-root ro\n";
  changed.resize(1024, '#');
  EXPECT_EQ(root_.content("/boot/grub2/grubenv"), changed);
}

TEST_F(DeviceFilesTest, InitrdsAreOldOnlyIfAFileThatTheyHoldWasChanged) {
  root_.file("/etc/default/grub", "GRUB_CMDLINE_LINUX=root=/dev/sda1\n");
  EXPECT_FALSE(correct());
  root_.file("/etc/crypttab", "x /dev/sda8 none luks\n");
  EXPECT_TRUE(correct());
}

TEST_F(DeviceFilesTest, AnInitrdThatKnowsNoUuidKeepsItsNamesAndTheLogSaysSo) {
  ASSERT_TRUE(tree_.remove("/usr/sbin/dracut"));
  root_.file("/boot/grub/grub.cfg", "linux /vmlinuz root=/dev/sda1\n");
  correct();
  EXPECT_EQ(root_.content("/boot/grub/grub.cfg"), "linux /vmlinuz root=/dev/sda1\n");
  EXPECT_THAT(log_.lines, Contains(HasSubstr("WARNING: /boot/grub/grub.cfg, line 1: /dev/sda1 is now UUID=1111-root")));
}

}  // namespace
}  // namespace ka::agent
