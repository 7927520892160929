#include "wire/boot/initrd_content.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace ka::boot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ModuleNamesTest, PathsOfModulesInAllTheirForms) {
  EXPECT_EQ(module_of("kernel/drivers/nvme/host/nvme-core.ko"), "nvme_core");
  EXPECT_EQ(module_of("usr/lib/modules/6.1/kernel/drivers/ata/ahci.ko.xz"), "ahci");
  EXPECT_EQ(module_of("sd_mod.ko.zst"), "sd_mod");
  for (const char* path : {"", "etc/modprobe.d/x.conf", "usr/share/kodi", "a.koala"})
    EXPECT_EQ(module_of(path), "") << path;
}

TEST(InitrdContentTest, CryptsetupCountsUnderEitherName) {
  std::set<std::string> held;
  for (const char* name : {"usr/sbin/cryptsetup", "lib/systemd/systemd-cryptsetup", "etc/cryptsetup.conf", "ext4.ko"})
    note_name(held, name);
  EXPECT_THAT(held, ElementsAre("ext4", "program cryptsetup"));
}

std::string error_of(const std::string& content) {
  std::set<std::string> held;
  auto read = [&content](std::uint64_t offset, std::size_t most) { return content.substr(offset, most); };
  try {
    note_plain_part(held, read, content.size());
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(InitrdContentTest, WhatIsNoInitrdIsAnError) {
  EXPECT_THAT(error_of(""), HasSubstr("it is empty"));
  EXPECT_THAT(error_of("not an archive"), HasSubstr("packed in a way that is not known"));
}

}  // namespace
}  // namespace ka::boot
