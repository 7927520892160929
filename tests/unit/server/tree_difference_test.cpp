#include "server/shelf/tree_difference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "base/extended_attributes.h"
#include "server/shelf/manifest_difference.h"
#include "tests/unit/scratch.h"

namespace ka::server {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// As the golden tree's tar command has them.
constexpr const char* tar =
    "tar --create --format=posix --pax-option=delete=atime,delete=ctime --sort=inode --sparse --numeric-owner --xattrs "
    "'--xattrs-include=*' --directory=golden . > archive";

class Tree : public testing::Test {
 protected:
  Tree() {
    run("mkdir -p golden/etc golden/srv/deep && cd golden && echo one > etc/one && echo two > etc/two && "
        "ln etc/one etc/another && ln -s one etc/link && mkfifo srv/fifo && mknod srv/null c 1 3 && "
        "mknod srv/disk b 8 17 && chown 1234:4000000000 etc/two && chmod 4750 etc/two && "
        "truncate -s 5G srv/holes && printf x | dd of=srv/holes bs=1 seek=3000000000 conv=notrunc status=none && "
        "truncate -s 1M srv/zeros && : > srv/empty && head -c 700000 /dev/urandom > srv/random && "
        "echo plain > srv/plain && touch -d '1969-12-31 23:59:58.25 UTC' srv/empty && touch -d '2026-01-02 "
        "03:04:05.000000006 UTC' etc/*");
    std::string deep = scratch_.at("/golden/srv/deep");
    for (int i = 0; i < 4; ++i) deep += "/" + std::string(200, static_cast<char>('a' + i));
    make_directories(deep);
    write_file(deep + "/" + std::string("name\n\\with \x01 \xff"), "deep");
    set_extended_attribute(scratch_.at("/golden/etc"), "trusted.a=b%", std::string("\0\n=", 3));
    set_extended_attribute(scratch_.at("/golden/etc/two"), "trusted.long", std::string(3000, 'v'));
    run(tar);
  }

  void run(const std::string& command) {
    ASSERT_EQ(std::system(("cd " + scratch_.root() + " && " + command).c_str()), 0) << command;
  }

  static void feed(TarReader& reader, std::string_view bytes, std::size_t piece) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) reader.take(bytes.substr(0, piece));
    reader.finish();
  }

  std::vector<std::string> names() const {
    std::vector<std::string> names = {"/"};
    for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch_.at("/golden")))
      names.push_back(entry.path().string().substr(scratch_.at("/golden").size()));
    return names;
  }

  Differences differences(bool whole = false, std::size_t piece = 100'000) {
    TreeDifference tree({{"", scratch_.at("/golden")}}, names(), whole);
    TarReader reader(tree);
    feed(reader, scratch_.content("/archive"), piece);
    return tree.take();
  }

  // "M content,time /etc/one" and so on.
  std::vector<std::string> changes(bool whole = false) {
    std::vector<std::string> lines;
    for (const auto& [path, one] : differences(whole)) {
      std::string line(1, "DAM"[static_cast<int>(one.side)]);
      for (const std::string& what : one.what) line += " " + what;
      lines.push_back(line + " " + path);
    }
    return lines;
  }

  Scratch scratch_;
};

TEST_F(Tree, IsEqualToItself) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{511}, std::size_t{512}, std::size_t{1} << 30})
    EXPECT_THAT(differences(/*whole=*/true, piece), IsEmpty()) << piece;
}

TEST_F(Tree, WhatIsThereOnOneSideOnly) {
  run("cd golden && rm -r srv/null etc/two && mkdir new && echo n > new/file && ln -s x new/link");
  EXPECT_EQ(changes(), (std::vector<std::string>{"D file /etc/two", "A directory /new", "A file /new/file",
                                                 "A link /new/link", "D device /srv/null"}));
}

TEST_F(Tree, WhatIsAnotherOne) {
  run("cd golden && echo PLAIN > srv/plain && chmod 700 etc/two && chown 7:7 srv/fifo && ln -sf two etc/link && "
      "rm srv/null srv/disk srv/empty && mknod srv/null c 1 5 && mkdir srv/disk && mkfifo srv/empty && "
      "echo more >> srv/random && touch srv/zeros && printf y | dd of=srv/holes bs=1 seek=9 conv=notrunc status=none");
  set_extended_attribute(scratch_.at("/golden/etc"), "trusted.a=b%", "other");
  set_extended_attribute(scratch_.at("/golden/srv"), "trusted.new", "");
  EXPECT_EQ(changes(),
            (std::vector<std::string>{"M attributes /etc", "M target /etc/link", "M mode /etc/two", "M attributes /srv",
                                      "M type /srv/disk", "M type /srv/empty", "M owner /srv/fifo",
                                      "M content time /srv/holes", "M device /srv/null", "M content time /srv/plain",
                                      "M content time /srv/random", "M time /srv/zeros"}));
}

TEST_F(Tree, ContentUnderTheSameTimeIsSeenByTheWholeOnly) {
  run("cd golden && touch -r srv/random /dev/shm/stamp.$$ && printf q | dd of=srv/random bs=1 seek=600000 "
      "conv=notrunc status=none && printf r | dd of=srv/random bs=1 seek=600001 conv=notrunc status=none && "
      "touch -r /dev/shm/stamp.$$ srv/random; rm /dev/shm/stamp.$$");
  EXPECT_THAT(changes(), IsEmpty());
  EXPECT_EQ(changes(/*whole=*/true), std::vector<std::string>{"M content /srv/random"});
}

TEST_F(Tree, NamesOfOneFileAreAsTheyWere) {
  run("cd golden/etc && cp -a one apart && mv apart one && cp -a two twin");
  run(tar);
  run("cd golden/etc && ln -f one another && ln -f two twin");
  const std::vector<std::string> lines = changes();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr("links /etc/"));
  EXPECT_THAT(lines[1], HasSubstr("links /etc/t"));
  run(tar);
  EXPECT_THAT(changes(), IsEmpty());
  run("cd golden/etc && cp -a two apart && mv apart twin");
  EXPECT_THAT(changes(), testing::ElementsAre(testing::StartsWith("M links /etc/tw")));
}

TEST_F(Tree, AnArchiveThatIsNoneIsRefused) {
  const std::string whole = scratch_.content("/archive");
  struct Nobody final : TarReader::Listener {
    void entry(const TarEntry&) override {}
    void content(std::uint64_t, std::string_view) override {}
    void entry_ended() override {}
  } nobody;
  auto refusal = [&](const std::string& bytes) {
    try {
      TarReader reader(nobody);
      feed(reader, bytes, 4096);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  EXPECT_EQ(refusal(whole), "none");
  EXPECT_THAT(refusal(whole.substr(0, whole.size() / 1024 * 512)), HasSubstr("it is cut off"));
  EXPECT_THAT(refusal(""), HasSubstr("it is cut off"));
  EXPECT_THAT(refusal(std::string(1024, 'x')), HasSubstr("what should be a header is none"));
  for (std::size_t at = 0; at < 512; at += 7) {
    std::string broken = whole;
    broken[at] = static_cast<char>(broken[at] ^ 0x55);
    EXPECT_NE(refusal(broken), "none") << at;
  }
}

wire::Manifest with_disk() {
  wire::Manifest manifest;
  storage::Partition root;
  root.number = 1;
  root.type = "83";
  root.size = {64 << 20, false, false};
  storage::add_disk(manifest.storage, "sda", {1 << 30, 512, ""}, {{}, "0x59be1427", 0}, {root});
  storage::Ext ext;
  ext.version = "ext4";
  ext.uuid = "0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f";
  ext.block_size = 4096;
  ext.inode_size = 256;
  manifest.mounts = {{storage::add_content(manifest.storage, "sda1", ext).id, "/", ""}};
  return manifest;
}

TEST(PlanDifference, NamesTheValue) {
  wire::Manifest then = with_disk(), now = with_disk();
  EXPECT_THAT(plan_differences(then, now), IsEmpty());
  std::get<storage::Partition>(now.storage.at("sda1").what).size.bytes = 65 << 20;
  std::get<storage::Ext>(now.storage.at("sda1:fs").what).used.bytes = 12345;
  now.server_version = "9.9";
  now.sockets.push_back({.path = "/run/x", .attributes = {}});
  const std::vector<PlanDifference> found = plan_differences(then, now);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].what, "storage/sda1/size/bytes");
  EXPECT_EQ(found[0].then, "67108864");
  EXPECT_EQ(found[0].now, "68157440");
}

TEST(ManifestDifference, HasWhatNoArchiveHas) {
  wire::Manifest then = with_disk(), now = with_disk();
  then.bare_directories.push_back({.path = "/proc", .mode = 0555, .attributes = {}});
  now.bare_directories.push_back({.path = "/proc", .mode = 0755, .mtime = 7, .attributes = {}});
  then.sockets.push_back({.path = "/dev/log", .attributes = {}});
  now.sockets.push_back({.path = "/srv/new", .attributes = {}});
  then.inode_flags.push_back({"/", {".", "etc"}, 0x10, 0, true});
  now.inode_flags.push_back({"/", {"etc"}, 0x10, 5, true});
  now.inode_flags.push_back({"/etc", {"added", "both"}, 0x10, 0, false});
  Differences differences = {{"/etc/added", {Difference::Side::tree_only, {"file"}}},
                             {"/etc/both", {Difference::Side::both, {"mode"}}},
                             {"/dev/log", {Difference::Side::tree_only, {"file"}}}};
  add_manifest_differences(then, now, differences);
  std::map<std::string, std::set<std::string>> what;
  for (const auto& [path, one] : differences) what[path] = one.what;
  EXPECT_EQ(what, (std::map<std::string, std::set<std::string>>{{"/", {"flags"}},
                                                                {"/dev/log", {"type"}},
                                                                {"/etc", {"flags"}},
                                                                {"/etc/added", {"file"}},
                                                                {"/etc/both", {"flags", "mode"}},
                                                                {"/proc", {"mode"}},
                                                                {"/srv/new", {"socket"}}}));
}

}  // namespace
}  // namespace ka::server
