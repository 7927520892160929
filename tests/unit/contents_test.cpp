// File systems as their own programs make them: read by the server, made anew as the node does it, and read back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "agent/storage/kinds.h"
#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "server/golden/kinds.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"
#include "wire/storage/place.h"

namespace ka {
namespace {

using storage::Ground;
using storage::Node;

constexpr std::uint64_t mib = 1 << 20;

struct Golden {
  const char* name;
  const char* type;
  std::vector<std::string> make;  // before the name of the file
  std::uint64_t mib;
};

void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.name; }

class Contents : public CoroutineTest {
 protected:
  std::string file(const std::string& name, std::uint64_t bytes) {
    files_.file(name, "");
    if (::truncate(files_.at(name).c_str(), static_cast<off_t>(bytes)) != 0) throw Error::from_errno("truncate");
    return files_.at(name);
  }

  void run(const Command& command) {
    std::string said;
    auto keep = [&said](std::string_view line) { said.append(line).append("\n"); };
    const bool good = get(ka::run(io_, command, keep)).ok();
    if (!good) ADD_FAILURE() << command.text() << ": " << said;
  }

  static std::vector<std::string> superblock(const storage::Rule& kind, const std::string& path) {
    std::vector<std::string> bytes;
    for (const storage::Range& range : kind.superblock) bytes.push_back(read_at(path, range.offset, range.size));
    return bytes;
  }

  // The golden one, as the server sends it.
  Node golden(const Golden& g, const std::string& label = "") {
    const std::string path = file("/golden", g.mib * mib);
    Command make(g.make);
    make.argv.push_back(path);
    run(make);
    const server::Reader& reader = *server::find_reader(g.type);
    server::Probe probe;
    probe.type = g.type;
    probe.label = label;
    return {"sda1:fs", {"sda1"}, {}, reader.read(reader, probe, {superblock(reader.kind, path), ""}).what};
  }

  // What is made of it on this ground, with what its maker says of it read back.
  std::string difference(const Node& content, const Ground& ground) {
    const std::string path = file("/copy", ground.bytes);
    const agent::Maker& maker = agent::maker(content);
    const agent::Job job{content, path, ground};
    for (const Command& command : maker.make(job)) run(command);
    if (maker.check) run(maker.check(job));
    const storage::Rule& kind = storage::rule(content);
    return kind.difference(content, ground, {"", {}, {}, kind.read(superblock(kind, path))});
  }

  Scratch files_;
};

class EveryContent : public Contents, public testing::WithParamInterface<Golden> {};

TEST_P(EveryContent, IsTheSameOnADiskOfTheSameSize) {
  const Node content = golden(GetParam());
  EXPECT_TRUE(storage::fits(content, {GetParam().mib * mib, 512}));
  EXPECT_EQ(difference(content, {GetParam().mib * mib, 512}), "");
}

TEST_P(EveryContent, IsMadeOnTheLeastThatItNeedsAndOnMore) {
  const Node content = golden(GetParam());
  const std::uint64_t least = storage::least(content, 512);
  EXPECT_LE(least, GetParam().mib * mib);
  EXPECT_EQ(difference(content, {least, 512}), "");
  EXPECT_EQ(difference(content, {GetParam().mib * mib * 4 + 5 * mib, 512}), "");
}

INSTANTIATE_TEST_SUITE_P(
    Contents, EveryContent,
    testing::Values(
        Golden{"FAT12", "vfat", {"mkfs.fat", "-F", "12", "-i", "7a1c99e2"}, 8},
        Golden{"FAT16 of one table", "vfat", {"mkfs.fat", "-F", "16", "-f", "1", "-r", "1024"}, 100},
        Golden{"FAT32", "vfat", {"mkfs.fat", "-F", "32"}, 300},
        Golden{"FAT32 of large clusters", "vfat", {"mkfs.fat", "-F", "32", "-s", "8"}, 300},
        Golden{"FAT32 of fewer clusters than it should have", "vfat", {"mkfs.fat", "-F", "32", "-s", "1"}, 20}),
    [](const testing::TestParamInfo<Golden>& golden) {
      std::string name;
      for (char c : std::string(golden.param.name)) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
      return name;
    });

using Fat = Contents;

TEST_F(Fat, KeepsWhatItIs) {
  const Node content = golden({"", "vfat", {"mkfs.fat", "-F", "16", "-i", "7a1c99e2", "-n", "EFI"}, 64}, "EFI");
  const auto& fat = storage::as<storage::Fat>(content);
  EXPECT_EQ(fat.uuid, "7A1C-99E2");
  EXPECT_EQ(fat.label, "EFI");
  EXPECT_EQ(fat.width, 16u);
  EXPECT_EQ(storage::rule(content).text(content), "FAT16");
  EXPECT_EQ(difference(content, {64 * mib, 512}), "");
}

// 65,525 clusters: firmware takes what has fewer for a FAT16.
TEST_F(Fat, AnEfiSystemPartitionGrowsOnLargeSectors) {
  const Node content = golden({"", "vfat", {"mkfs.fat", "-F", "32"}, 100});
  EXPECT_LE(storage::least(content, 512), 36 * mib);
  EXPECT_GE(storage::least(content, 4096), 256 * mib);
  EXPECT_LE(storage::least(content, 4096), 260 * mib);
  EXPECT_EQ(difference(content, {storage::least(content, 4096), 4096}), "");
}

TEST_F(Fat, GetsWiderWhereItMust) {
  const Node content = golden({"", "vfat", {"mkfs.fat", "-F", "12"}, 8});
  EXPECT_EQ(difference(content, {6000 * mib, 512}), "");
}

TEST_F(Fat, WhatIsNoneIsRefused) {
  const server::Reader& reader = *server::find_reader("vfat");
  EXPECT_THROW(reader.read(reader, {}, {{std::string(512, '\0')}, ""}), Error);
  EXPECT_THROW(reader.read(reader, {}, {}), Error);
}

TEST_F(Fat, NamesAreWrittenAsTheyAreReadOnTheGoldenMachine) {
  const server::Reader& reader = *server::find_reader("vfat");
  const std::string options =
      reader.mount_options("rw,fmask=0077,codepage=850,iocharset=ascii,shortname=mixed,utf8,errors=remount-ro");
  EXPECT_EQ(options, "codepage=850,iocharset=ascii,shortname=mixed,utf8");
  const Node content{"sda1:fs", {"sda1"}, {}, storage::Fat()};
  EXPECT_THAT(agent::maker(content).modules(options), testing::ElementsAre("nls_cp850", "nls_ascii"));
}

}  // namespace
}  // namespace ka
