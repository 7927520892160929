#include "agent/storage/targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace ka::agent {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::uint64_t gib = 1 << 30;

MachineDisk disk(const std::string& name, std::uint64_t size = 80 * gib) {
  MachineDisk d;
  d.name = name;
  d.size = size;
  d.serial = "SERIAL-" + name;
  d.name_may_change = name.starts_with("sd") || name.starts_with("nvme");
  return d;
}

class TargetsTest : public testing::Test {
 protected:
  void golden(const std::string& name, std::uint64_t size = 80 * gib) {
    manifest_.storage.nodes.push_back({name, {}, {}, storage::Disk{size, 512, ""}});
  }

  void array(const std::string& name, const std::string& level, std::vector<std::string> legs) {
    storage::Raid raid;
    raid.level = level;
    raid.slots = static_cast<std::uint32_t>(legs.size());
    raid.uuid = "3aaa0122:29827cfa:5331ad66:ca767371";
    raid.metadata = "1.2";
    raid.chunk = 512 << 10;
    manifest_.storage.nodes.push_back({name, std::move(legs), {}, raid});
  }

  // "sda→vda sdb→vdb", or why it was refused.
  std::string choice() {
    TargetQuestion question{manifest_, disks_, rules_, booted_by_network_, doubts_};
    try {
      std::string text;
      for (const Target& target : choose_targets(question))
        text += (text.empty() ? "" : " ") + target.golden->id + "→" + target.disk.name;
      return text;
    } catch (const Error& error) {
      return error.what();
    }
  }

  wire::Manifest manifest_;
  std::vector<MachineDisk> disks_;
  std::vector<std::string> rules_;
  bool booted_by_network_ = true;
  std::vector<std::string> doubts_;
};

TEST_F(TargetsTest, OneGoldenDiskGoesToTheOnlyDiskWhateverItsName) {
  golden("sda");
  disks_ = {disk("vda")};
  EXPECT_EQ(choice(), "sda→vda");
}

TEST_F(TargetsTest, NoDiskIsRefused) {
  golden("sda");
  EXPECT_EQ(choice(), "choose a disk for the golden sda: this machine has no disk for it. Disks of this machine: none");
}

TEST_F(TargetsTest, TwoCandidatesAreRefusedByBothNamesWithTheRemedy) {
  golden("sda");
  disks_ = {disk("sda"), disk("sdb")};
  EXPECT_THAT(choice(), AllOf(HasSubstr("it could be sda or sdb"), HasSubstr("katarget=sda=serial:SERIAL-sda (sda)"),
                              HasSubstr("katarget=sda=serial:SERIAL-sdb (sdb)")));
}

TEST_F(TargetsTest, TwoCandidatesAreADoubtAlsoWhenOneIsTooSmall) {
  golden("sda");
  disks_ = {disk("sda"), disk("sdb", gib)};
  EXPECT_THAT(choice(), HasSubstr("it could be sda or sdb"));
}

TEST_F(TargetsTest, DisksThatMustNotBeWrittenToAreNoCandidates) {
  golden("sda");
  disks_ = {disk("sda"), disk("sdb"), disk("sdc"), disk("sdd")};
  disks_[0].removable = true;
  disks_[1].read_only = true;
  disks_[2].used_by = "used by md0";
  EXPECT_EQ(choice(), "sda→sdd");
  disks_.pop_back();
  EXPECT_THAT(choice(), AllOf(HasSubstr("no disk for it"), HasSubstr("removable or on USB"), HasSubstr("read-only"),
                              HasSubstr("used by md0")));
  for (const char* rule : {"sda=serial:SERIAL-sda", "sda=serial:SERIAL-sdb", "sda=serial:SERIAL-sdc"}) {
    rules_ = {rule};
    EXPECT_THAT(choice(), HasSubstr("must not be written to")) << rule;
  }
}

TEST_F(TargetsTest, WhatThisSystemMayHaveComeFromIsTakenOnlyByARule) {
  golden("sda");
  disks_ = {disk("sda")};
  disks_[0].removable = true;
  manifest_.removable_allowed = true;
  booted_by_network_ = false;
  EXPECT_THAT(choice(), HasSubstr("perhaps it is what it booted from"));
  rules_ = {"sda=serial:SERIAL-sda"};
  EXPECT_EQ(choice(), "sda→sda");
}

TEST_F(TargetsTest, WhereDisksMayBeUnseenOnlyARuleWillDo) {
  golden("sda");
  disks_ = {disk("nvme0n1")};
  doubts_ = {"no driver works for pci 0000:00:05.0 [1000:005b], RAID controller (modalias pci:v00001000)"};
  EXPECT_THAT(choice(), AllOf(HasSubstr("there may be disks here that cannot be seen"), HasSubstr("1000:005b"),
                              HasSubstr("katarget=sda=serial:SERIAL-nvme0n1")));
  for (const char* rule : {"sda=serial:SERIAL-nvme0n1", "sda=name:nvme0n1"}) {
    rules_ = {rule};
    EXPECT_EQ(choice(), "sda→nvme0n1") << rule;
  }
}

TEST_F(TargetsTest, ANameIsNoRuleWhereItMayBeAnotherDisksTheNextTime) {
  golden("sda");
  disks_ = {disk("sda"), disk("sdb")};
  rules_ = {"sda=name:sda"};
  EXPECT_THAT(choice(), AllOf(HasSubstr("goes by a name"), HasSubstr("katarget=sda=serial:SERIAL-sda (sda)"),
                              HasSubstr("katarget=sda=serial:SERIAL-sdb (sdb)")));
  rules_ = {"sda=sdb"};
  EXPECT_THAT(choice(), HasSubstr("goes by a name"));
  disks_[1].used_by = "used by md0";  // whichever gets the name, the other one is refused
  rules_ = {"sda=name:sda"};
  EXPECT_EQ(choice(), "sda→sda");
  disks_ = {disk("sda"), disk("nvme0n1"), disk("vda"), disk("vdb")};
  EXPECT_EQ(choice(), "sda→sda");
  rules_ = {"sda=name:vdb"};  // virtio disks are named in the order of their places
  EXPECT_EQ(choice(), "sda→vdb");
}

TEST_F(TargetsTest, TheRemedyIsWhatStaysAndCanBeTyped) {
  golden("sda");
  disks_ = {disk("sda"), disk("sdb")};
  disks_[0].serial = "A B";
  disks_[0].path = "pci-0000:00:1f.2-ata-1";
  disks_[1].serial = "";
  disks_[1].wwn = "naa.5000c500a1b2c3d4";
  EXPECT_THAT(choice(), AllOf(HasSubstr("katarget=sda=path:pci-0000:00:1f.2-ata-1 (sda)"),
                              HasSubstr("katarget=sda=wwn:naa.5000c500a1b2c3d4 (sdb)")));
}

TEST_F(TargetsTest, EquallyLargeDisksMayHaveExchangedTheirNames) {
  golden("sda");
  golden("sdb");
  disks_ = {disk("sda"), disk("sdb")};
  EXPECT_THAT(choice(), HasSubstr("equally large"));
  rules_ = {"sda=serial:SERIAL-sda"};
  EXPECT_EQ(choice(), "sda→sda sdb→sdb");
}

TEST_F(TargetsTest, ARemovableDiskIsTakenOnlyIfTheServerAllows) {
  golden("sda");
  disks_ = {disk("sda")};
  disks_[0].removable = true;
  rules_ = {"sda=name:sda"};
  EXPECT_THAT(choice(), HasSubstr("must not be written to"));
  manifest_.removable_allowed = true;
  EXPECT_EQ(choice(), "sda→sda");
}

TEST_F(TargetsTest, ARuleChoosesByNameSerialWwnOrPath) {
  golden("sda");
  disks_ = {disk("sda"), disk("nvme0n1")};
  disks_[1].wwn = "eui.0025385b71b01b8a";
  disks_[1].path = "pci-0000:01:00.0-nvme-1";
  for (const char* rule :
       {"sda=nvme0n1", "sda=name:nvme0n1", "sda=/dev/nvme0n1", "sda=serial:SERIAL-nvme0n1", "sda=wwn:0025385b71b01b8a",
        "sda=wwn:eui.0025385b71b01b8a", "sda=path:pci-0000:01:00.0-nvme-1", "sda=path:pci-0000:01:00.0"}) {
    rules_ = {rule};
    EXPECT_EQ(choice(), "sda→nvme0n1") << rule;
  }
}

TEST_F(TargetsTest, ADiskOfTwoWaysIsOneAndARuleMayMeanEither) {
  golden("sda");
  disks_ = {disk("sda")};
  disks_[0].path = "pci-0000:00:06.0-scsi-0:0:0:0";
  disks_[0].other_paths = {disk("sdb")};
  disks_[0].other_paths[0].path = "pci-0000:00:07.0-scsi-0:0:0:0";
  EXPECT_EQ(choice(), "sda→sda");
  for (const char* rule : {"sda=name:sdb", "sda=path:pci-0000:00:07.0", "sda=path:pci-0000:00:06.0"}) {
    rules_ = {rule};
    EXPECT_EQ(choice(), "sda→sda") << rule;
  }
}

TEST_F(TargetsTest, ARuleThatMatchesNoneOrSeveralIsRefused) {
  golden("sda");
  disks_ = {disk("sda"), disk("sdb")};
  disks_[0].path = "pci-0000:00:1f.2-ata-1";
  disks_[1].path = "pci-0000:00:1f.2-ata-2";
  rules_ = {"sda=serial:NONE"};
  EXPECT_THAT(choice(), HasSubstr("no disk here is serial:NONE"));
  rules_ = {"sda=path:pci-0000:00:1f.2"};
  EXPECT_THAT(choice(), HasSubstr("2 disks here match"));
  rules_ = {"sda=path:pci-0000:00:1"};  // a part of a name is not a name
  EXPECT_THAT(choice(), HasSubstr("no disk here is"));
}

TEST_F(TargetsTest, BrokenRulesAreRefused) {
  golden("sda");
  disks_ = {disk("sda")};
  for (const char* rule : {"sda", "=sda", "sda="}) {
    rules_ = {rule};
    EXPECT_THAT(choice(), HasSubstr("is not DISK=KIND:VALUE")) << rule;
  }
  rules_ = {"sdb=name:sda"};
  EXPECT_THAT(choice(), HasSubstr("the golden node sends no disk sdb"));
  rules_ = {"sda=colour:blue"};
  EXPECT_THAT(choice(), HasSubstr("target rule colour:blue: is not name:…"));
}

TEST_F(TargetsTest, TheCommandLineGoesBeforeTheServersRule) {
  golden("sda");
  disks_ = {disk("sda"), disk("sdb")};
  manifest_.targets = {{"sda", "serial:SERIAL-sda"}};
  EXPECT_EQ(choice(), "sda→sda");
  rules_ = {"sda=serial:SERIAL-sdb"};
  EXPECT_EQ(choice(), "sda→sdb");
}

TEST_F(TargetsTest, TwoRulesCannotTakeOneDisk) {
  golden("sda");
  golden("sdb");
  disks_ = {disk("sda"), disk("sdb")};
  rules_ = {"sda=serial:SERIAL-sdb", "sdb=serial:SERIAL-sdb"};
  EXPECT_THAT(choice(), HasSubstr("sdb is taken for sda already"));
}

TEST_F(TargetsTest, SeveralDisksNeedTheSameNamesAndSizes) {
  golden("sda", 80 * gib);
  golden("sdb", 500 * gib);
  disks_ = {disk("sda", 80 * gib), disk("sdb", 500 * gib)};
  EXPECT_EQ(choice(), "sda→sda sdb→sdb");
  disks_ = {disk("sda", 500 * gib), disk("sdb", 80 * gib)};  // the kernel found them the other way round
  EXPECT_THAT(choice(), HasSubstr("no disk here has the name sda and exactly its size"));
  disks_ = {disk("sda", 80 * gib), disk("sdb", 500 * gib), disk("sdc")};
  EXPECT_THAT(choice(), HasSubstr("more disks than are cloned"));
  disks_ = {disk("sda", 80 * gib)};
  EXPECT_THAT(choice(), HasSubstr("no disk here has the name sdb"));
}

TEST_F(TargetsTest, TheLegsOfAnArrayGoToAsManyDisksByTheirSize) {
  golden("sda", 80 * gib);
  golden("sdb", 100 * gib);
  array("md0", "raid0", {"sda", "sdb"});
  disks_ = {disk("vda", 300 * gib), disk("vdb", 200 * gib)};
  EXPECT_EQ(choice(), "sda→vdb sdb→vda");
  std::get<storage::Disk>(manifest_.storage.nodes[1].what).bytes = 80 * gib;
  disks_ = {disk("vda", 200 * gib), disk("vdb", 300 * gib)};
  EXPECT_EQ(choice(), "sda→vda sdb→vdb");
  disks_.push_back(disk("vdc"));
  EXPECT_THAT(choice(), HasSubstr("2 disks are cloned that belong together, and this machine has 3 that may be used"));
  disks_ = {disk("vda")};
  EXPECT_THAT(
      choice(),
      AllOf(HasSubstr("sda, sdb are cloned, with legs of md0, and this machine has 1 of the 2 disks that they need; "
                      "it needs 1 more; what cannot be missing is sda: md0 (raid0"),
            HasSubstr("cannot do without it")));
  manifest_.degraded = true;
  EXPECT_THAT(choice(), HasSubstr("cannot do without it"));
}

TEST_F(TargetsTest, AMirrorOnFewerDisksNeedsTheServersWord) {
  golden("sda");
  golden("sdb");
  array("md0", "raid1", {"sda", "sdb"});
  disks_ = {disk("vda")};
  EXPECT_THAT(choice(),
              HasSubstr("sda, sdb are cloned, with legs of md0, and this machine has 1 of the 2 disks that they "
                        "need; it needs 1 more, or --degraded at the server"));
  manifest_.degraded = true;
  EXPECT_EQ(choice(), "sda→vda");
  disks_ = {disk("vda"), disk("vdb")};
  EXPECT_EQ(choice(), "sda→vda sdb→vdb");
  disks_ = {};
  EXPECT_THAT(choice(), HasSubstr("this machine has 0 of the 2 disks"));
}

TEST_F(TargetsTest, TheFirstLegsAreThereAndOfEachMirrorOne) {
  for (const char* name : {"sda", "sdb", "sdc", "sdd"}) golden(name);
  array("md0", "raid10", {"sda", "sdb", "sdc", "sdd"});
  manifest_.degraded = true;
  disks_ = {disk("vda"), disk("vdb"), disk("vdc")};
  EXPECT_EQ(choice(), "sda→vda sdb→vdb sdc→vdc");
  disks_.pop_back();
  EXPECT_EQ(choice(), "sda→vda sdc→vdb");
  disks_.pop_back();
  EXPECT_THAT(choice(), HasSubstr("it needs 3 more"));
}

TEST_F(TargetsTest, ADiskThatBearsMoreThanALegIsTheOneThatIsThere) {
  golden("sda", 80 * gib);
  golden("sdb", 80 * gib);
  golden("sdc", 80 * gib);
  array("md0", "raid5", {"sda", "sdb", "sdc:leg"});
  manifest_.storage.nodes.insert(manifest_.storage.nodes.begin() + 3, {"sdc:leg", {"sdc"}, {}, storage::Partition()});
  storage::add_content(manifest_.storage, "sdc", storage::Swap());
  manifest_.degraded = true;
  disks_ = {disk("sda"), disk("sdb")};
  EXPECT_EQ(choice(), "sda→sda sdc→sdb");
  disks_.pop_back();
  EXPECT_THAT(choice(), AllOf(HasSubstr("it needs 2 more; what cannot be missing is sda: md0 (raid5"),
                              HasSubstr("; sdc: sdc (swap) is on it")));
}

TEST_F(TargetsTest, ADiskWithARuleIsNotMissingAndNoneIsWhereSomeMayBeUnseen) {
  golden("sda");
  golden("sdb");
  array("md0", "raid1", {"sda", "sdb"});
  manifest_.degraded = true;
  disks_ = {disk("vda")};
  rules_ = {"sdb=name:vda"};
  EXPECT_EQ(choice(), "sdb→vda");
  doubts_ = {"no driver works for pci 0000:00:05.0"};
  EXPECT_THAT(choice(), HasSubstr("there may be disks here that cannot be seen"));
}

TEST_F(TargetsTest, ARuleForOneOfTwoLeavesTheOtherBeyondDoubt) {
  golden("sda");
  golden("sdb");
  disks_ = {disk("vda"), disk("vdb")};
  rules_ = {"sda=name:vdb"};
  EXPECT_EQ(choice(), "sda→vdb sdb→vda");
}

}  // namespace
}  // namespace ka::agent
