// How the clones start, of a golden machine with an EFI system partition.
#include "tests/unit/server/plan_fixture.h"

namespace ka::server {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class PlanUefi : public ServerPlan {
 protected:
  PlanUefi() {
    golden_.swaps.clear();
    golden_.uefi = true;
    table("");
    golden_.probes["sda1"] = {"vfat", "7A1C-99E2", "", ""};
    golden_.answers["sda1"] = {{fat()}, ""};
    golden_.usage["/boot/efi"] = {5 * mib, 0};
    also_mounted("30 26 8:1 / /boot/efi rw - vfat /dev/sda1 rw\n");
    UefiLoader loader;
    loader.device = "sda1";
    loader.entry = {"", "\\EFI\\debian\\shimx64.efi", "debian", ""};
    loader.chain = {{"/boot/efi/EFI/debian/shimx64.efi", "aa", "shim,4", {}}};
    loader.bytes = 3 * mib;
    golden_.uefi_loaders = {loader};
  }

  void table(const std::string& more) {
    golden_.tables["sda"] = storage::read_sfdisk(R"({"partitiontable": {"label":"gpt",
      "id":"5d1c0000-1111-2222-3333-444455556666", "firstlba":34, "lastlba":20479966, "sectorsize":512, "partitions": [
      {"node":"/dev/sda1", "start":2048, "size":40960, "type":"C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
       "uuid":"11111111-1111-2222-3333-444455556666"},)" +
                                                 more + R"(
      {"node":"/dev/sda5", "start":1028096, "size":10240000, "type":"0FC63DAF-8483-4772-8E79-3D69D8477DE4",
       "uuid":"55555555-1111-2222-3333-444455556666"},
      {"node":"/dev/sda6", "start":11270144, "size":9207808, "type":"0FC63DAF-8483-4772-8E79-3D69D8477DE4",
       "uuid":"66666666-1111-2222-3333-444455556666"}]}})");
  }

  // The first sector of a FAT16 of 20 MiB.
  static std::string fat() {
    std::string sector(512, '\0');
    auto put = [&sector](std::size_t at, std::string_view bytes) { sector.replace(at, bytes.size(), bytes); };
    put(0, std::string_view("\xeb\x3c\x90mkfs.fat\0\2\4\1\0\2\0\2\0\xa0\xf8\xa0\0\x20\0\x08\0", 28));
    put(36, std::string_view("\x80\0\x29\xe2\x99\x1c\x7aNO NAME    FAT16   ", 26));
    put(510, "\x55\xaa");
    return sector;
  }
};

TEST_F(PlanUefi, NothingOfABiosIsNeeded) {
  const Plan made = plan();
  const wire::Manifest& manifest = made.manifest;
  ASSERT_TRUE(manifest.boot.uefi);
  EXPECT_THAT(manifest.boot.uefi->esps, ElementsAre("sda1:fs"));
  EXPECT_EQ(manifest.boot.uefi->entries.front().esp, "sda1:fs");
  EXPECT_EQ(manifest.boot.uefi->entries.front().label, "debian");
  EXPECT_FALSE(manifest.boot.bios);
  EXPECT_THAT(manifest.firmware, ElementsAre("uefi"));
  EXPECT_EQ(manifest.boot_loader->kind, wire::BootLoader::Kind::none);
  // \EFI\BOOT is added on the node.
  EXPECT_EQ(storage::usage_of(manifest.storage.at("sda1:fs"))->later, 3 * mib);
  EXPECT_THAT(plan_text(made, input_),
              HasSubstr("+ Starts by UEFI : \\\\EFI\\\\debian\\\\shimx64.efi on /dev/sda1 (\"debian\", disk-first)"));
}

TEST_F(PlanUefi, BothWaysWhereBothAre) {
  table(R"({"node":"/dev/sda2", "start":43008, "size":2048, "type":"21686148-6449-6E6F-744E-656564454649",
            "uuid":"22222222-1111-2222-3333-444455556666"},)");
  input_.options.boot_order = "pxe-first";
  const Plan made = plan();
  EXPECT_THAT(made.manifest.firmware, ElementsAre("bios", "uefi"));
  EXPECT_TRUE(made.manifest.boot.bios && made.manifest.boot.uefi);
  EXPECT_EQ(made.manifest.boot.order, boot::Order::pxe_first);
  EXPECT_EQ(made.manifest.boot_loader->kind, wire::BootLoader::Kind::grub);
}

TEST_F(PlanUefi, TheReasonIsNamedIfItCannotBeFollowed) {
  golden_.uefi_loaders.front().why_not = "it is not known";
  EXPECT_THAT(refusal(), HasSubstr("without a BIOS boot partition"));
  EXPECT_THAT(refusal(), HasSubstr("by UEFI they do not start: \\EFI\\debian\\shimx64.efi on sda1: it is not known"));
  golden_.uefi_loaders.clear();
  EXPECT_THAT(refusal(), HasSubstr("no EFI system partition that is cloned is mounted here"));
}

TEST_F(PlanUefi, SystemdBootIsFollowedToItsKernel) {
  golden_.uefi = true;
  golden_.uefi_loaders.front().kind = boot::UefiWay::Loader::systemd_boot;
  EXPECT_THAT(refusal(),
              HasSubstr("the clones would not start: /boot/efi/loader/loader.conf: menu: there is no entry"));
  files_["/boot/efi/loader/entries/debian.conf"] = "title Debian\nlinux /linux\noptions root=UUID=0001 ro\n";
  EXPECT_THAT(refusal(), HasSubstr("/boot/efi/loader/entries/debian.conf:2: kernel /boot/efi/linux: there is no such"));
  files_["/boot/efi/linux"] = "content";
  EXPECT_THAT(plan().boots.back().summary(), HasSubstr("\"Debian\", /boot/efi/linux, root sda5:fs"));
}

TEST_F(PlanUefi, AnotherLoaderThatWillDoIsTakenWithAWord) {
  UefiLoader strange = golden_.uefi_loaders.front();
  strange.entry.path = "\\EFI\\strange\\x.efi";
  strange.why_not = "it is not known";
  golden_.uefi_loaders.insert(golden_.uefi_loaders.begin(), strange);
  const Plan made = plan();
  EXPECT_EQ(made.manifest.boot.uefi->entries.front().path, "\\EFI\\debian\\shimx64.efi");
  EXPECT_THAT(made.warnings, Contains(HasSubstr("not by \\EFI\\strange\\x.efi on sda1: it is not known")));
}

}  // namespace
}  // namespace ka::server
