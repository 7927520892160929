#include "server/golden/initrds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/unit/cpio.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"

namespace ka::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// This machine's own programs stand for those of stage2.
class GoldenInitrdsTest : public CoroutineTest {
 protected:
  GoldenInitrdsTest() { root_.directory("/lib/modules/6.1"); }
  std::vector<wire::InitrdContent> found(std::vector<std::string> used = {}, const std::string& stage2_root = "/") {
    return get(look_into_initrds(io_, root_.root(), stage2_root, std::move(used)));
  }

  Scratch root_;
  const std::string initrd_ = cpio_of({"kernel/drivers/block/virtio_blk.ko", "usr/sbin/cryptsetup"});
};

TEST_F(GoldenInitrdsTest, EachIsToldOfBySizeTimeAndContent) {
  root_.file("/boot/initrd.img-6.1", initrd_);
  const auto all = found();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].file, "/boot/initrd.img-6.1");
  EXPECT_EQ(all[0].size, initrd_.size());
  EXPECT_EQ(all[0].mtime, root_.status("/boot/initrd.img-6.1").st_mtim.tv_sec);
  EXPECT_THAT(all[0].holds, ElementsAre("program cryptsetup", "virtio_blk"));
}

TEST_F(GoldenInitrdsTest, OneThatClonesStartWithIsToldOfWhateverItsName) {
  root_.file("/boot/ours.cpio", initrd_);
  const auto all = found({"/boot/ours.cpio"});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].file, "/boot/ours.cpio");
}

TEST_F(GoldenInitrdsTest, WhatIsPackedBehindTheFirstArchivesCountsToo) {
  root_.file("/boot/early", initrd_);
  root_.file("/late", cpio_of({"ahci.ko.xz"}));
  const std::string boot = root_.at("/boot/");
  ASSERT_EQ(
      std::system(("(cat " + boot + "early; gzip -c " + root_.at("/late") + ") > " + boot + "initrd.img-6.1").c_str()),
      0);
  const auto all = found();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_THAT(all[0].holds, ElementsAre("ahci", "program cryptsetup", "virtio_blk"));
}

// A node looks itself then, and says what is wrong.
TEST_F(GoldenInitrdsTest, WhatCannotBeLookedIntoIsLeftOut) {
  root_.file("/boot/initrd.img-6.1", "neither packed nor an archive");
  root_.file("/initrd", initrd_);
  root_.link("/boot/initrd-6.1", "../initrd");
  root_.file("/boot/efi-is-elsewhere", "");
  EXPECT_THAT(found({"/initrd", "/boot/not-there", "/boot/efi-is-elsewhere"}), IsEmpty());
}

TEST_F(GoldenInitrdsTest, WithoutStage2NothingIsTold) {
  root_.file("/boot/initrd.img-6.1", initrd_);
  EXPECT_THAT(found({}, ""), IsEmpty());
}

}  // namespace
}  // namespace ka::server
