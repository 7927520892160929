// A golden ext file system, read by the server and made anew by the node, compared line by line as dumpe2fs shows both.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "agent/storage/kinds.h"
#include "base/text.h"
#include "server/golden/kinds.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"

namespace ka {
namespace {

constexpr std::uint64_t mib = 1 << 20;

// What each file system has of its own, or what follows from its size, its age or its use.
const std::set<std::string> may_differ = {"Filesystem created", "Last mount time", "Last write time", "Last checked",
                                          "Next check after", "Checksum", "Lifetime writes", "Free blocks",
                                          "Free inodes", "Journal sequence", "Journal start", "Journal checksum",
                                          // Made by mke2fs of the size alone.
                                          "Overhead clusters", "Overhead blocks", "Reserved GDT blocks"};

class ExtSettings : public CoroutineTest {
 protected:
  bool run(const std::vector<std::string>& argv) {
    Command command(argv);
    std::string said;
    auto keep = [&said](std::string_view line) { said.append(line).append("\n"); };
    const bool good = get(ka::run(io_, command, keep)).ok();
    if (!good) ADD_FAILURE() << command.text() << ": " << said;
    return good;
  }

  std::string make(const std::string& name, std::uint64_t size) {
    files_.file(name, "");
    EXPECT_EQ(::truncate(files_.at(name).c_str(), static_cast<off_t>(size)), 0);
    return files_.at(name);
  }

  std::string header(const std::string& file) {
    Command dumpe2fs({"dumpe2fs", "-h", file});
    return get(output_of(io_, dumpe2fs));
  }

  static std::map<std::string, std::string> fields(const std::string& header) {
    std::map<std::string, std::string> values;
    for (std::string_view line : split(header, '\n')) {
      const std::size_t colon = line.find(':');
      if (colon == std::string_view::npos) continue;
      std::string name(line.substr(0, colon));
      if (!may_differ.count(name)) values[name] = std::string(trim(line.substr(colon + 1)));
    }
    return values;
  }

  // The golden one made by `argv` on as many MiB, changed by `tune`, and its clone on `clone_mib`.
  std::pair<std::string, std::string> clone(const std::string& type, std::vector<std::string> argv,
                                            std::vector<std::string> tune, std::uint64_t golden_mib,
                                            std::uint64_t clone_mib) {
    const std::string golden = make("/golden", golden_mib * mib), copy = make("/copy", clone_mib * mib);
    argv.insert(argv.begin(), {"mke2fs", "-q", "-F", "-t", type});
    argv.push_back(golden);
    run(argv);
    tune.insert(tune.begin(), "tune2fs");
    tune.push_back(golden);
    if (tune.size() > 2) run(tune);

    const std::string text = header(golden);
    storage::Node node{"sda1:fs", {"sda1"}, {}, server::parse_dumpe2fs(text).what};
    std::get<storage::Ext>(node.what).version = type;
    for (const Command& command : agent::maker(node).make({node, copy, {clone_mib * mib, 512}})) run(command.argv);
    run({"e2fsck", "-f", "-n", copy});
    return {text, header(copy)};
  }

  Scratch files_;
};

struct Golden {
  const char* name;
  const char* type;
  std::vector<std::string> mkfs, tune;
  std::uint64_t mib;
};

void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.name; }

class EveryExtSetting : public ExtSettings, public testing::WithParamInterface<Golden> {};

TEST_P(EveryExtSetting, IsTheSameOnADiskOfTheSameSize) {
  const Golden& g = GetParam();
  auto [golden, copy] = clone(g.type, g.mkfs, g.tune, g.mib, g.mib);
  EXPECT_EQ(fields(copy), fields(golden));
}

INSTANTIATE_TEST_SUITE_P(
    All, EveryExtSetting,
    testing::Values(
        Golden{"as mke2fs makes it", "ext4", {}, {}, 600},
        Golden{"ext3 with a label", "ext3", {"-L", "my disk"}, {}, 200},
        Golden{"ext2 of small blocks", "ext2", {"-b", "1024", "-I", "128"}, {}, 64},
        Golden{"reserved blocks of a user", "ext4", {"-m", "1"}, {"-r", "777", "-u", "33", "-g", "44"}, 600},
        Golden{"none reserved", "ext4", {"-m", "0"}, {}, 600},
        Golden{"errors and checks", "ext4", {"-e", "panic"}, {"-c", "30", "-i", "6m"}, 600},
        Golden{"remounted at errors", "ext4", {"-e", "remount-ro"}, {}, 600},
        Golden{"mount options", "ext4", {}, {"-o", "^acl,journal_data,nobarrier,discard"}, 600},
        Golden{"a mount option of its own", "ext4", {}, {"-E", "mount_opts=data=journal"}, 600},
        Golden{"of a RAID", "ext4", {"-E", "stride=16,stripe_width=64"}, {}, 600},
        Golden{"bigalloc", "ext4", {"-O", "bigalloc", "-C", "65536"}, {}, 600},
        Golden{"a large journal", "ext4", {"-J", "size=100"}, {}, 600},
        Golden{"without a journal", "ext4", {"-O", "^has_journal"}, {}, 600},
        Golden{"quota and projects", "ext4", {"-O", "quota,project", "-E", "quotatype=usrquota:prjquota"}, {}, 600},
        Golden{"casefold", "ext4", {"-O", "casefold", "-E", "encoding=utf8"}, {}, 600},
        Golden{"hash and seed",
               "ext4",
               {"-E", "hash_seed=11111111-2222-3333-4444-555555555555"},
               {"-E", "hash_alg=tea"},
               600},
        Golden{"many inodes", "ext4", {"-i", "2048"}, {}, 600}, Golden{"few inodes", "ext4", {"-i", "262144"}, {}, 600},
        Golden{"large flex groups", "ext4", {"-G", "64"}, {}, 600}));

TEST_F(ExtSettings, OnALargerDiskWhatFollowsFromTheSizeGrows) {
  auto [golden, copy] = clone("ext4", {"-m", "2"}, {}, 600, 3000);
  const auto before = fields(golden), after = fields(copy);
  EXPECT_EQ(after.at("Block count"), "768000");
  EXPECT_EQ(after.at("Reserved block count"), "15360");
  EXPECT_EQ(after.at("Total journal size"), "64M");  // mke2fs's own of both sizes: 16 and 64 MiB
  EXPECT_EQ(before.at("Total journal size"), "16M");
}

TEST_F(ExtSettings, WhatTheOperatorChoseStays) {
  auto [golden, copy] = clone("ext4", {"-J", "size=100"}, {}, 600, 3000);
  EXPECT_EQ(fields(copy).at("Total journal size"), "100M");
}

TEST_F(ExtSettings, WhatIsNotKeptIsSaid) {
  const server::Reading header = server::parse_dumpe2fs(
      "Filesystem features:      has_journal quota\nMount options:            data=journal,commit=30\n"
      "Block count:              51200\nBlock size:               1024\nInode size:\t          256\n"
      "User quota inode:         3\n");
  EXPECT_THAT(header.not_kept,
              testing::ElementsAre(testing::HasSubstr("data=journal,commit=30"), testing::HasSubstr("quota limits")));
  EXPECT_EQ(std::get<storage::Ext>(header.what).more_mount_options, "");
  EXPECT_EQ(std::get<storage::Ext>(header.what).quota_types, std::vector<std::string>{"usrquota"});
}

}  // namespace
}  // namespace ka
