#include "agent/storage/kinds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace ka::agent {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t mib = 1 << 20, gib = 1 << 30;

storage::Ext file_system(const std::string& version) {
  storage::Ext f;
  f.version = version;
  f.uuid = "0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f";
  return f;
}

storage::Node node(storage::What what) { return {"sda5:fs", {"sda5"}, {}, std::move(what)}; }

// All that is run to make it, on "; "-separated lines.
std::string made(storage::What what, std::uint64_t bytes) {
  const storage::Node content = node(std::move(what));
  std::string text;
  for (const Command& command : maker(content).make({content, "/dev/sda5", {bytes, 512}}))
    text += (text.empty() ? "" : "; ") + command.text();
  return text;
}

std::string refused(storage::What what, std::uint64_t size) {
  storage::Storage storage;
  storage.nodes.push_back(node(std::move(what)));
  try {
    check_fit(storage, storage.nodes[0], {size, 512}, "/");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string mount_data(const storage::Ext& f, const std::string& options = "") {
  return maker(node(f)).mount_data(node(f), options, false);
}

TEST(FormatTest, ExtIsMadeAsTheGoldenOneWas) {
  auto f = file_system("ext4");
  f.label = "root";
  f.block_size = 4096;
  f.inode_size = 256;
  f.features = {"has_journal", "needs_recovery", "extent", "64bit"};
  EXPECT_EQ(made(f, 10 * gib),
            "mke2fs -q -F -t ext4 -U 0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f -L root -b 4096 -I 256 "
            "-O none,has_journal,extent,64bit /dev/sda5");
}

TEST(FormatTest, NoBlockOfExtIsSmallerThanASector) {
  auto f = file_system("ext4");
  f.block_size = 1024;
  const storage::Node content = node(f);
  const Job job{content, "/dev/sda5", {gib, 4096}};
  EXPECT_THAT(maker(content).make(job)[0].text(), HasSubstr(" -b 4096 "));
  EXPECT_THAT(maker(content).dry_run(job, "/tmp/x").text(), HasSubstr(" -b 4096 "));
}

TEST(FormatTest, WhatTheGoldenNodeDidNotTellIsLeftToMke2fs) {
  auto f = file_system("ext3");
  f.uuid.clear();
  EXPECT_EQ(made(f, gib), "mke2fs -q -F -t ext3 /dev/sda5");
}

TEST(FormatTest, MillionsOfSmallFilesGetTheirInodes) {
  auto f = file_system("ext4");
  f.used.inodes = 1'000'000;  // 10 GiB have 655 360 by default
  EXPECT_THAT(made(f, 10 * gib), HasSubstr("-N 1250000"));
  f.used.inodes = 500'000;
  EXPECT_THAT(made(f, 10 * gib), Not(HasSubstr("-N")));
}

TEST(FormatTest, TheDryRunAsksTheSameOfAFile) {
  const storage::Node ext = node(file_system("ext4"));
  EXPECT_EQ(maker(ext).dry_run({ext, "/dev/sda5", {10 * gib}}, "/tmp/empty").text(),
            "mke2fs -n -q -F -t ext4 -U 0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f /tmp/empty 10485760k");
}

// mkfs.btrfs refuses a UUID that it finds on any device: on the disk that an earlier clone is on, say.
TEST(FormatTest, TheDryRunOfBtrfsIsNotInTheWayOfAnEarlierClone) {
  storage::Btrfs fs;
  fs.uuid = "0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f";
  fs.label = "home";
  const storage::Node btrfs = node(fs);
  const Job job{btrfs, "/dev/sda5", {gib}};
  EXPECT_THAT(maker(btrfs).dry_run(job, "/tmp/empty").text(), AllOf(HasSubstr("-L home"), Not(HasSubstr("-U "))));
  EXPECT_THAT(maker(btrfs).make(job)[0].text(), HasSubstr("-U " + fs.uuid));
}

TEST(FormatTest, SwapKeepsItsUuidAndLabel) {
  const storage::Swap swap{"0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f", "swap0"};
  EXPECT_EQ(made(swap, gib), "mkswap -U 0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f -L swap0 /dev/sda5");
  EXPECT_EQ(maker(node(swap)).check, nullptr);
  EXPECT_EQ(maker(node(swap)).dry_run, nullptr);
}

TEST(FormatTest, TheCheckChangesNothing) {
  const storage::Node ext = node(file_system("ext2"));
  EXPECT_EQ(maker(ext).check({ext, "/dev/sda5", {gib}}).text(), "e2fsck -n /dev/sda5");
}

TEST(FormatTest, WhatIsCalledHowHere) {
  storage::Partition p;
  p.number = 5;
  EXPECT_EQ(maker(node(p)).device(node(p), "/dev/nvme0n1"), "/dev/nvme0n1p5");
  EXPECT_EQ(maker(node(p)).device(node(p), "/dev/vda"), "/dev/vda5");
}

TEST(FormatTest, DataMustFitWithTheFileSystemsOwnOverhead) {
  auto f = file_system("ext4");
  f.used.bytes = 900 * mib;
  EXPECT_EQ(refused(f, gib), "");
  f.used.bytes = 1000 * mib;
  EXPECT_THAT(refused(f, gib), HasSubstr("fit the golden sda5 (/): it holds 1000.0 MiB and needs about"));
  f.used.bytes = 0;
  f.used.inodes = 4'000'000;  // their tables alone are 1.2 GiB
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
  EXPECT_EQ(mount_data(f, "acl,user_xattr"), "acl,user_xattr,errors=remount-ro,data_err=abort,noinit_itable");
  f.features = {"extent"};  // mke2fs -O ^has_journal
  EXPECT_EQ(mount_data(f, "acl,user_xattr"), "acl,user_xattr,errors=remount-ro,noinit_itable");
  EXPECT_EQ(mount_data(file_system("ext3")), "errors=remount-ro,data_err=abort");
  EXPECT_EQ(mount_data(file_system("ext2")), "errors=remount-ro");
}

}  // namespace
}  // namespace ka::agent
