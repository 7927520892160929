#include "agent/bootable/initrd_content.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/machine/linux_machine.h"
#include "tests/unit/cpio.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class InitrdContentsTest : public CoroutineTest {
 protected:
  InitrdContentsTest() {
    root_.file("/boot/initrd.img-6.1", cpio_of({"kernel/drivers/block/virtio_blk.ko"}));
    const struct stat status = root_.status("/boot/initrd.img-6.1");
    told_.push_back(
        {"/boot/initrd.img-6.1", static_cast<std::uint64_t>(status.st_size), status.st_mtim.tv_sec, {"jfs"}});
  }
  std::set<std::string> held(const std::string& path = "/boot/initrd.img-6.1") {
    const InitrdContents contents(machine_, clone_, clone_, told_);
    return get(contents.of(path));
  }

  Scratch root_;
  LinuxMachine machine_{io_};
  CloneTree clone_{machine_, root_.root()};
  std::vector<wire::InitrdContent> told_;
};

TEST_F(InitrdContentsTest, TheGoldenOneIsNotLookedInto) { EXPECT_THAT(held(), ElementsAre("jfs")); }

TEST_F(InitrdContentsTest, OneOfAnotherTimeOrSizeOrNameIsLookedInto) {
  ++told_[0].mtime;
  EXPECT_THAT(held(), ElementsAre("virtio_blk"));
  --told_[0].mtime;
  ++told_[0].size;
  EXPECT_THAT(held(), ElementsAre("virtio_blk"));
  --told_[0].size;
  told_[0].file = "/boot/initrd.img-6.2";
  EXPECT_THAT(held(), ElementsAre("virtio_blk"));
}

TEST_F(InitrdContentsTest, OneThatIsNotThereIsAnErrorWhateverWasTold) {
  root_.link("/boot/lost", "initrd.img-6.3");
  told_[0].file = "/boot/lost";
  const InitrdContents contents(machine_, clone_, clone_, told_);
  EXPECT_THAT(error_of(contents.of("/boot/lost")), HasSubstr("initrd.img-6.3"));
}

}  // namespace
}  // namespace ka::agent
