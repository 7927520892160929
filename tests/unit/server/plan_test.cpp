// What is cloned of a machine, and what is refused, from the text its tools print.
#include "tests/unit/scratch.h"
#include "tests/unit/server/plan_fixture.h"

namespace ka::server {
namespace {

using testing::Contains;
using testing::HasSubstr;

TEST_F(ServerPlan, TheWholeMachineAsItIs) {
  Plan plan = this->plan();
  const wire::Manifest& m = plan.manifest;
  EXPECT_EQ(m.golden_host, "node40");
  const storage::Storage& s = m.storage;
  ASSERT_EQ(disks_of(plan), 1u);
  EXPECT_EQ(storage::as<storage::Disk>(s.at("sda")).bytes, 10000 * mib);
  EXPECT_EQ(storage::as<storage::Table>(s.at("sda:dos")).identity, "0x59be1427");
  EXPECT_EQ(s.on("sda:dos").size(), 4u);
  EXPECT_TRUE(storage::as<storage::Partition>(s.at("sda5")).active);
  EXPECT_EQ(storage::as<storage::Partition>(s.at("sda5")).start, 1028096u * 512);
  EXPECT_TRUE(storage::as<storage::Partition>(s.at("sda6")).size.fill);
  ASSERT_EQ(m.mounts.size(), 2u);
  EXPECT_EQ(m.mounts[0].point, "/");
  EXPECT_EQ(m.mounts[0].fs, "sda5:fs");
  EXPECT_EQ(m.mounts[0].options, "acl,user_xattr");
  EXPECT_EQ(m.mounts[1].point, "/var");
  EXPECT_EQ(mounted(plan, "/").uuid, "0001");
  EXPECT_EQ(mounted(plan, "/").block_size, 4096u);
  EXPECT_EQ(mounted(plan, "/").used.bytes, 3000 * mib);
  EXPECT_EQ(mounted(plan, "/").used.inodes, 40000u);
  EXPECT_EQ(mounted(plan, "/var").version, "ext3");
  EXPECT_EQ(mounted(plan, "/var").label, "var");
  EXPECT_EQ(storage::as<storage::Swap>(s.at("sda1:fs")).uuid, "5a5a");
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
            "+ Excluded directories : /tmp /var/cache /var/log/ka\n"
            "+ Not cloned :\n"
            "     /mnt/ka (loop0, squashfs): not a drive\n"
            "+ Bootloader is: grub --with=jfs --with=ata_piix (on sda)\n"
            "+ The clones start : \"Debian\", /boot/vmlinuz-6.1, /boot/initrd.img-6.1, root sda5:fs\n"
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
            "\n  - -D sdc1: there is no such partition, array or volume here");
}

TEST_F(ServerPlan, ASecondDriveIsClonedToo) {
  also_mounted("30 26 8:17 / /data rw - ext4 /dev/sdb1 rw\n");
  Plan plan = this->plan();
  ASSERT_EQ(disks_of(plan), 2u);
  EXPECT_EQ(plan.manifest.mounts[1].point, "/data");
  EXPECT_EQ(plan.manifest.mounts[1].fs, "sdb1:fs");
}

TEST_F(ServerPlan, ADriveLeftOutByX) {
  also_mounted("30 26 8:17 / /data rw - ext4 /dev/sdb1 rw\n");
  golden_.fstab = parse_fstab("UUID=0001 / ext4 defaults 0 1\nLABEL=data /data ext4 defaults 0 2\n");
  input_.options.excluded_drives = {"/dev/sdb"};
  Plan plan = this->plan();
  EXPECT_EQ(disks_of(plan), 1u);
  EXPECT_EQ(plan.not_cloned[1].what, "/data (sdb1, ext4)");
  EXPECT_EQ(plan.not_cloned[1].why, "left out by -X sdb");
  // systemd would stop the clone's boot for it.
  ASSERT_EQ(plan.warnings.size(), 1u);
  EXPECT_THAT(plan.warnings[0], HasSubstr("fstab: /data is on LABEL=data (sdb1), which is not cloned"));
}

TEST_F(ServerPlan, ARemovableDriveIsLeftOutUnlessAllowed) {
  also_mounted("30 26 8:17 / /media/stick rw - ntfs3 /dev/sdb1 rw\n");
  golden_.devices[5].removable = true;
  EXPECT_EQ(disks_of(plan()), 1u);
  input_.options.allow_removable = true;
  EXPECT_THAT(refusal(), HasSubstr("/media/stick (sdb1, ntfs3): ntfs3 cannot be cloned so far"));
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
            "cannot clone this machine: /home (dm-0, ext4): dm-0 is made of other devices in a way that cannot be "
            "cloned so far; -x /home leaves it out");
  input_.options.excluded = {"/home"};
  EXPECT_EQ(plan().not_cloned.back().why, "left out by -x");
}

TEST_F(ServerPlan, ARootThatIsNoPartitionIsRefused) {
  mounts("26 1 0:30 / / rw - overlay overlay rw\n");
  EXPECT_THAT(refusal(), HasSubstr("/ is overlay (overlay), not a file system on a disk of this machine"));
  mounts("26 1 8:16 / / rw - ext4 /dev/sdb rw\n");
  EXPECT_THAT(refusal(), HasSubstr("the whole drive is one file system, without a partition table"));
  mounts("26 1 8:17 / / rw - nilfs2 /dev/sdb1 rw\n");
  EXPECT_THAT(refusal(), HasSubstr("nilfs2 cannot be cloned so far; ext2, ext3, ext4, "));
}

TEST_F(ServerPlan, AGptTravelsWithItsGuidsNamesAndAttributes) {
  gpt();
  Plan plan = this->plan();
  const storage::Storage& s = plan.manifest.storage;
  EXPECT_EQ(storage::as<storage::Table>(s.at("sda:gpt")).identity, "5D1C0000-1111-2222-3333-444455556666");
  EXPECT_EQ(storage::as<storage::Table>(s.at("sda:gpt")).slots, 128u);
  const auto& root = storage::as<storage::Partition>(s.at("sda5"));
  EXPECT_EQ(root.type, "0FC63DAF-8483-4772-8E79-3D69D8477DE4");
  EXPECT_EQ(root.guid, "55555555-1111-2222-3333-444455556666");
  EXPECT_EQ(root.name, "root");
  EXPECT_EQ(root.attributes, 0x1000000000000004u);
  EXPECT_TRUE(storage::as<storage::Partition>(s.at("sda6")).size.fill);
  EXPECT_THAT(plan_text(plan, input_), HasSubstr("    Added partition 1 : type bios, 1 MiB\n"
                                                 "    Added partition 5 : type linux, 5000 MiB, \"root\"\n"));
}

TEST_F(ServerPlan, ADescOfAGptKeepsWhatItSaysNothingOf) {
  gpt();
  desc("1: bios 1\n5: linux 4000 shrink\n6: linux fill name \"var\"\n");
  const storage::Storage s = plan().manifest.storage;
  const auto& root = storage::as<storage::Partition>(s.at("sda5"));
  EXPECT_EQ(root.guid, "55555555-1111-2222-3333-444455556666");
  EXPECT_EQ(root.name, "root");
  EXPECT_EQ(root.start, 0u);
  EXPECT_TRUE(root.size.shrinks);
  EXPECT_EQ(storage::as<storage::Partition>(s.at("sda6")).name, "var");
}

TEST_F(ServerPlan, WithShrinkGivesWayWhatIsCopiedAsFiles) {
  auto shrinking = [this] {
    const storage::Storage s = plan().manifest.storage;
    std::string ids;
    for (const storage::Node* node : storage::all<storage::Partition>(s))
      if (storage::as<storage::Partition>(*node).size.shrinks) ids += node->id + " ";
    return ids;
  };
  EXPECT_EQ(shrinking(), "");
  input_.options.shrink = true;
  EXPECT_EQ(shrinking(), "sda5 sda6 ");  // neither swap nor the extended one
  EXPECT_THAT(plan_text(plan(), input_), HasSubstr("Added partition 5 : type 83, 5000 MiB, may shrink"));
  mounts("26 1 8:5 / / rw shared:1 - ext4 /dev/sda5 rw\n");
  input_.options.raw_partitions = {"sda6"};
  EXPECT_EQ(shrinking(), "sda5 ");
}

TEST_F(ServerPlan, ADescMayMakeAGptOfADosDisk) {
  desc("gpt\nswap 500\n5: linux 5000\n6: linux 4000\n7: bios 1\n");
  const storage::Storage s = plan().manifest.storage;
  EXPECT_EQ(storage::as<storage::Table>(s.at("sda:gpt")).identity, "");
  EXPECT_EQ(storage::as<storage::Table>(s.at("sda:gpt")).slots, 128u);
  EXPECT_EQ(storage::as<storage::Partition>(s.at("sda5")).guid, "");
}

TEST_F(ServerPlan, GrubHasNoPlaceOnAGptWithoutABiosBootPartition) {
  gpt();
  desc("5: linux 4000\n6: linux fill\n");
  EXPECT_THAT(refusal(), HasSubstr("sda has a GPT without a BIOS boot partition, which GRUB needs there"));
}

TEST_F(ServerPlan, TablesThatCannotBeClonedAreRefusedByName) {
  for (auto [label, name] : {std::pair("sun", "is a Sun disklabel"), {"bsd", "is a BSD disklabel"}}) {
    golden_.tables["sda"] = storage::ReadTable{label, {}, 512, {}};
    EXPECT_THAT(refusal(), HasSubstr(std::string("the partition table of sda ") + name));
  }
  gpt();
  std::string record(512, '\0');
  record[446 + 4] = '\xee';
  golden_.boot_records["sda"] = record;
  EXPECT_NO_THROW(plan());
  record[446 + 16 + 4] = '\x0c';
  golden_.boot_records["sda"] = record;
  EXPECT_THAT(refusal(), HasSubstr("is a hybrid one: its MBR has partitions beside those of its GPT"));
  golden_.tables["sda"] = storage::read_sfdisk(
      R"({"partitiontable":{"label":"dos","id":"0x0","partitions":[{"node":"sda1","start":1,"size":9,"type":"ee"}]}})");
  EXPECT_THAT(refusal(), HasSubstr("is the protective MBR of a GPT that is not there, or damaged"));
}

TEST_F(ServerPlan, BindMountsAndSecondMountsDoNotDoubleTheData) {
  also_mounted(
      "31 26 8:5 /srv /export rw - ext4 /dev/sda5 rw\n"
      "32 26 8:6 / /mnt/var rw - ext3 /dev/sda6 rw\n");
  Plan plan = this->plan();
  EXPECT_EQ(plan.manifest.mounts.size(), 2u);
  EXPECT_EQ(plan.manifest.mounts[1].point, "/var");
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
  EXPECT_THAT(plan.manifest.hooks[0].content, HasSubstr("file='/it'\\''s swap'\n: >\"$file\"\n"));
  EXPECT_THAT(plan.manifest.hooks[0].content, HasSubstr("\nfallocate -l 1073741824 \"$file\""));
  EXPECT_EQ(left_out_of_stream(plan), (std::vector<std::string>{"/var/log/ka", "/it's swap", "/etc/ka/key"}));
  EXPECT_THAT(plan.warnings[0], HasSubstr("swap file /mnt/ka/x is not on a file system that is cloned"));
  input_.options.excluded = {"/it's swap"};
  EXPECT_EQ(this->plan().manifest.hooks.size(), 1u);
}

TEST_F(ServerPlan, AnUnmountedFileSystemIsMadeEmptyAndSaidSo) {
  input_.descs["sdb"] = wire::parse_desc("linux fill\n", "desc");
  Plan plan = this->plan();
  EXPECT_EQ(storage::as<storage::Ext>(plan.manifest.storage.at("sdb1:fs")).uuid, "0003");
  EXPECT_EQ(plan.manifest.mounts.size(), 2u);
  EXPECT_THAT(plan.warnings[0], HasSubstr("sdb1 (ext4) is not mounted: the clones get it empty"));
}

TEST_F(ServerPlan, RawPartitionsHaveSessionsOfTheirOwn) {
  input_.options.raw_partitions = {"/dev/sdb1"};
  Plan plan = this->plan();
  ASSERT_EQ(plan.manifest.streams.size(), 1u);
  EXPECT_EQ(plan.manifest.streams[0].session, "kainstall3");
  EXPECT_EQ(storage::as<storage::Blocks>(plan.manifest.storage.at(plan.manifest.streams[0].of)).bytes, 800 * mib);
}

TEST_F(ServerPlan, OfARawPartitionWhatItIsFoundByStaysAsItIs) {
  golden_.probes["sdb1"] = {"ntfs", "7A1C", "WIN", ""};
  input_.options.raw_partitions = {"sdb1"};
  {
    const Plan plan = this->plan();
    const auto& blocks = storage::as<storage::Blocks>(plan.manifest.storage.at("sdb1:fs"));
    EXPECT_EQ(blocks.format, "ntfs");
    EXPECT_EQ(blocks.start, mib);
  }
  input_.descs["sdb"] = wire::parse_desc("swap 10\nlinux 800\n", "desc");
  EXPECT_THAT(refusal(), HasSubstr("-D sdb1: is of type 83, the desc gives it 82"));
  input_.descs["sdb"] = wire::parse_desc("2: swap 10\n1: linux 800\n", "desc");
  EXPECT_THAT(refusal(), HasSubstr("copy the golden sdb1 block by block: it begins at sector 2048"));
  input_.descs["sdb"] = wire::parse_desc("gpt\nlinux 800\n", "desc");
  EXPECT_THAT(refusal(), HasSubstr("-D sdb1: the desc makes another kind of partition table"));
  input_.descs.clear();
  input_.options.excluded = {"/mnt/win"};
  also_mounted("40 26 8:17 / /mnt/win rw - fuseblk /dev/sdb1 rw\n");
  EXPECT_THAT(refusal(), HasSubstr("-D sdb1: is mounted on /mnt/win; unmount it to copy it block by block"));
}

TEST_F(ServerPlan, RawPartitionsInUseAreRefused) {
  input_.options.raw_partitions = {"sda6"};
  EXPECT_THAT(refusal(), HasSubstr("-D sda6: is mounted on /var; unmount it to copy it block by block"));
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
  EXPECT_EQ(storage::as<storage::Disk>(plan.manifest.storage.at("sda")).boot_code.substr(438),
            std::string("xx\x27\x14\xbe\x59xx"));
  input_.options.boot_loader = "grub";
  EXPECT_THAT(refusal(), HasSubstr("-r grub and -m/-M both write the boot code of sda"));
}

TEST_F(ServerPlan, ExtlinuxWithAllThatItNeeds) {
  golden_.boot.grub.reset();
  golden_.boot.grub_program = false;
  files_.erase("/boot/grub/grub.cfg");
  golden_.boot.extlinux = {"/boot/extlinux/extlinux.conf", "/boot/extlinux", true, "/usr/lib/syslinux/mbr/mbr.bin", ""};
  files_["/boot/extlinux/extlinux.conf"] =
      "default l0\nlabel l0\n  linux /boot/vmlinuz-6.1\n  initrd /boot/initrd.img-6.1\n  append root=UUID=0001\n";
  EXPECT_EQ(plan().manifest.boot_loader->kind, wire::BootLoader::Kind::extlinux);
  EXPECT_EQ(plan().boots.at(0).summary(), "\"l0\", /boot/vmlinuz-6.1, /boot/initrd.img-6.1, root sda5:fs");
  golden_.tables["sda"].partitions[2].active = false;
  EXPECT_THAT(refusal(), HasSubstr("extlinux is on sda5, which is not marked as bootable"));
  golden_.boot.extlinux->dos_code.clear();
  EXPECT_THAT(refusal(), HasSubstr("mbr.bin"));
  golden_.boot.extlinux->program = false;
  EXPECT_THAT(refusal(), HasSubstr("the program extlinux is not here"));
}

TEST_F(ServerPlan, ALoaderThatNobodyKnowsIsNamed) {
  golden_.boot.grub.reset();
  golden_.boot.grub_program = false;
  files_["/boot/limine.conf"] = "/Linux\n";
  EXPECT_THAT(refusal(), HasSubstr("this machine starts by Limine (/boot/limine.conf)"));
}

TEST_F(ServerPlan, ABootThatLeadsNowhereIsRefusedByFileAndLine) {
  files_.erase("/boot/initrd.img-6.1");
  EXPECT_THAT(refusal(), HasSubstr("the clones would not start: /boot/grub/grub.cfg:3: initrd /boot/initrd.img-6.1: "
                                   "there is no such file"));
  files_["/boot/initrd.img-6.1"] = "content";
  input_.options.excluded = {"/boot/vmlinuz-6.1"};  // here, and not in the stream
  EXPECT_THAT(refusal(), HasSubstr("kernel /boot/vmlinuz-6.1: there is no such file"));
  input_.options.excluded.clear();
  files_["/boot/grub/grub.cfg"] = "menuentry other {\n  chainloader +1\n}\n";
  EXPECT_THAT(refusal(), HasSubstr("/boot/grub/grub.cfg:2: entry \"other\": not understood"));
  input_.options.boot_loader = "none";
  EXPECT_EQ(refusal(), "no refusal");
}

TEST_F(ServerPlan, BootLoadersThatAreNotThere) {
  input_.options.boot_loader = "lilo";
  EXPECT_THAT(refusal(), HasSubstr("there is no program lilo here"));
  input_.options.boot_loader = "extlinux";
  EXPECT_THAT(refusal(), HasSubstr("there is no configuration of extlinux"));
  input_.options.boot_loader = "grub -v";
  EXPECT_THAT(refusal(), HasSubstr("-r: \"-v\" is not understood; --with=MODULE is"));
  input_.options.boot_loader = "loadlin";
  EXPECT_THAT(refusal(), HasSubstr("-r: no boot loader \"loadlin\"; grub, extlinux, lilo and none are known"));
}

TEST_F(ServerPlan, Targets) {
  input_.options.targets = {"sda=name:vda"};
  EXPECT_EQ(plan().manifest.targets[0].selector, "name:vda");
  input_.options.targets = {"sdb=name:vda"};
  EXPECT_THAT(refusal(), HasSubstr("--target sdb=name:vda: no drive sdb is cloned; expected DRIVE=SELECTOR"));
}

TEST_F(ServerPlan, ExcludedPathsInOneAnotherAreOne) {
  input_.options.excluded = {"/var/cache/apt", "/var/cache", "/var/cachet"};
  EXPECT_EQ(plan().excluded, (std::vector<std::string>{"/var/cache", "/var/cachet", "/var/log/ka"}));
  input_.options.excluded = {"/var/log", "/var/log/ka/old"};
  EXPECT_EQ(plan().excluded, (std::vector<std::string>{"/var/log"}));
}

// Whoever has it is the server of this site.
TEST_F(ServerPlan, NoCloneGetsTheKey) {
  EXPECT_THAT(left_out_of_stream(plan()), Contains("/etc/ka/key"));
  Scratch files;
  files.file("/key", "");
  files.link("/link", "key");
  input_.options.key = files.at("/link");
  EXPECT_THAT(left_out_of_stream(plan()), Contains(files.at("/key"))) << "the file itself, whatever its name";
}

TEST_F(ServerPlan, TheLogsOfNodesAreLeftOutAlsoWhereThereAreNoneYet) {
  Plan plan = this->plan();
  EXPECT_THAT(left_out_of_stream(plan), Contains("/var/log/ka"));
  Survey survey;
  survey.missing = {"/var/log/ka"};
  add_survey(plan, survey);
  EXPECT_THAT(plan.warnings, testing::Not(Contains(HasSubstr("/var/log/ka"))));
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
  EXPECT_EQ(mounted(plan, "/").used.bytes, 2500 * mib);
  EXPECT_EQ(mounted(plan, "/var").used.inodes, 5000u);
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
