// Where the boot of a clone begins to be followed.
#include "wire/clone_boot.h"

#include <gtest/gtest.h>

#include "tests/unit/file_map.h"

namespace ka::wire {
namespace {

class CloneBoot : public testing::Test {
 protected:
  CloneBoot() {
    manifest_.mounts = {{"sda3:fs", "/", ""}, {"sda1:fs", "/boot/efi", ""}};
    boot::UefiWay way;
    way.esps = {"sda1:fs"};
    way.entries = {{"sda1:fs", "\\EFI\\debian\\shimx64.efi", "debian", ""}};
    way.chain = {{"/boot/efi/EFI/debian/shimx64.efi", "", "", {}}, {"/boot/efi/EFI/debian/grubx64.efi", "", "", {}}};
    manifest_.boot.uefi = way;
  }

  std::string start() {
    const auto starts = boot_starts(manifest_, files_of_map(files_));
    if (starts.size() != 1) return std::to_string(starts.size()) + " of them";
    EXPECT_TRUE(starts.front().uefi);
    return starts.front().loader + " " + starts.front().file;
  }

  Manifest manifest_;
  std::map<std::string, std::string> files_ = {{"/boot/grub/grub.cfg", "menu"}};
};

TEST_F(CloneBoot, TheStubBesideGrub) {
  files_["/boot/efi/EFI/debian/grub.cfg"] = "stub";
  EXPECT_EQ(start(), "grub /boot/efi/EFI/debian/grub.cfg");
}

TEST_F(CloneBoot, TheDistributionsOwnFolderIfItStartsByTheRemovablePath) {
  files_["/boot/efi/EFI/debian/grub.cfg"] = "stub";
  manifest_.boot.uefi->chain = {{"/boot/efi/EFI/BOOT/BOOTX64.EFI", "", "", {}}};
  EXPECT_EQ(start(), "grub /boot/efi/EFI/debian/grub.cfg");
}

TEST_F(CloneBoot, WithoutAStubItKnowsWhereTheMenuIs) { EXPECT_EQ(start(), "grub /boot/grub/grub.cfg"); }

TEST_F(CloneBoot, BothWaysAreFollowed) {
  BootLoader grub;
  grub.disk = "sda";
  manifest_.boot_loader = grub;
  EXPECT_EQ(start(), "2 of them");
}

}  // namespace
}  // namespace ka::wire
