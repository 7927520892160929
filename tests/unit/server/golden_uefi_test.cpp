// What the golden machine starts by, from a folder that looks like one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "base/efi_variable.h"
#include "server/golden/golden.h"
#include "tests/unit/efi_fixture.h"
#include "tests/unit/scratch.h"
#include "wire/boot/load_option.h"

namespace ka::server {
namespace {

using testing::HasSubstr;

class GoldenUefi : public testing::Test {
 protected:
  GoldenUefi() {
    file("debian/shimx64.efi", boot::efi_fixture::program("sbat,1\nshim,4\n"));
    file("debian/grubx64.efi", boot::efi_fixture::program("sbat,1\ngrub,3\n"));
  }

  void file(const std::string& name, const std::string& content) { root_.file("/boot/efi/EFI/" + name, content); }
  void variable(const std::string& name, const std::string& content) {
    root_.file(std::string(efi_variables) + "/" + name + "-" + std::string(efi_global), efi_variable_content(content));
  }
  void nvram(const std::string& path) {
    boot::LoadOption option;
    option.label = "by NVRAM";
    option.drive = boot::HardDrive{1, 2048, 4096, "5D1C0000-1111-2222-3333-444455556666"};
    option.path = path;
    variable("Boot0005", boot::load_option(option));
    variable("BootOrder", boot::boot_numbers({9, 5}));
    variable("BootCurrent", boot::boot_numbers({9}));  // it came by PXE this time
    variable("Boot0009", boot::load_option({}));
  }
  std::vector<UefiLoader> read() {
    return read_uefi_loaders(root_.root(), {{"sda1", "/boot/efi", "5d1c0000-1111-2222-3333-444455556666", 1}});
  }

  Scratch root_;
};

TEST_F(GoldenUefi, TheEntryInNvramGoesBeforeAllElse) {
  nvram("\\EFI\\debian\\shimx64.efi");
  file("debian/BOOTX64.CSV", boot::utf16_of("shimx64.efi,debian,,comment\n"));
  const auto loaders = read();
  ASSERT_EQ(loaders.size(), 2u);
  EXPECT_EQ(loaders[0].why_not, "");
  EXPECT_EQ(loaders[0].entry.label, "by NVRAM");
  EXPECT_EQ(loaders[0].entry.path, "\\EFI\\debian\\shimx64.efi");
  ASSERT_EQ(loaders[0].chain.size(), 2u);
  EXPECT_EQ(loaders[0].chain[1].path, "/boot/efi/EFI/debian/grubx64.efi");
  EXPECT_EQ(loaders[0].bytes, 2048u);
  EXPECT_FALSE(loaders[0].removable);
  EXPECT_EQ(loaders[1].entry.label, "debian");
}

TEST_F(GoldenUefi, WithoutEntriesTheRemovablePathIsTheLastWay) {
  EXPECT_TRUE(read().empty());
  file("BOOT/BOOTX64.EFI", boot::efi_fixture::program("sbat,1\ngrub,3\n"));
  const auto loaders = read();
  ASSERT_EQ(loaders.size(), 1u);
  EXPECT_EQ(loaders[0].entry.path, "\\EFI\\BOOT\\BOOTX64.EFI");
  EXPECT_TRUE(loaders[0].removable);
  EXPECT_EQ(loaders[0].why_not, "");
}

TEST_F(GoldenUefi, WhatIsNotUnderstoodIsSaid) {
  file("other/x.efi", boot::efi_fixture::program("sbat,1\nother,1\n"));
  nvram("\\EFI\\other\\x.efi");
  EXPECT_THAT(read()[0].why_not, HasSubstr("/boot/efi/EFI/other/x.efi is not known"));
  nvram("\\EFI\\other\\none.efi");
  EXPECT_NE(read()[0].why_not, "");
}

// .sbat of systemd 252 has "systemd" for both of its programs, and a kernel before 6.16 has none.
TEST_F(GoldenUefi, ProgramsAreKnownByTheMarksThatAllTheirReleasesHave) {
  const std::tuple<const char*, const char*, boot::UefiWay::Loader> programs[] = {
      {"#### LoaderInfo: systemd-boot 252.39-1~deb12u2 ####", ".sdmagic", boot::UefiWay::Loader::systemd_boot},
      {"#### LoaderInfo: systemd-stub 252.39-1~deb12u2 ####", ".sdmagic", boot::UefiWay::Loader::stub},
      {"\xeb\x66HdrS", ".text", boot::UefiWay::Loader::stub},
  };
  for (const auto& [content, section, kind] : programs)
    for (const char* place : {"some/name.efi", "BOOT/BOOTX64.EFI"}) {
      file(place, boot::efi_fixture::program(content, "", section));
      std::string path = std::string("\\EFI\\") + place;
      std::replace(path.begin(), path.end(), '/', '\\');
      nvram(path);
      EXPECT_EQ(read()[0].why_not, "") << content;
      EXPECT_EQ(read()[0].kind, kind) << content << " as " << place;
    }
}

TEST_F(GoldenUefi, AnEntryForAnotherDiskIsNotThisMachines) {
  nvram("\\EFI\\debian\\shimx64.efi");
  EXPECT_TRUE(
      read_uefi_loaders(root_.root(), {{"sda1", "/boot/efi", "AAAA0000-1111-2222-3333-444455556666", 1}}).empty());
}

}  // namespace
}  // namespace ka::server
