// How distributions lay out their subvolumes, and what of it a clone gets from where.
#include "tests/unit/server/plan_fixture.h"
#include "wire/storage/rule.h"

namespace ka::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string super(std::uint64_t incompatible = 0x341) {
  std::string bytes(4096, '\0');
  auto put = [&bytes](std::size_t at, std::size_t size, std::uint64_t value) {
    for (std::size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
  };
  bytes.replace(32, 16, "0123456789abcdef");
  bytes.replace(64, 8, "_BHRfS_M");
  put(136, 8, 1), put(144, 4, 4096), put(148, 4, 16384), put(160, 4, 97), put(180, 8, 3), put(188, 8, incompatible);
  put(811 + 17 + 24, 8, 2 | 32);
  return bytes;
}

class PlanSubvolumes : public ServerPlan {
 protected:
  PlanSubvolumes() {
    golden_.probes["sda5"] = {"btrfs", "30313233-3435-3637-3839-616263646566", "", ""};
    golden_.answers["sda5"] = {{super()}, ""};
    golden_.subvolumes["sda5"].data = "single";
    input_.options.boot_loader = "none";  // its files are another golden machine's
  }

  void subvolume(const std::string& path, bool snapshot = false, bool read_only = false) {
    auto& all = golden_.subvolumes["sda5"].all;
    all.push_back({256 + all.size(), path, read_only, snapshot});
  }
  void set_default(const std::string& path) {
    for (const GoldenSubvolume& s : golden_.subvolumes["sda5"].all)
      if (s.path == path) golden_.subvolumes["sda5"].default_id = s.id;
  }
  // Each "subvolume point", "/" the top; and the ext3 on /var, if it is not one of them.
  void mounted_at(const std::vector<std::pair<std::string, std::string>>& points, bool var = true) {
    std::string text = var ? "27 26 8:6 / /var rw - ext3 /dev/sda6 rw\n" : "";
    for (const auto& [path, point] : points)
      text += "26 1 0:25 " + path + " " + point + " rw - btrfs /dev/sda5 rw,compress=zstd:3,subvolid=256,subvol=/x\n";
    mounts(text);
    golden_.usage["/"] = {3000 * mib, 0};
  }
  static std::vector<std::string> mounts_of(const Plan& plan) {
    std::vector<std::string> all;
    for (const wire::Mount& m : plan.manifest.mounts)
      all.push_back((m.subvolume.empty() ? "top" : m.subvolume) + " " + m.point);
    return all;
  }
  static std::vector<std::string> subvolumes_of(const Plan& plan) {
    std::vector<std::string> all;
    for (const auto& s : storage::as<storage::Btrfs>(plan.manifest.storage.at("sda5:fs")).subvolumes)
      all.push_back(s.path + (s.is_default ? " default" : "") + (s.read_only ? " ro" : ""));
    return all;
  }
};

TEST_F(PlanSubvolumes, DebianHasOne) {
  subvolume("@rootfs");
  mounted_at({{"/@rootfs", "/"}});
  const Plan made = plan();
  EXPECT_THAT(mounts_of(made), ElementsAre("@rootfs /", "top /var", "top /.ka-apart-sda5"));
  EXPECT_THAT(subvolumes_of(made), ElementsAre("@rootfs"));
  EXPECT_THAT(made.unseen, ElementsAre("/.ka-apart-sda5/@rootfs"));
  EXPECT_EQ(made.manifest.mounts[0].options, "compress=zstd:3");
  const auto& fs = storage::as<storage::Btrfs>(made.manifest.storage.at("sda5:fs"));
  EXPECT_EQ(fs.uuid, "30313233-3435-3637-3839-616263646566");
  EXPECT_THAT(fs.features, ElementsAre("extref", "skinny-metadata", "no-holes", "free-space-tree"));
}

TEST_F(PlanSubvolumes, UbuntuHasTwoAndTimeshiftMakesMore) {
  subvolume("@"), subvolume("@home"), subvolume("@/var/lib/machines");
  subvolume("timeshift-btrfs/snapshots/2026/@", true), subvolume("timeshift-btrfs/snapshots/2026/@home", true);
  mounted_at({{"/@", "/"}, {"/@home", "/home"}}, false);
  const Plan made = plan();
  EXPECT_THAT(mounts_of(made), ElementsAre("@ /", "@home /home", "top /.ka-apart-sda5"));
  EXPECT_THAT(subvolumes_of(made), ElementsAre("@", "@home", "@/var/lib/machines"));
  EXPECT_THAT(made.unseen, ElementsAre("/.ka-apart-sda5/@", "/.ka-apart-sda5/@home",
                                       "/.ka-apart-sda5/timeshift-btrfs/snapshots/2026/@",
                                       "/.ka-apart-sda5/timeshift-btrfs/snapshots/2026/@home"));
  ASSERT_FALSE(made.not_cloned.empty());
  EXPECT_THAT(made.not_cloned.back().what, HasSubstr("timeshift-btrfs/snapshots/2026/@home (sda5)"));
  EXPECT_THAT(made.not_cloned.back().why, HasSubstr("snapshots"));
}

// The top is mounted, too, as some do for their snapshots.
TEST_F(PlanSubvolumes, WithTheTopMountedNothingIsApart) {
  subvolume("home"), subvolume("root");
  mounted_at({{"/root", "/"}, {"/home", "/home"}, {"/", "/mnt/top"}, {"/root/srv/x", "/srv/y"}, {"/home", "/again"}});
  const Plan made = plan();
  EXPECT_THAT(mounts_of(made), ElementsAre("root /", "home /home", "top /mnt/top", "top /var"));
  EXPECT_THAT(made.unseen, ElementsAre("/mnt/top/home", "/mnt/top/root"));
}

// The root is a snapshot, and the default; it is seen below /.snapshots once more.
TEST_F(PlanSubvolumes, OpenSuse) {
  for (const char* path : {"@", "@/.snapshots"}) subvolume(path);
  subvolume("@/.snapshots/1/snapshot", true), subvolume("@/.snapshots/2/snapshot", true, true);
  for (const char* path : {"@/boot/grub2/i386-pc", "@/home", "@/var"}) subvolume(path);
  set_default("@/.snapshots/1/snapshot");
  mounted_at({{"/@/.snapshots/1/snapshot", "/"},
              {"/@/.snapshots", "/.snapshots"},
              {"/@/var", "/var"},
              {"/@/home", "/home"},
              {"/@/boot/grub2/i386-pc", "/boot/grub2/i386-pc"}},
             false);
  const Plan made = plan();
  EXPECT_THAT(mounts_of(made), ElementsAre("@/.snapshots/1/snapshot /", "@/.snapshots /.snapshots",
                                           "@/boot/grub2/i386-pc /boot/grub2/i386-pc", "@/home /home", "@/var /var",
                                           "top /.ka-apart-sda5"));
  EXPECT_THAT(subvolumes_of(made), ElementsAre("@", "@/.snapshots", "@/.snapshots/1/snapshot default",
                                               "@/boot/grub2/i386-pc", "@/home", "@/var"));
  EXPECT_THAT(made.unseen,
              ElementsAre("/.ka-apart-sda5/@/.snapshots", "/.snapshots/1/snapshot", "/.snapshots/2/snapshot",
                          "/.ka-apart-sda5/@/boot/grub2/i386-pc", "/.ka-apart-sda5/@/home", "/.ka-apart-sda5/@/var"));
  EXPECT_THAT(made.not_cloned.back().what, HasSubstr("@/.snapshots/2/snapshot (sda5)"));
}

TEST_F(PlanSubvolumes, WhatIsNestedAndMountedInItsOwnPlaceComesOnce) {
  subvolume("@"), subvolume("@/home"), subvolume("@/home/vm");
  mounted_at({{"/@", "/"}, {"/@/home", "/home"}});
  EXPECT_THAT(plan().unseen, ElementsAre("/.ka-apart-sda5/@"));
}

TEST_F(PlanSubvolumes, WhatIsLeftOutByOptionIsNotMade) {
  subvolume("@"), subvolume("@/var/lib/docker/1"), subvolume("@/var/lib/docker");
  mounted_at({{"/@", "/"}}, false);
  input_.options.excluded = {"/var/lib/docker"};
  EXPECT_THAT(subvolumes_of(plan()), ElementsAre("@", "@/var/lib/docker"));
}

TEST_F(PlanSubvolumes, ASubvolumeThatNobodyCanReadIsRefused) {
  subvolume("@"), subvolume("@/var/hidden");
  mounted_at({{"/@", "/"}});
  EXPECT_THAT(refusal(), HasSubstr("/var/hidden: the subvolume @/var/hidden (sda5) lies below a mount point"));
}

TEST_F(PlanSubvolumes, WhatCannotBeMadeIsRefusedByName) {
  subvolume("@"), mounted_at({{"/@", "/"}});
  golden_.answers["sda5"].superblock[0][136] = 2;
  EXPECT_THAT(refusal(), HasSubstr("it lies on 2 devices"));
  golden_.answers["sda5"] = {{super(1 << 14)}, ""};
  EXPECT_THAT(refusal(), HasSubstr("raid-stripe-tree"));
  golden_.answers["sda5"] = {{super()}, ""};
  golden_.subvolumes["sda5"].data = "";
  EXPECT_THAT(refusal(), HasSubstr("several ways or on several devices"));
  mounted_at({{"/@/ostree/deploy/1", "/"}});
  EXPECT_THAT(refusal(), HasSubstr("OSTree"));
}

TEST_F(PlanSubvolumes, WhatIsSharedIsCounted) {
  subvolume("@"), mounted_at({{"/@", "/"}});
  golden_.mounts[1].options = "rw";
  Plan made = plan();
  Survey found;
  found.totals["/"] = {3500 * mib, 70000};
  found.totals["/.ka-apart-sda5"] = {100 * mib, 5};
  add_survey(made, found);
  const auto& fs = storage::as<storage::Btrfs>(made.manifest.storage.at("sda5:fs"));
  EXPECT_EQ(fs.used.bytes, 3600 * mib);
  EXPECT_EQ(fs.used.inodes, 70005u);
  EXPECT_THAT(made.warnings, testing::Contains(HasSubstr("/: its files have 3.5 GiB, and take 2.9 GiB on this disk")));
}

}  // namespace
}  // namespace ka::server
