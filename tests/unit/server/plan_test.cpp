// What is cloned of a machine, and what is refused, from the text its tools print.
#include "tests/unit/server/plan_fixture.h"

namespace ka::server {
namespace {

using testing::HasSubstr;

TEST_F(ServerPlan, TheWholeMachineAsItIs) {
  Plan plan = this->plan();
  const wire::Manifest& m = plan.manifest;
  EXPECT_EQ(m.golden_host, "node40");
  ASSERT_EQ(m.disks.size(), 1u);
  EXPECT_EQ(m.disks[0].name, "sda");
  EXPECT_EQ(m.disks[0].identifier, 0x59be1427u);
  EXPECT_EQ(m.disks[0].golden_size, 10000 * mib);
  ASSERT_EQ(m.disks[0].partitions.size(), 4u);
  EXPECT_TRUE(m.disks[0].partitions[2].bootable);
  ASSERT_EQ(m.file_systems.size(), 3u);
  EXPECT_EQ(m.file_systems[0].mount_point, "/");
  EXPECT_EQ(m.file_systems[0].partition, 5);
  EXPECT_EQ(m.file_systems[0].uuid, "0001");
  EXPECT_EQ(m.file_systems[0].block_size, 4096u);
  EXPECT_EQ(m.file_systems[0].used, 3000 * mib);
  EXPECT_EQ(m.file_systems[0].inodes_used, 40000u);
  EXPECT_EQ(m.file_systems[1].mount_point, "/var");
  EXPECT_EQ(m.file_systems[1].type, "ext3");
  EXPECT_EQ(m.file_systems[1].label, "var");
  EXPECT_EQ(m.file_systems[2].type, "swap");
  EXPECT_EQ(m.file_systems[2].uuid, "5a5a");
  EXPECT_EQ(m.boot_loader->kind, wire::BootLoader::Kind::grub);
  EXPECT_EQ(m.boot_loader->disk, "sda");
  EXPECT_TRUE(plan.warnings.empty()) << plan.warnings[0];
  ASSERT_EQ(plan.not_cloned.size(), 1u);
  EXPECT_EQ(plan.not_cloned[0].what, "/mnt/ka (loop0, squashfs)");
}

TEST_F(ServerPlan, ThePlanInTheWordsOfTheKaMethod) {
  desc("swap 500\nextended fill\nlogical linux 5000\nlogical linux fill\n");
  input_.options.excluded = {"/tmp/", "/var//cache"};
  input_.options.boot_loader = "grub --with=jfs --with=ata_piix";
  Plan plan = this->plan();
  EXPECT_EQ(plan_text(plan, input_),
            "+ Mount points :\n"
            "     /dev/sda5 / ext4 (2.9 GiB)\n"
            "     /dev/sda6 /var ext3 (1000.0 MiB)\n"
            "     /dev/sda1 swap swap\n"
            "+ Hard drives :\n"
            "     sda (9.8 GiB)\n"
            "+ Reading partition table description for sda\n"
            "    Added partition 1 : type 82, 500 MiB\n"
            "    Added partition 2 : type 05, fill\n"
            "    Added partition 5 : type 83, 5000 MiB, logical, bootable\n"
            "    Added partition 6 : type 83, fill, logical\n"
            "+ Included mount points : / /var\n"
            "+ Excluded directories : /tmp /var/cache\n"
            "+ Not cloned :\n"
            "     /mnt/ka (loop0, squashfs): not a drive\n"
            "+ Bootloader is: grub --with=jfs --with=ata_piix (on sda)\n"
            "+ Nodes : any machine that boots the PXE label becomes one (--only FILE names those that may)\n");
}

TEST_F(ServerPlan, ADescMustHaveEveryMountedPartition) {
  desc("swap 500\nextended fill\nlogical linux fill\n");
  EXPECT_EQ(
      refusal(),
      "cannot clone this machine: sda6 is mounted on /var, but the desc of sda has no such partition (it makes 1 2 5)");
}

TEST_F(ServerPlan, ADescMustNotMakeSwapOfAMountedPartition) {
  desc("swap 500\nextended fill\nlogical swap 5000\nlogical linux fill\n");
  EXPECT_EQ(refusal(), "cannot clone this machine: sda5 is / (ext4) here, and swap in the desc");
}

TEST_F(ServerPlan, SwapInUseMustStaySwap) {
  desc("linux 500\nextended fill\nlogical linux 5000\nlogical linux fill\n");
  EXPECT_THAT(refusal(), HasSubstr("sda1 is swap space in use, and the desc gives it another type"));
}

TEST_F(ServerPlan, AllReasonsAreToldAtOnce) {
  input_.options.excluded_drives = {"sda1"};
  input_.options.raw_partitions = {"sdc1"};
  input_.options.targets = {};
  EXPECT_EQ(refusal(),
            "cannot clone this machine: \n  - -X sda1: is a partition; -X takes a whole drive (sda)"
            "\n  - -D sdc1: there is no such partition here");
}

TEST_F(ServerPlan, ASecondDriveIsClonedToo) {
  also_mounted("30 26 8:17 / /data rw - ext4 /dev/sdb1 rw\n");
  Plan plan = this->plan();
  ASSERT_EQ(plan.manifest.disks.size(), 2u);
  EXPECT_EQ(plan.manifest.file_systems[1].mount_point, "/data");
  EXPECT_EQ(plan.manifest.file_systems[1].disk, "sdb");
}

TEST_F(ServerPlan, ADriveLeftOutByX) {
  also_mounted("30 26 8:17 / /data rw - ext4 /dev/sdb1 rw\n");
  golden_.fstab = parse_fstab("UUID=0001 / ext4 defaults 0 1\nLABEL=data /data ext4 defaults 0 2\n");
  input_.options.excluded_drives = {"/dev/sdb"};
  Plan plan = this->plan();
  EXPECT_EQ(plan.manifest.disks.size(), 1u);
  EXPECT_EQ(plan.not_cloned[1].what, "/data (sdb1, ext4)");
  EXPECT_EQ(plan.not_cloned[1].why, "left out by -X sdb");
  // systemd would stop the clone's boot for it.
  ASSERT_EQ(plan.warnings.size(), 1u);
  EXPECT_THAT(plan.warnings[0], HasSubstr("fstab: /data is on LABEL=data (sdb1), which is not cloned"));
}

TEST_F(ServerPlan, ARemovableDriveIsLeftOutUnlessAllowed) {
  also_mounted("30 26 8:17 / /media/stick rw - vfat /dev/sdb1 rw\n");
  golden_.devices[5].removable = true;
  EXPECT_EQ(plan().manifest.disks.size(), 1u);
  input_.options.allow_removable = true;
  EXPECT_THAT(refusal(), HasSubstr("/media/stick (sdb1, vfat): vfat cannot be cloned so far"));
}

TEST_F(ServerPlan, TheRootDriveCannotBeLeftOut) {
  input_.options.excluded_drives = {"sda"};
  EXPECT_THAT(refusal(), HasSubstr("/ is on sda5, left out by -X sda"));
}

TEST_F(ServerPlan, WhatCannotBeClonedIsRefusedUnlessItsContentIsLeftOut) {
  golden_.devices.push_back(drive("dm-0", 253, 0, 100));
  golden_.devices.back().below = {"sda6"};
  also_mounted("30 26 253:0 / /home rw - ext4 /dev/mapper/vg-home rw\n");
  EXPECT_EQ(refusal(),
            "cannot clone this machine: /home (dm-0, ext4): RAID, LVM and other device-mapper devices cannot be cloned "
            "so far; "
            "-x /home leaves it out");
  input_.options.excluded = {"/home"};
  EXPECT_EQ(plan().not_cloned.back().why, "left out by -x");
}

TEST_F(ServerPlan, ARootThatIsNoPartitionIsRefused) {
  mounts("26 1 0:30 / / rw - overlay overlay rw\n");
  EXPECT_THAT(refusal(), HasSubstr("/ is overlay (overlay), not a file system on a disk of this machine"));
  mounts("26 1 8:16 / / rw - ext4 /dev/sdb rw\n");
  EXPECT_THAT(refusal(), HasSubstr("the whole drive is one file system, without a partition table"));
  mounts("26 1 8:17 / / rw - xfs /dev/sdb1 rw\n");
  EXPECT_THAT(refusal(), HasSubstr("xfs cannot be cloned so far; ext2, ext3, ext4 and swap can"));
}

TEST_F(ServerPlan, AGptDriveIsRefused) {
  golden_.tables["sda"] = parse_sfdisk(R"({"partitiontable":{"label":"gpt","id":"AE-1"}})");
  EXPECT_THAT(refusal(),
              HasSubstr("sda has a partition table of type gpt; only DOS (MBR) tables can be cloned so far"));
}

TEST_F(ServerPlan, BindMountsAndSecondMountsDoNotDoubleTheData) {
  also_mounted(
      "31 26 8:5 /srv /export rw - ext4 /dev/sda5 rw\n"
      "32 26 8:6 / /mnt/var rw - ext3 /dev/sda6 rw\n");
  Plan plan = this->plan();
  EXPECT_EQ(plan.manifest.file_systems.size(), 3u);
  EXPECT_EQ(plan.manifest.file_systems[1].mount_point, "/var");
}

TEST_F(ServerPlan, APartOfAFileSystemAloneIsRefused) {
  also_mounted("31 26 8:17 /pub /export rw - ext4 /dev/sdb1 rw\n");
  EXPECT_THAT(refusal(), HasSubstr("/export: only the part /pub of sdb1 is mounted"));
}

TEST_F(ServerPlan, ServersAreListedAsNotCloned) {
  also_mounted("31 26 0:50 / /home rw - nfs4 filer:/home rw\n");
  EXPECT_EQ(plan().not_cloned.back().what, "/home");
  EXPECT_EQ(plan().not_cloned.back().why, "nfs4 of filer:/home");
}

TEST_F(ServerPlan, ASwapFileInUseIsMadeAnewByAHook) {
  golden_.swaps = parse_swaps("/it's\\040swap file 1048572 0 -2\n/mnt/ka/x file 8 0 -3\n");
  input_.hooks = {{"10-mine", "#!/bin/sh\n"}};
  Plan plan = this->plan();
  ASSERT_EQ(plan.manifest.hooks.size(), 2u);
  EXPECT_EQ(plan.manifest.hooks[0].name, "00-ka-swap-file-1");
  EXPECT_THAT(plan.manifest.hooks[0].content, HasSubstr("file='/it'\\''s swap'\nfallocate -l 1073741824 \"$file\""));
  EXPECT_EQ(left_out_of_stream(plan), std::vector<std::string>{"/it's swap"});
  EXPECT_THAT(plan.warnings[0], HasSubstr("swap file /mnt/ka/x is not on a file system that is cloned"));
  input_.options.excluded = {"/it's swap"};
  EXPECT_EQ(this->plan().manifest.hooks.size(), 1u);
}

TEST_F(ServerPlan, AnUnmountedFileSystemIsMadeEmptyAndSaidSo) {
  input_.descs["sdb"] = wire::parse_desc("linux fill\n", "desc");
  Plan plan = this->plan();
  const wire::FileSystem& last = plan.manifest.file_systems.back();
  EXPECT_EQ(last.disk, "sdb");
  EXPECT_EQ(last.mount_point, "");
  EXPECT_EQ(last.uuid, "0003");
  EXPECT_THAT(plan.warnings[0], HasSubstr("sdb1 (ext4) is not mounted: the clones get it empty"));
}

TEST_F(ServerPlan, RawPartitionsHaveSessionsOfTheirOwn) {
  input_.options.raw_partitions = {"/dev/sdb1"};
  Plan plan = this->plan();
  ASSERT_EQ(plan.manifest.raw_partitions.size(), 1u);
  EXPECT_EQ(plan.manifest.raw_partitions[0].session, "kainstall3");
  EXPECT_EQ(plan.manifest.raw_partitions[0].size, 800 * mib);
}

TEST_F(ServerPlan, RawPartitionsInUseAreRefused) {
  input_.options.raw_partitions = {"sda6"};
  EXPECT_THAT(refusal(), HasSubstr("-D sda6: is mounted on /var; unmount it to copy it byte for byte"));
  input_.options.raw_partitions = {"sda2"};
  EXPECT_THAT(refusal(), HasSubstr("-D sda2: is the extended partition, or not in the desc"));
}

TEST_F(ServerPlan, ARawPartitionMustFit) {
  input_.options.raw_partitions = {"sdb1"};
  input_.descs["sdb"] = wire::parse_desc("linux 799\n", "desc");
  EXPECT_THAT(refusal(), HasSubstr("-D sdb1: is 800.0 MiB, the desc gives it 799 MiB"));
}

TEST_F(ServerPlan, BootCodeTakesTheBootLoadersPlaceAndKeepsTheDiskIdentifier) {
  input_.boot_code["sda"] = std::string(446, 'x');
  Plan plan = this->plan();
  EXPECT_EQ(plan.manifest.boot_loader->kind, wire::BootLoader::Kind::none);
  EXPECT_EQ(plan.manifest.disks[0].boot_code.substr(438), std::string("xx\x27\x14\xbe\x59xx"));
  input_.options.boot_loader = "grub";
  EXPECT_THAT(refusal(), HasSubstr("-r grub and -m/-M both write the boot code of sda"));
}

TEST_F(ServerPlan, BootLoadersThatAreNotThere) {
  input_.options.boot_loader = "lilo";
  EXPECT_THAT(refusal(), HasSubstr("lilo cannot be set up on clones so far"));
  input_.options.boot_loader = "grub -v";
  EXPECT_THAT(refusal(), HasSubstr("-r: \"-v\" is not understood; --with=MODULE is"));
  input_.options.boot_loader = "loadlin";
  EXPECT_THAT(refusal(), HasSubstr("-r: no boot loader \"loadlin\"; grub and none are known"));
}

TEST_F(ServerPlan, Targets) {
  input_.options.targets = {"sda=name:vda"};
  EXPECT_EQ(plan().manifest.targets[0].selector, "name:vda");
  input_.options.targets = {"sdb=name:vda"};
  EXPECT_THAT(refusal(), HasSubstr("--target sdb=name:vda: no drive sdb is cloned; expected DRIVE=SELECTOR"));
}

TEST_F(ServerPlan, ExcludedPathsInOneAnotherAreOne) {
  input_.options.excluded = {"/var/cache/apt", "/var/cache", "/var/cachet"};
  EXPECT_EQ(plan().excluded, (std::vector<std::string>{"/var/cache", "/var/cachet"}));
}

TEST_F(ServerPlan, WhatTheFilesHoldMustFitTheDesc) {
  desc("swap 500\nextended fill\nlogical linux 3050\nlogical linux fill\n");
  Plan plan = this->plan();
  Survey survey;
  survey.totals["/"] = {3000 * mib, 39000};
  survey.totals["/var"] = {900 * mib, 5001};
  try {
    add_survey(plan, survey);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("sda5 gets 3050 MiB, but / holds 2.9 GiB and needs 3.1 GiB with its own tables and what the "
                          "last steps of a clone write there: give it more, or leave something out with -x"));
  }
  // Less is sent: it fits.
  survey.totals["/"] = {2500 * mib, 39000};
  add_survey(plan, survey);
  EXPECT_EQ(plan.manifest.file_systems[0].used, 2500 * mib);
  EXPECT_EQ(plan.manifest.file_systems[1].inodes_used, 5000u);
}

TEST(ServerPath, NormalPaths) {
  EXPECT_EQ(normal_path("//srv/./data//"), "/srv/data");
  for (const char* wrong : {"srv", "", "/", "/./", "/srv/../etc"}) EXPECT_THROW(normal_path(wrong), Error) << wrong;
  EXPECT_TRUE(lies_in("/srv/a", "/srv"));
  EXPECT_TRUE(lies_in("/srv", "/srv"));
  EXPECT_FALSE(lies_in("/srvx", "/srv"));
}

}  // namespace
}  // namespace ka::server
