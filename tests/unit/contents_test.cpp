// File systems as their own programs make them: read by the server, made anew as the node does it, and read back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>

#include "agent/storage/kinds.h"
#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "server/golden/kinds.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"
#include "wire/storage/makes.h"
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
    testing::Values(Golden{"FAT12", "vfat", {"mkfs.fat", "-F", "12", "-i", "7a1c99e2"}, 8},
                    Golden{"FAT16 of one table", "vfat", {"mkfs.fat", "-F", "16", "-f", "1", "-r", "1024"}, 100},
                    Golden{"FAT32", "vfat", {"mkfs.fat", "-F", "32"}, 300},
                    Golden{"FAT32 of large clusters", "vfat", {"mkfs.fat", "-F", "32", "-s", "8"}, 300},
                    Golden{
                        "FAT32 of fewer clusters than it should have", "vfat", {"mkfs.fat", "-F", "32", "-s", "1"}, 20},
                    Golden{"JFS", "jfs", {"jfs_mkfs", "-q", "-L", "my disk"}, 64},
                    Golden{"JFS that ignores case", "jfs", {"jfs_mkfs", "-q", "-O"}, 32},
                    Golden{"ReiserFS", "reiserfs", {"mkreiserfs", "-q", "-f", "-f", "-h", "tea", "-l", "my disk"}, 64},
                    Golden{"F2FS", "f2fs", {"mkfs.f2fs", "-q", "-f"}, 64},
                    Golden{"F2FS of many features",
                           "f2fs",
                           {"mkfs.f2fs", "-q", "-f", "-l", "my däsk", "-C", "utf8:strict", "-O",
                            "extra_attr,inode_checksum,inode_crtime,sb_checksum,compression,lost_found,casefold"},
                           200},
                    Golden{"exFAT", "exfat", {"mkfs.exfat", "-c", "32K", "-L", "my disk"}, 64},
                    Golden{"Btrfs", "btrfs", {"mkfs.btrfs", "-q", "-L", "a label"}, 200},
                    Golden{"Btrfs of old",
                           "btrfs",
                           {"mkfs.btrfs", "-q", "-m", "single", "-n", "4096", "--csum", "sha256", "-O",
                            "^no-holes,^extref,^skinny-metadata", "-R", "^free-space-tree"},
                           120},
                    Golden{"Btrfs of mixed blocks", "btrfs", {"mkfs.btrfs", "-q", "-M"}, 64}),
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

// What mkfs.xfs made.
std::string recorded(const std::string& name) {
  return read_file(std::string(KA_SOURCE) + "/tests/fuzz/corpus/superblock/" + name);
}

std::string with(std::string superblock, std::size_t at, char byte) {
  superblock[at] = byte;
  return superblock;
}

Node xfs(const std::string& superblock) {
  const server::Reader& reader = *server::find_reader("xfs");
  return {"sda1:fs", {"sda1"}, {}, reader.read(reader, {}, {{superblock}, ""}).what};
}

std::string refused(const std::string& superblock) {
  try {
    xfs(superblock);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string made(const Node& content, std::uint64_t bytes) {
  return agent::maker(content).make({content, "/dev/sda1", {bytes, 512}}).at(0).text();
}

TEST(Xfs, IsMadeWithJustTheFeaturesThatItHas) {
  const Node content = xfs(recorded("xfs-newest"));
  EXPECT_EQ(made(content, 400 * mib),
            "mkfs.xfs -q -f -K -b size=4096 -m uuid=0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f,crc=1,finobt=1,rmapbt=1,"
            "reflink=1,inobtcount=1,bigtime=1 -i size=1024,maxpct=25,attr=2,sparse=1,nrext64=1,projid32bit=1 -n "
            "size=8192,ftype=1 -l lazy-count=1 -L data /dev/sda1");
}

TEST(Xfs, OfVersion4StaysSo) {
  EXPECT_THAT(made(xfs(recorded("xfs-version-4")), 400 * mib),
              testing::AllOf(testing::HasSubstr("crc=0,finobt=0,rmapbt=0,reflink=0,inobtcount=0,bigtime=0 "),
                             testing::HasSubstr("attr=1,sparse=0,nrext64=0,projid32bit=0 "),
                             testing::HasSubstr("version=ci,ftype=1"), testing::HasSubstr("lazy-count=0")));
}

TEST(Xfs, ASmallOneIsMadeWhereTheGoldenOneIsSmall) {
  Node content = xfs(recorded("xfs-newest"));
  EXPECT_EQ(storage::least(content, 512), 300 * mib);
  std::get<storage::Xfs>(content.what).bytes = 100 * mib;
  EXPECT_TRUE(storage::fits(content, {100 * mib, 512}));
  EXPECT_THAT(made(content, 100 * mib), testing::StartsWith("mkfs.xfs --unsupported "));
}

TEST(Xfs, WhatItCannotBeClonedWithIsNamed) {
  const std::string good = recorded("xfs-newest");
  EXPECT_EQ(refused(good), "");
  EXPECT_THAT(refused(with(good, 0, 'Y')), testing::HasSubstr("its mark is missing"));
  EXPECT_THAT(refused(with(good, 23, 1)), testing::HasSubstr("real-time section"));
  std::string without_log = good;
  without_log.replace(48, 8, 8, '\0');
  EXPECT_THAT(refused(without_log), testing::HasSubstr("its log is on another device"));
  EXPECT_THAT(refused(with(good, 219, 0x1b)), testing::HasSubstr("has to be repaired"));
  EXPECT_THAT(refused(with(good, 216, 0x40)), testing::HasSubstr("not known here, bits 0x40000000"));
  EXPECT_THAT(refused(""), testing::HasSubstr("too short"));
}

TEST(Xfs, ADifferenceIsSaidWithBothValues) {
  const Node golden = xfs(recorded("xfs-newest"));
  const Node made = xfs(with(recorded("xfs-newest"), 219, 0x0b));
  const std::string difference = storage::rule(golden).difference(golden, {400 * mib, 512}, made);
  EXPECT_THAT(difference, testing::HasSubstr("its features is"));
  EXPECT_THAT(difference, testing::HasSubstr("nrext64"));
}

TEST(Xfs, QuotasThatAreOnStayOn) {
  EXPECT_EQ(server::find_reader("xfs")->mount_options("rw,attr2,inode64,usrquota,prjquota"), "usrquota,prjquota");
}

const char* const stage2 =
    R"({"kernel": "6.1.0-56", "makes": {"xfs": ["crc", "finobt", "rmapbt", "reflink"], "swap": []}})";

template <std::size_t index = 0>
void each_kind(const std::function<void(const storage::Rule&)>& visit) {
  Node node;
  node.what.emplace<index>();
  visit(storage::rule(node));
  if constexpr (index + 1 < std::variant_size_v<storage::What>) each_kind<index + 1>(visit);
}

// Else no golden machine with it would be taken.
TEST(Stage2Makes, EveryKindThatIsMadeIsTriedWithTheImage) {
  const std::string tried = read_file(std::string(KA_SOURCE) + "/initramfs/stage2.features");
  each_kind([&tried](const storage::Rule& kind) {
    if (kind.sort == storage::Sort::content && !kind.comes_by_stream) {
      EXPECT_THAT(tried, testing::HasSubstr("\n" + std::string(kind.kind) + " "));
    }
  });
}

TEST(Stage2Makes, SaysWhatItCannot) {
  const storage::Makes makes = storage::parse_makes(stage2);
  EXPECT_THAT(storage::cannot_make(makes, xfs(recorded("xfs-newest"))),
              testing::AllOf(testing::HasSubstr("bigtime"), testing::Not(testing::HasSubstr("reflink")),
                             testing::HasSubstr("which stage2 (Linux 6.1.0-56) cannot make")));
  EXPECT_EQ(storage::cannot_make(makes, {"", {}, {}, storage::Swap()}), "");
  EXPECT_THAT(storage::cannot_make(makes, {"", {}, {}, storage::Exfat()}), testing::StartsWith("exfat, which"));
  EXPECT_THROW(storage::parse_makes("{"), Error);
  EXPECT_THROW(storage::parse_makes(R"({"kernel": "6", "makes": {"xfs": [1]}})"), Error);
}

}  // namespace
}  // namespace ka
