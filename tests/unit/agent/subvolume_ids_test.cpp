// Numbers of subvolumes in a clone's files.
#include "agent/bootable/subvolume_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ka::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

wire::Manifest manifest() {
  wire::Manifest m;
  storage::Partition p;
  p.number = 1;
  storage::add_disk(m.storage, "sda", {}, {}, {p});
  storage::Btrfs fs;
  fs.uuid = "0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f";
  fs.subvolumes = {{"@", 256, false, false}, {"@/home", 300, false, false}};
  storage::add_content(m.storage, "sda1", fs);
  m.mounts = {{"sda1:fs", "/", "", "@"}};
  return m;
}

std::string rewritten(const std::string& text) { return without_subvolume_ids(text, manifest()).text; }

TEST(SubvolumeIds, LeaveFstab) {
  const Rewritten all = without_subvolume_ids(
      "UUID=0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f / btrfs rw,subvolid=256,subvol=/@,noatime 0 0\n"
      "/dev/sda1 /home btrfs subvolid=300 0 0\n"
      "# subvolid=300\n"
      "/dev/sda1 /top btrfs noatime,subvolid=5 0 0\n"
      "/dev/sda1 /gone btrfs subvolid=999 0 0\n",
      manifest());
  EXPECT_EQ(all.text,
            "UUID=0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f / btrfs rw,subvol=/@,noatime 0 0\n"
            "/dev/sda1 /home btrfs subvol=/@/home 0 0\n"
            "# subvolid=300\n"
            "/dev/sda1 /top btrfs noatime,subvol=/ 0 0\n"
            "/dev/sda1 /gone btrfs subvolid=999 0 0\n");
  EXPECT_EQ(all.changes.size(), 3u);
  EXPECT_THAT(all.warnings, ElementsAre(HasSubstr("line 5: subvolid=999")));
}

TEST(SubvolumeIds, LeaveCommandLines) {
  EXPECT_EQ(rewritten("linux /vmlinuz root=UUID=x rootflags=subvolid=256,subvol=@ quiet"),
            "linux /vmlinuz root=UUID=x rootflags=subvol=@ quiet");
  EXPECT_EQ(rewritten("GRUB_CMDLINE_LINUX=\"rootflags=subvolid=300\""),
            "GRUB_CMDLINE_LINUX=\"rootflags=subvol=/@/home\"");
  EXPECT_EQ(rewritten("rootflags=subvol=@,subvolid=256"), "rootflags=subvol=@");
  EXPECT_EQ(rewritten("xsubvolid=256 subvolid="), "xsubvolid=256 subvolid=");
}

TEST(SubvolumeIds, MeanNothingElsewhere) {
  wire::Manifest m = manifest();
  m.storage.nodes.back().what = storage::Ext();
  EXPECT_EQ(without_subvolume_ids("rootflags=subvolid=256", m).text, "rootflags=subvolid=256");
  EXPECT_THAT(without_subvolume_ids("rootflags=subvolid=256", m).warnings, IsEmpty());
}

}  // namespace
}  // namespace ka::agent
