// What is asked for and is not there, what a clone would lack or wait for, and what its last steps need.
#include "tests/unit/server/plan_fixture.h"

namespace ka::server {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST_F(ServerPlan, WhatIsNotThereIsRefusedOnTheCommandLineAndAWarningInTheFile) {
  struct Case {
    const char *key, *value, *text;
    void (*ask)(CloneOptions&);
  };
  const Case cases[] = {{"exclude-drive", "sbd", "-X sbd: there is no such drive here; there are sda, sdb",
                         [](CloneOptions& o) { o.excluded_drives = {"sbd"}; }},
                        {"raw", "sdc1", "-D sdc1: there is no such partition, array or volume here",
                         [](CloneOptions& o) { o.raw_partitions = {"sdc1"}; }},
                        {"target", "sdb=name:vda", "--target sdb=name:vda: no drive sdb is cloned",
                         [](CloneOptions& o) { o.targets = {"sdb=name:vda"}; }},
                        {"boot-loader", "grub", "-r --with=nosuch: no kernel here has such a module",
                         [](CloneOptions& o) { o.boot_loader = "grub --with=nosuch"; }}};
  for (const Case& c : cases) {
    input_.options = CloneOptions();
    c.ask(input_.options);
    EXPECT_THAT(refusal(), HasSubstr(c.text));
    input_.options.from_file = {{c.key, c.value}};
    EXPECT_THAT(plan().warnings, Contains(HasSubstr(c.text))) << c.key;
  }
}

TEST_F(ServerPlan, BootCodeOfADriveThatIsNotThere) {
  input_.options.mbr_drives = {"/dev/sdx"};
  input_.boot_code["sdx"] = "";
  EXPECT_THAT(refusal(), HasSubstr("-m/-M sdx: there is no such drive here"));
  input_.options.from_file = {{"mbr", "/dev/sdx"}};
  EXPECT_THAT(plan().warnings, Contains(HasSubstr("-m/-M sdx: there is no such drive here")));
}

TEST_F(ServerPlan, BootCodeOfGrubIsRefused) {
  std::string code(446, '\0');
  code.replace(0x180, 4, "GRUB");
  input_.boot_code["sda"] = code;
  EXPECT_THAT(refusal(),
              HasSubstr("-m/-M sda: this is GRUB's boot code, which starts what lies in the sectors behind it"));
}

TEST_F(ServerPlan, WithoutWhatNoCloneStartsCannotBeLeftOut) {
  golden_.needed = {{"/etc/passwd"}, {"/boot/vmlinuz-6.1"}, {"/sbin/init"}, {"/usr/lib/systemd/systemd"}};
  input_.options.excluded = {"/etc", "/boot", "/usr/lib"};
  std::string why = refusal();
  EXPECT_THAT(why, HasSubstr("-x /etc: it holds /etc/passwd, without which no clone starts"));
  EXPECT_THAT(why, HasSubstr("-x /boot: it holds /boot/vmlinuz-6.1"));
  EXPECT_THAT(why, HasSubstr("-x /usr/lib: it holds /usr/lib/systemd/systemd"));
  input_.options.excluded = {"/etc/skel", "/usr/share/doc"};
  EXPECT_THAT(plan().warnings, IsEmpty());
}

TEST_F(ServerPlan, ADirectoryOfXThatIsNotThere) {
  Survey survey;
  survey.missing = {"/tpm"};
  input_.options.excluded = {"/tpm"};
  Plan asked = plan();
  EXPECT_THROW(add_survey(asked, survey), Error);
  input_.options.from_file = {{"exclude", "/tpm"}};
  Plan filed = plan();
  add_survey(filed, survey);
  EXPECT_THAT(filed.warnings, Contains(HasSubstr("-x /tpm: there is no such directory")));
}

TEST_F(ServerPlan, TargetsInWords) {
  for (const char* wrong : {"sda", "sda=vda", "sda=name:", "sda=disk:vda"}) {
    input_.options.targets = {wrong};
    EXPECT_THAT(refusal(), HasSubstr(std::string("--target ") + wrong + ": expected DRIVE=SELECTOR"));
  }
  input_.options.targets = {"sda=name:vda", "sda=serial:1"};
  EXPECT_THAT(refusal(), HasSubstr("a second rule for sda"));
}

TEST_F(ServerPlan, FstabInEveryFormOfName) {
  golden_.links["sda6"] = {"/dev/disk/by-id/ata-KA_1-part6"};
  for (const char* mine :
       {"/dev/disk/by-uuid/0002", "UUID=0002", "UUID=\"0002\"", "LABEL=var", "PARTUUID=59be1427-06", "/dev/sda6",
        "/dev/disk/by-partuuid/59be1427-06", "/dev/disk/by-label/var", "/dev/disk/by-id/ata-KA_1-part6"}) {
    golden_.fstab = parse_fstab(std::string(mine) + " /var ext3 defaults 0 2\n");
    EXPECT_THAT(plan().warnings, IsEmpty()) << mine;
  }
  golden_.links["sdb1"] = {"/dev/disk/by-id/ata-KA_2-part1"};
  for (const char* other : {"LABEL=data", "UUID=0003", "/dev/disk/by-uuid/0003", "/dev/sdb1", "PARTUUID=00000002-01",
                            "/dev/disk/by-id/ata-KA_2-part1", "/dev/mapper/vg-data", "PARTLABEL=data"}) {
    golden_.fstab = parse_fstab(std::string(other) + " /backup ext4 defaults 0 2\n");
    EXPECT_THAT(plan().warnings, Contains(HasSubstr("fstab: /backup is on " + std::string(other)))) << other;
    golden_.fstab = parse_fstab(std::string(other) + " /backup ext4 nofail 0 2\n");
    EXPECT_THAT(plan().warnings, IsEmpty()) << other;
  }
  golden_.fstab =
      parse_fstab("tmpfs /tmp tmpfs defaults 0 0\nnas:/home /home nfs defaults 0 0\n/srv /export none bind\n");
  EXPECT_THAT(plan().warnings, IsEmpty());
}

TEST_F(ServerPlan, ACloneMustNotGetAPartOfItselfEmpty) {
  mounts("26 1 8:5 / / rw shared:1 - ext4 /dev/sda5 rw\n");
  golden_.fstab = parse_fstab("UUID=0002 /var ext3 noauto,x-systemd.automount 0 2\n");
  EXPECT_THAT(refusal(),
              HasSubstr("/var is sda6 in fstab, and not mounted now: the clones would get it empty; mount it, "
                        "or leave it out with -x /var"));
  input_.options.excluded = {"/var"};
  EXPECT_NO_THROW(plan());
}

TEST_F(ServerPlan, ARootThatIsADirectoryOfItsFileSystem) {
  mounts(
      "26 1 8:5 /ostree/deploy/fedora/deploy/ab12.0 / rw - ext4 /dev/sda5 rw\n"
      "27 26 8:5 / /sysroot ro - ext4 /dev/sda5 rw\n"
      "28 26 8:6 / /var rw - ext3 /dev/sda6 rw\n");
  std::string why = refusal();
  EXPECT_THAT(why, HasSubstr("/ is the directory /ostree/deploy/fedora/deploy/ab12.0 of that file system, as OSTree"));
  EXPECT_THAT(why, Not(HasSubstr("-x")));
  EXPECT_THAT(why, Not(HasSubstr("manifest")));
}

TEST_F(ServerPlan, WhatCannotBeToldOfAPartitionCountsOnlyWhereItIsCloned) {
  golden_.probes["sdb1"] = {"", "", "", "it carries the marks of more than one file system or use"};
  EXPECT_THAT(plan().warnings, IsEmpty());
  input_.descs["sdb"] = wire::parse_desc("linux fill\n", "desc");
  EXPECT_THAT(refusal(), HasSubstr("sdb1: what is on it cannot be told (it carries the marks of more than one"));
}

TEST_F(ServerPlan, AMountedFileSystemIsWhatItIsMountedAs) {
  golden_.probes["sda6"] = {"", "", "", "it carries the marks of more than one file system or use"};
  golden_.answers["sda6"].program += "Filesystem UUID: 0002\nFilesystem volume name: var\n";
  Plan plan = this->plan();
  EXPECT_EQ(mounted(plan, "/var").uuid, "0002");
  EXPECT_EQ(mounted(plan, "/var").label, "var");
  EXPECT_THAT(plan.warnings, Contains(HasSubstr("it is mounted as ext3, and cloned as that")));
}

TEST_F(ServerPlan, AllThatIsWrongIsToldTogether) {
  golden_.tables["sda"] = storage::ReadTable{"sun", {}, 512, {}};
  mounts(
      "26 1 8:5 / / rw - nilfs2 /dev/sda5 rw\n"
      "27 26 8:6 / /var rw - ufs /dev/sda6 rw\n");
  input_.options.excluded_drives = {"sbd"};
  std::string why = refusal();
  for (const char* part : {"/ (sda5, nilfs2): nilfs2 cannot", "/var (sda6, ufs)", "is a Sun disklabel", "-X sbd"})
    EXPECT_THAT(why, HasSubstr(part));
}

TEST_F(ServerPlan, GrubIsAskedForBeforeAnythingIsCopied) {
  golden_.boot.grub = {"/boot/grub2", "grub2-install", "/usr/share/grub2/i386-pc"};
  EXPECT_EQ(plan().manifest.boot_loader->kind, wire::BootLoader::Kind::grub);
  golden_.boot.grub = {"/boot/grub2", "grub2-install", ""};
  EXPECT_THAT(refusal(), HasSubstr("install grub2-pc and grub2-pc-modules (Fedora, RHEL) or grub2-i386-pc (SUSE)"));
  golden_.boot.grub = {"/boot/grub", "", ""};  // stage2's does it
  EXPECT_NO_THROW(plan());
  golden_.boot.grub.reset();
  EXPECT_THAT(refusal(), HasSubstr("there is no grub.cfg in /boot/grub or /boot/grub2"));
  golden_.boot.grub_legacy = true;
  EXPECT_THAT(refusal(), HasSubstr("this machine starts by GRUB legacy (menu.lst), which cannot be set up on clones"));
  input_.options.boot_loader = "none";
  EXPECT_NO_THROW(plan());
}

TEST_F(ServerPlan, TheLastStepsOfACloneNeedRoomToo) {
  golden_.boot.makes_initrds = true;
  golden_.boot.largest_initrd = 60 * mib;
  const Plan with = plan();
  EXPECT_EQ(mounted(with, "/").used.later, (1 + 12 + 60) * mib);    // keys, GRUB, a new initrd beside the old one
  EXPECT_EQ(mounted(with, "/var").used.later, (1 + 4 * 60) * mib);  // the log, and the initrd unpacked in /var/tmp
  golden_.boot.makes_initrds = false;
  EXPECT_EQ(mounted(plan(), "/var").used.later, 1 * mib);
}

TEST_F(ServerPlan, ANearlyFullRootIsRefusedWhenItsSizeIsKnown) {
  golden_.usage["/"] = {4850 * mib, 40000};
  Plan plan = this->plan();
  Survey survey;
  survey.totals["/"] = {4850 * mib, 39000};
  survey.totals["/var"] = {900 * mib, 5001};
  try {
    add_survey(plan, survey);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("sda5 gets 5000 MiB, but / holds"));
  }
}

TEST_F(ServerPlan, TheGoldenNamesTravel) {
  golden_.links["sda"] = {"/dev/disk/by-id/ata-KA_1"};
  golden_.links["sda6"] = {"/dev/disk/by-id/ata-KA_1-part6"};
  const wire::Manifest manifest = plan().manifest;
  EXPECT_EQ(manifest.storage.at("sda").links, golden_.links["sda"]);
  EXPECT_EQ(manifest.storage.at("sda6").links, golden_.links["sda6"]);
}

TEST_F(ServerPlan, WhatTheWalkFindsIsRefusedByPath) {
  Plan plan = this->plan();
  Survey survey;
  survey.problems = {{"/srv/vault", "is encrypted (fscrypt): its content would arrive readable, or not at all"}};
  try {
    add_survey(plan, survey);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/srv/vault: is encrypted"));
  }
}

}  // namespace
}  // namespace ka::server
