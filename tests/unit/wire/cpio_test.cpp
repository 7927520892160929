// What an initrd begins with.
#include "wire/boot/cpio.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/unit/cpio.h"

namespace ka::boot {
namespace {

using testing::ElementsAre;

struct Walk {
  explicit Walk(const std::string& bytes) {
    auto read = [&bytes](std::uint64_t at, std::size_t size) {
      return at < bytes.size() ? bytes.substr(static_cast<std::size_t>(at), size) : std::string();
    };
    end = walk_cpio(read, bytes.size(), [this](std::string_view name) { names.emplace_back(name); });
  }
  std::vector<std::string> names;
  std::uint64_t end = 0;
};

TEST(CpioTest, ArchivesOneAfterTheOtherAndWhatIsPackedBehindThem) {
  const std::string early = cpio_of({"kernel/x86/microcode/GenuineIntel.bin"}) + std::string(412, '\0');
  const std::string both = early + cpio_of({"lib/modules/6.1/a.ko", "init"});
  const Walk found(both + "\x28\xb5\x2f\xfd packed");
  EXPECT_THAT(found.names, ElementsAre("kernel/x86/microcode/GenuineIntel.bin", "lib/modules/6.1/a.ko", "init"));
  EXPECT_EQ(found.end, both.size());
  EXPECT_EQ(Walk(both + std::string(4096, '\0')).end, both.size() + 4096);
  EXPECT_EQ(Walk("").end, 0u);
  EXPECT_EQ(Walk("\x1f\x8b").end, 0u);
}

TEST(CpioTest, EachPackerIsKnownByItsFirstBytes) {
  EXPECT_EQ(unpacker_of("\x1f\x8b\x08"), "gzip");
  EXPECT_EQ(unpacker_of("\x28\xb5\x2f\xfd"), "zstd");
  EXPECT_EQ(unpacker_of(std::string_view("\xfd\x37zXZ\0", 6)), "xz");
  EXPECT_EQ(unpacker_of(std::string_view("\x5d\0\0\x80", 4)), "xz");
  EXPECT_EQ(unpacker_of("\x02\x21\x4c\x18"), "lz4");
  EXPECT_EQ(unpacker_of("\x89LZO"), "lzop");
  EXPECT_EQ(unpacker_of("BZh9"), "bzip2");
  EXPECT_EQ(unpacker_of("hsqs"), "");
  EXPECT_EQ(unpacker_of(""), "");
}

TEST(CpioTest, WhatIsCutOffOrSpoiledIsAnErrorOrAnEndAndNoCrash) {
  const std::string whole = cpio_of({"a", "lib/modules/6.1/nvme.ko"});
  for (std::size_t size = 1; size < whole.size(); ++size) {
    try {
      EXPECT_LE(Walk(whole.substr(0, size)).end, size);
    } catch (const Error&) {
    }
    for (const char byte : {'\0', 'f', '9', '\xff'}) {
      std::string spoiled = whole;
      spoiled[size] = byte;
      try {
        EXPECT_LE(Walk(spoiled).end, spoiled.size());
      } catch (const Error&) {
      }
    }
  }
}

}  // namespace
}  // namespace ka::boot
