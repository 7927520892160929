// What is read of the golden machine's files: how it starts, its modules; what its tar says; its programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "server/golden/golden.h"
#include "server/golden/programs.h"
#include "server/golden/tar_warnings.h"
#include "server/options/conf.h"
#include "tests/unit/scratch.h"

namespace ka::server {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> paths(const std::vector<NeededFile>& files) {
  std::vector<std::string> list;
  for (const NeededFile& file : files) list.push_back(file.path);
  return list;
}

TEST(ServerBootFiles, GrubOfDebianSuseAndFedora) {
  Scratch debian;
  debian.file("/boot/grub/grub.cfg", "");
  debian.file("/usr/sbin/grub-install", "", 0755);
  debian.file("/usr/lib/grub/i386-pc/boot.img", "");
  GoldenBoot boot = read_golden_boot(debian.root());
  ASSERT_TRUE(boot.grub);
  EXPECT_TRUE(boot.grub->complete());
  EXPECT_EQ(boot.grub->program, "grub-install");

  Scratch suse;
  suse.file("/boot/grub2/grub.cfg", "");
  suse.file("/usr/sbin/grub2-install", "", 0755);
  suse.file("/usr/share/grub2/i386-pc/boot.img", "");
  boot = read_golden_boot(suse.root());
  ASSERT_TRUE(boot.grub);
  EXPECT_TRUE(boot.grub->complete());
  EXPECT_EQ(boot.grub->modules, "/usr/share/grub2/i386-pc");
  EXPECT_FALSE(boot.grub->stage2_fits());

  Scratch fedora;  // grub2-pc-modules is not installed
  fedora.file("/boot/grub2/grub.cfg", "");
  fedora.file("/usr/sbin/grub2-install", "", 0755);
  EXPECT_FALSE(read_golden_boot(fedora.root()).grub->complete());
}

TEST(ServerBootFiles, GrubLegacyIsNoGrub) {
  Scratch root;
  root.file("/boot/grub/menu.lst", "");
  root.file("/sbin/grub-install", "", 0755);
  GoldenBoot boot = read_golden_boot(root.root());
  EXPECT_FALSE(boot.grub);
  EXPECT_TRUE(boot.grub_legacy);
}

TEST(ServerBootFiles, TheLargestInitrdAndWhatMakesIt) {
  Scratch root;
  root.file("/boot/initrd.img-6.1", std::string(1000, 'x'));
  root.file("/boot/initramfs-5.14.img", std::string(3000, 'x'));
  EXPECT_FALSE(read_golden_boot(root.root()).makes_initrds);
  root.file("/usr/bin/dracut", "", 0755);
  GoldenBoot boot = read_golden_boot(root.root());
  EXPECT_EQ(boot.largest_initrd, 3000u);
  EXPECT_TRUE(boot.makes_initrds);
}

TEST(ServerBootFiles, WhatACloneCannotStartWithout) {
  Scratch root;
  root.file("/etc/passwd", "");
  root.file("/usr/lib/systemd/systemd", "", 0755);
  root.link("/usr/sbin/init", "../lib/systemd/systemd");
  root.link("/sbin", "usr/sbin");
  root.file("/boot/vmlinuz-6.1", "");
  EXPECT_THAT(paths(read_needed_files(root.root(), read_golden_boot(root.root()))),
              ElementsAre("/etc/passwd", "/sbin/init", "/usr/lib/systemd/systemd", "/boot/vmlinuz-6.1"));
}

TEST(ServerBootFiles, ModulesOfAllKernels) {
  Scratch root;
  root.file("/lib/modules/6.1/modules.dep", "kernel/drivers/ata/ata_piix.ko.xz: kernel/lib/x.ko.xz\n");
  root.file("/lib/modules/5.10/modules.builtin", "kernel/drivers/block/virtio-blk.ko\n");
  EXPECT_THAT(read_modules(root.root()), ElementsAre("ata_piix", "virtio_blk"));
}

TEST(ServerPrograms, AllThatAreMissingAreToldWithTheirPackages) {
  EXPECT_NO_THROW(require_programs({"sh", "tar"}));
  Scratch nothing;
  const std::string path = ::getenv("PATH");
  ::setenv("PATH", nothing.root().c_str(), 1);
  std::string why;
  try {
    require_programs({"sfdisk", "dumpe2fs", "mksquashfs"});
  } catch (const Error& error) {
    why = error.what();
  }
  extend_path();
  EXPECT_TRUE(has_program("sh"));
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_THAT(why, HasSubstr("sfdisk: package fdisk (Debian), util-linux (Fedora), util-linux (SUSE)"));
  EXPECT_THAT(why, HasSubstr("dumpe2fs: package e2fsprogs"));
  EXPECT_THAT(why, HasSubstr("mksquashfs: package squashfs-tools (Debian), squashfs-tools (Fedora), squashfs (SUSE)"));
}

TEST(ServerTarWarnings, TheWorstFirstAndAllKept) {
  TarWarnings warnings;
  for (int i = 0; i < 20; ++i) warnings.add("tar: ./var/log/file" + std::to_string(i) + ": file changed as we read it");
  warnings.add("tar: ./tmp/a: b: File removed before we read it");
  warnings.add("tar: ./var/db: File shrank by 4096 bytes; padding with zeros");
  warnings.add("tar: ./srv/x: Warning: Cannot llistxattrat: Input/output error");
  EXPECT_THAT(warnings.summary("/var/log/ka/ka.warnings"),
              ElementsAre("1 file VANISHED before it was read: the clones do not have it: ./tmp/a: b; see "
                          "/var/log/ka/ka.warnings",
                          HasSubstr("1 file SHRANK while it was read: the clones' copy ends in zeros: ./var/db"),
                          HasSubstr("could NOT BE READ"),
                          "20 files changed while they were read: ./var/log/file0, ./var/log/file1, ./var/log/file2, "
                          "...; all are in /var/log/ka/ka.warnings"));
  EXPECT_EQ(warnings.lines().size(), 23u);
}

TEST(ServerConf, AHashAfterABlankBeginsAComment) {
  auto entries =
      parse_conf("exclude = /tmp   # not this\nexclude = /srv/a#b\n  # only this\nhooks=/x\t#y\n", "ka.conf");
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].value, "/tmp");
  EXPECT_EQ(entries[1].value, "/srv/a#b");
  EXPECT_EQ(entries[2].value, "/x");
}

}  // namespace
}  // namespace ka::server
