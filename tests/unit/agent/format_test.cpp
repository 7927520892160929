#include "agent/storage/format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace ka::agent {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t mib = 1 << 20, gib = 1 << 30;

wire::FileSystem file_system(const std::string& type) {
  wire::FileSystem f;
  f.disk = "sda";
  f.partition = 5;
  f.type = type;
  f.mount_point = type == "swap" ? "" : "/";
  f.uuid = "0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f";
  return f;
}

std::string refused(const wire::FileSystem& f, std::uint64_t size) {
  try {
    check_fit(f, size);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(FormatTest, ExtIsMadeAsTheGoldenOneWas) {
  auto f = file_system("ext4");
  f.label = "root";
  f.block_size = 4096;
  f.inode_size = 256;
  f.features = {"has_journal", "needs_recovery", "extent", "64bit"};
  EXPECT_EQ(format_command(f, "/dev/sda5", 10 * gib).text(),
            "mke2fs -q -F -t ext4 -U 0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f -L root -b 4096 -I 256 "
            "-O none,has_journal,extent,64bit /dev/sda5");
}

TEST(FormatTest, WhatTheGoldenNodeDidNotTellIsLeftToMke2fs) {
  auto f = file_system("ext3");
  f.uuid.clear();
  EXPECT_EQ(format_command(f, "/dev/sda5", gib).text(), "mke2fs -q -F -t ext3 /dev/sda5");
}

TEST(FormatTest, MillionsOfSmallFilesGetTheirInodes) {
  auto f = file_system("ext4");
  f.inodes_used = 1'000'000;  // 10 GiB have 655 360 by default
  EXPECT_THAT(format_command(f, "/dev/sda5", 10 * gib).text(), HasSubstr("-N 1250000"));
  f.inodes_used = 500'000;
  EXPECT_THAT(format_command(f, "/dev/sda5", 10 * gib).text(), Not(HasSubstr("-N")));
}

TEST(FormatTest, TheDryRunAsksTheSameOfAFile) {
  auto dry_run = dry_run_command(file_system("ext4"), "/tmp/empty", 10 * gib);
  ASSERT_TRUE(dry_run.has_value());
  EXPECT_EQ(dry_run->text(), "mke2fs -n -q -F -t ext4 -U 0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f /tmp/empty 10485760k");
}

TEST(FormatTest, SwapKeepsItsUuidAndLabel) {
  auto f = file_system("swap");
  f.label = "swap0";
  EXPECT_EQ(format_command(f, "/dev/sda5", gib).text(),
            "mkswap -U 0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f -L swap0 /dev/sda5");
  EXPECT_FALSE(check_command(f, "/dev/sda5").has_value());
  EXPECT_FALSE(dry_run_command(f, "/tmp/empty", gib).has_value());
}

TEST(FormatTest, TheCheckChangesNothing) {
  EXPECT_EQ(check_command(file_system("ext2"), "/dev/sda5")->text(), "e2fsck -n /dev/sda5");
}

TEST(FormatTest, ATypeThatIsNotInTheTableIsRefusedByName) {
  try {
    programs_for(file_system("zfs"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "make the file system of sda partition 5: zfs is not supported; this version makes "
                 "ext2, ext3, ext4, swap");
  }
}

TEST(FormatTest, DataMustFitWithTheFileSystemsOwnOverhead) {
  auto f = file_system("ext4");
  f.used = 900 * mib;
  EXPECT_EQ(refused(f, gib), "");
  f.used = 1000 * mib;
  EXPECT_THAT(refused(f, gib), HasSubstr("fit the golden sda partition 5 (/): it holds 1000.0 MiB and needs about"));
  f.used = 0;
  f.inodes_used = 4'000'000;  // their tables alone are 1.2 GiB
  EXPECT_THAT(refused(f, gib), HasSubstr("needs about"));
}

TEST(FormatTest, ALabelThatDoesNotFitIsRefused) {
  auto f = file_system("ext4");
  f.label = "seventeen letters";
  EXPECT_THAT(refused(f, gib), HasSubstr("too long for ext4"));
}

// Also: the kernel does not zero inode tables while data comes in.
TEST(FormatTest, AFileSystemIsMountedSoThatNoErrorPasses) {
  auto f = file_system("ext4");
  EXPECT_EQ(mount_data(f), "errors=remount-ro,data_err=abort,noinit_itable");
  f.options = "acl,user_xattr";
  EXPECT_EQ(mount_data(f), "acl,user_xattr,errors=remount-ro,data_err=abort,noinit_itable");
  f.features = {"extent"};  // mke2fs -O ^has_journal
  EXPECT_EQ(mount_data(f), "acl,user_xattr,errors=remount-ro,noinit_itable");
  EXPECT_EQ(mount_data(file_system("ext3")), "errors=remount-ro,data_err=abort");
  EXPECT_EQ(mount_data(file_system("ext2")), "errors=remount-ro");
}

}  // namespace
}  // namespace ka::agent
