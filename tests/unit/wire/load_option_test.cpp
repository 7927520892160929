#include "wire/boot/load_option.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace ka::boot {
namespace {

using testing::ElementsAre;

LoadOption debian() {
  LoadOption option;
  option.label = "debian";
  option.drive = HardDrive{1, 2048, 524288, "5D1C0000-1111-2222-3333-444455556666"};
  option.path = "\\EFI\\debian\\shimx64.efi";
  return option;
}

TEST(LoadOptionTest, IsLaidOutAsTheStandardHasIt) {
  const std::string bytes = load_option(debian());
  EXPECT_EQ(bytes.substr(0, 6), std::string("\x01\0\0\0\x62\0", 6));  // active; 42 + 52 + 4 bytes of path
  EXPECT_EQ(bytes.substr(6, 4), std::string("d\0e\0", 4));
  EXPECT_EQ(bytes.substr(20, 4), std::string("\x04\x01\x2a\0", 4));
  // Partition 1, from sector 2048, the GUID's first three fields little-endian, GPT twice.
  EXPECT_EQ(bytes.substr(24, 4), std::string("\x01\0\0\0", 4));
  EXPECT_EQ(bytes.substr(44, 8), std::string("\0\0\x1c\x5d\x11\x11\x22\x22", 8));
  EXPECT_EQ(bytes.substr(60, 2), "\x02\x02");
  EXPECT_EQ(bytes.substr(bytes.size() - 4), std::string("\x7f\xff\x04\0", 4));
}

TEST(LoadOptionTest, ComesBackAsItWasWritten) {
  EXPECT_EQ(parse_load_option(load_option(debian())), debian());
  LoadOption other = debian();
  other.active = false;
  other.label = "Größe 🐧";
  other.drive->identity = "0x59be1427";
  other.arguments = std::string("r\0o\0", 4);
  EXPECT_EQ(parse_load_option(load_option(other)), other);
  EXPECT_EQ(parse_load_option(load_option({})), LoadOption());
}

TEST(LoadOptionTest, AControllerInFrontOfThePartitionChangesNothing) {
  std::string bytes = load_option(debian());
  const std::string controller("\x01\x01\x06\0\x02\x03", 6);  // a PCI device
  bytes.insert(20, controller);
  bytes[4] = static_cast<char>(bytes[4] + 6);
  EXPECT_EQ(parse_load_option(bytes), debian());
}

TEST(LoadOptionTest, WhatIsNotWholeIsNone) {
  const std::string bytes = load_option(debian());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(parse_load_option(bytes.substr(0, size)), std::nullopt);
  std::string loop = bytes;
  loop[22] = 0;  // a node that is shorter than its header
  EXPECT_EQ(parse_load_option(loop), std::nullopt);
}

TEST(LoadOptionTest, AnyBytesAreAnOptionThatCanBeWrittenOrNone) {
  std::mt19937 random(8);
  RecordProperty("seed", 8);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = load_option(debian());
    for (int n = 0; n < 4; ++n) bytes[random() % bytes.size()] = static_cast<char>(random());
    auto option = parse_load_option(bytes);
    EXPECT_TRUE(!option || parse_load_option(load_option(*option)));
  }
}

TEST(LoadOptionTest, NumbersOfEntries) {
  EXPECT_EQ(boot_number("Boot000A"), 10);
  EXPECT_EQ(boot_number("BootOrder"), std::nullopt);
  EXPECT_EQ(boot_number("BootNext"), std::nullopt);
  EXPECT_EQ(boot_variable(0xbeef), "BootBEEF");
  EXPECT_THAT(parse_boot_numbers(std::string("\x01\0\x0a\x01\x07", 5)), ElementsAre(1, 0x10a));
  EXPECT_EQ(boot_numbers({1, 0x10a}), std::string("\x01\0\x0a\x01", 4));
}

TEST(LoadOptionTest, TheListOfFallback) {
  const std::string text = "shimx64.efi,debian,,This is the boot entry for debian\r\n,no file,,\ngrub.efi,b,x\n";
  for (const std::string& mark : {std::string(), std::string("\xff\xfe")}) {
    const auto entries = parse_boot_csv(mark + utf16_of(text));
    ASSERT_EQ(entries.size(), 2u);
    EXPECT_EQ(entries[0].path, "shimx64.efi");
    EXPECT_EQ(entries[0].label, "debian");
    EXPECT_EQ(entries[0].arguments, "");
    EXPECT_EQ(entries[1].arguments, std::string("x\0\0\0", 4));
  }
}

TEST(LoadOptionTest, PathsAreTheSameWhateverTheSizeOfTheirLetters) {
  EXPECT_TRUE(same_path("\\EFI\\Boot\\bootx64.efi", "\\efi\\BOOT\\BOOTX64.EFI"));
  EXPECT_FALSE(same_path("\\EFI\\a", "\\EFI\\ab"));
}

TEST(LoadOptionTest, GuidsAsTextAndBytes) {
  const std::string text = "8BE4DF61-93CA-11D2-AA0D-00E098032B8C";
  const std::string bytes("\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c", 16);
  EXPECT_EQ(guid_text(bytes), text);
  EXPECT_EQ(guid_bytes(text), bytes);
  EXPECT_EQ(guid_bytes("8BE4DF61-93CA-11D2-AA0D-00E098032B8"), std::nullopt);
  EXPECT_EQ(guid_bytes("8BE4DF61-93CA-11D2-AA0D-00E098032BxC"), std::nullopt);
}

}  // namespace
}  // namespace ka::boot
