#include "wire/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "base/error.h"

namespace ka::wire {
namespace {

using nlohmann::json;
using testing::HasSubstr;

Partition partition(int number, Partition::Kind kind, std::uint8_t type, std::optional<std::uint64_t> size) {
  Partition p;
  p.number = number;
  p.kind = kind;
  p.type = type;
  p.size_mib = size;
  return p;
}

// The KA method's sample layout with one of everything.
Manifest sample() {
  Manifest m;
  m.golden_host = "node40";
  m.server_version = "1.0.0";
  Disk sda;
  sda.name = "sda";
  sda.golden_size = 80'000'000'000;
  sda.identifier = 0x59be1427;
  sda.boot_code = std::string(446, '\xeb');
  sda.partitions = {
      partition(1, Partition::Kind::primary, 0x83, 3500), partition(2, Partition::Kind::extended, 0x05, std::nullopt),
      partition(5, Partition::Kind::logical, 0x82, 500), partition(6, Partition::Kind::logical, 0x83, 2000),
      partition(7, Partition::Kind::logical, 0x83, std::nullopt)};
  sda.partitions[0].bootable = true;
  sda.links = {{0, "/dev/disk/by-id/ata-KA_1"}, {7, "/dev/disk/by-id/ata-KA_1-part7"}};
  m.disks = {sda};

  FileSystem root;
  root.disk = "sda";
  root.partition = 1;
  root.type = "ext4";
  root.mount_point = "/";
  root.uuid = "0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f";
  root.label = "racine \xe9";
  root.options = "acl,user_xattr";
  root.used = 700'000'000;
  root.block_size = 4096;
  root.inode_size = 256;
  root.features = {"has_journal", "extent"};
  root.inodes_used = 41234;
  root.needed_later = 60'000'000;
  root.ext.blocks = 1000000;
  root.ext.reserved_blocks = 50000;
  root.ext.reserved_uid = 33;
  root.ext.cluster_size = 65536;
  root.ext.errors = "remount-ro";
  root.ext.mount_options = {"acl", "user_xattr"};
  root.ext.more_mount_options = "data=journal";
  root.ext.mounts_between_checks = 30;
  root.ext.hash_seed = "11111111-2222-3333-4444-555555555555";
  root.ext.quota_types = {"usrquota"};
  FileSystem swap;
  swap.disk = "sda";
  swap.partition = 5;
  swap.type = "swap";
  FileSystem var = root;
  var.partition = 6;
  var.mount_point = "/var";
  m.file_systems = {root, var, swap};

  BareDirectory proc;
  proc.path = "/proc";
  proc.mode = 0555;
  proc.mtime = -1;
  BareDirectory odd;
  odd.path = "/srv/caf\xe9 \\ \n";
  odd.mode = 01777;
  odd.uid = 4294967294;
  odd.gid = 33;
  odd.mtime = 1193221920;
  odd.mtime_nsec = 999999999;
  m.bare_directories = {proc, odd};
  odd.attributes = {{"security.selinux", std::string("system_u:object_r:tmp_t:s0\0", 27)}, {"user.\xe9", ""}};
  m.sockets = {odd};
  m.inode_flags = {{"/", {"."}, 0x20000000, 7}, {"/etc", {"resolv.conf", "caf\xe9"}, 0x10, 0}};
  m.raw_partitions = {{"sda", 7, "kainstall3", 40'000'000'000, "77aa",
                       "donn\xe9"
                       "es"}};
  BootLoader grub;
  grub.disk = "sda";
  grub.modules = {"ata_piix", "jfs"};
  m.boot_loader = grub;
  m.hooks = {{"10-first", std::string("#!/bin/sh\nexit 0\n\0\xff", 19)}};
  m.targets = {{"sda", "path:pci-0000:00:1f.2-ata-1"}};
  m.network_cards = {{"52:54:00:12:34:56", "0000:00:03.0"}, {"52:54:00:12:34:56", ""}};
  m.removable_allowed = true;
  return m;
}

std::string why_refused(std::string_view text) {
  try {
    parse_manifest(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ManifestTest, ComesBackAsItWasSent) {
  std::string text = to_json(sample());
  Manifest m = parse_manifest(text);
  EXPECT_EQ(to_json(m), text);

  EXPECT_EQ(m.disks[0].boot_code, std::string(446, '\xeb'));
  EXPECT_EQ(m.disks[0].identifier, 0x59be1427u);
  EXPECT_EQ(m.disks[0].partitions[0].size_mib, 3500u);
  EXPECT_TRUE(m.disks[0].partitions[0].bootable);
  EXPECT_EQ(m.disks[0].partitions[1].size_mib, std::nullopt);
  EXPECT_EQ(m.disks[0].partitions[1].kind, Partition::Kind::extended);
  EXPECT_EQ(m.file_systems[0].label, "racine \xe9");
  EXPECT_EQ(m.file_systems[0].features, (std::vector<std::string>{"has_journal", "extent"}));
  EXPECT_EQ(m.bare_directories[0].mtime, -1);
  EXPECT_EQ(m.bare_directories[1].path, "/srv/caf\xe9 \\ \n");
  EXPECT_EQ(m.bare_directories[1].uid, 4294967294u);
  EXPECT_EQ(m.sockets[0].attributes.at("security.selinux"), std::string("system_u:object_r:tmp_t:s0\0", 27));
  EXPECT_EQ(m.sockets[0].attributes.at("user.\xe9"), "");
  EXPECT_EQ(m.inode_flags[0].names, std::vector<std::string>{"."});
  EXPECT_EQ(m.inode_flags[0].project, 7u);
  EXPECT_EQ(m.inode_flags[1].names[1], "caf\xe9");
  EXPECT_EQ(m.file_systems[0].ext.reserved_blocks, 50000u);
  EXPECT_EQ(m.file_systems[0].ext.mounts_between_checks, 30);
  EXPECT_EQ(m.file_systems[2].ext.mounts_between_checks, -1);
  EXPECT_EQ(m.raw_partitions[0].uuid, "77aa");
  EXPECT_EQ(m.disks[0].links[1].partition, 7);
  EXPECT_EQ(m.raw_partitions[0].size, 40'000'000'000u);
  EXPECT_EQ(m.boot_loader->modules, (std::vector<std::string>{"ata_piix", "jfs"}));
  EXPECT_EQ(m.hooks[0].content, std::string("#!/bin/sh\nexit 0\n\0\xff", 19));
  EXPECT_TRUE(m.removable_allowed);
}

TEST(ManifestTest, NoBootLoaderStaysNone) {
  Manifest m = sample();
  m.boot_loader.reset();
  EXPECT_FALSE(parse_manifest(to_json(m)).boot_loader.has_value());
}

TEST(ManifestTest, ItsTextIsPureAscii) {
  for (char c : to_json(sample())) ASSERT_TRUE(c >= 0x20 && c < 0x7f);
}

TEST(ManifestTest, EveryTruncationIsRefused) {
  std::string text = to_json(sample());
  for (std::size_t size = 0; size < text.size(); ++size)
    ASSERT_NE(why_refused(std::string_view(text).substr(0, size)), "accepted") << size;
}

TEST(ManifestTest, HostileTextIsRefusedByAnErrorAndNothingElse) {
  for (const std::string& text : {std::string(), std::string("null"), std::string("[]"), std::string("1e999"),
                                  std::string(1 << 20, '['), std::string(1 << 18, '{'), std::string("\xff\xfe{}"),
                                  std::string("{\"version\":1"), std::string("{\"version\":{}}")})
    EXPECT_THAT(why_refused(text), HasSubstr("manifest"));
}

TEST(ManifestTest, FlippedBytesAreRefusedOrStillMakeSense) {
  std::string text = to_json(sample());
  std::mt19937 random(20071024);  // replays
  for (int i = 0; i < 2000; ++i) {
    std::string changed = text;
    changed[random() % changed.size()] = static_cast<char>(random());
    try {
      check(parse_manifest(changed));
    } catch (const Error&) {
    }
  }
}

TEST(ManifestTest, EveryFieldIsNeededAndOfItsType) {
  json whole = json::parse(to_json(sample()));
  for (const auto& [name, value] : whole.items()) {
    if (name == "boot_loader" || name == "removable_allowed") continue;
    json without = whole;
    without.erase(name);
    EXPECT_EQ(why_refused(without.dump()), "manifest: " + name + ": is missing");
  }
  for (const auto& [name, value] : whole.items()) {
    json wrong = whole;
    wrong[name] = 1.5;
    EXPECT_THAT(why_refused(wrong.dump()), HasSubstr("manifest: " + name)) << name;
  }
}

TEST(ManifestTest, AnErrorNamesTheFieldInTheList) {
  json whole = json::parse(to_json(sample()));
  whole["disks"][0]["partitions"][2].erase("type");
  EXPECT_EQ(why_refused(whole.dump()), "manifest: disks[0].partitions[2].type: is missing");
  whole = json::parse(to_json(sample()));
  whole["file_systems"][1]["uuid"] = "\\xzz";
  EXPECT_EQ(why_refused(whole.dump()), "manifest: file_systems[1].uuid: has a broken escape");
}

TEST(ManifestTest, ANewerVersionIsRefusedWithTheRemedy) {
  json whole = json::parse(to_json(sample()));
  whole["version"] = 3;
  EXPECT_THAT(why_refused(whole.dump()), HasSubstr("manifest: version: is 3, this node understands 2"));
}

TEST(ManifestTest, AFieldOfALaterServerIsLeftAlone) {
  json whole = json::parse(to_json(sample()));
  whole["colour"] = "blue";
  EXPECT_EQ(why_refused(whole.dump()), "accepted");
}

TEST(ManifestTest, NumbersOutOfRangeAreRefused) {
  struct Case {
    const char* pointer;
    json value;
    const char* field;
  };
  const Case cases[] = {
      {"/disks/0/golden_size", -1, "disks[0].golden_size"},
      {"/disks/0/golden_size", 0, "disks[0].golden_size"},
      {"/disks/0/identifier", 4294967296, "disks[0].identifier"},
      {"/disks/0/partitions/0/type", 256, "disks[0].partitions[0].type"},
      {"/disks/0/partitions/0/size_mib", 18446744073709551615u, "disks[0].partitions[0].size_mib"},
      {"/disks/0/partitions/0/size_mib", 0, "disks[0].partitions[0].size_mib"},
      {"/disks/0/partitions/0/number", -2147483649, "disks[0].partitions[0].number"},
      {"/file_systems/0/used", 18446744073709551615u, "file_systems[0].used"},
      {"/file_systems/0/block_size", 4097, "file_systems[0].block_size"},
      {"/file_systems/0/inode_size", 64, "file_systems[0].inode_size"},
      {"/bare_directories/0/mode", 040755, "bare_directories[0].mode"},
      {"/bare_directories/0/mtime_nsec", 1000000000, "bare_directories[0].mtime_nsec"},
      {"/raw_partitions/0/size", 0, "raw_partitions[0].size"},
      {"/file_systems/0/ext/reserved_blocks", 500001, "file_systems[0].ext.reserved_blocks"},
      {"/file_systems/0/needed_later", 18446744073709551615u, "file_systems[0].needed_later"},
      {"/inode_flags/0/flags", 0x80000, "inode_flags[0].flags"},
  };
  for (const Case& c : cases) {
    json whole = json::parse(to_json(sample()));
    whole[json::json_pointer(c.pointer)] = c.value;
    EXPECT_THAT(why_refused(whole.dump()), HasSubstr(std::string("manifest: ") + c.field)) << c.value.dump();
  }
}

// Where the golden table says where its partitions lie, a node looks at that too.
TEST(ManifestTest, PartitionsThatOverlapOnTheGoldenDiskAreRefusedByTheirNames) {
  Manifest m = sample();
  const std::uint64_t mib = 1 << 20;
  std::uint64_t place[][2] = {{1, 3500}, {3501, 9000}, {3502, 500}, {4003, 2000}, {6004, 1000}};
  for (std::size_t i = 0; i < 5; ++i) {
    m.disks[0].partitions[i].golden_start = place[i][0] * mib;
    m.disks[0].partitions[i].golden_size = place[i][1] * mib;
  }
  Manifest same = parse_manifest(to_json(m));
  EXPECT_EQ(same.disks[0].partitions[4].golden_start, 6004 * mib);
  EXPECT_EQ(same.disks[0].partitions[4].golden_size, 1000 * mib);
  m.disks[0].partitions[3].golden_size = 2001 * mib + 1;
  try {
    to_json(m);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("sda6"), HasSubstr("sda7"), HasSubstr("overlap")));
  }
}

struct Inconsistency {
  const char* what;
  void (*make)(Manifest&);
  const char* field;
};

void PrintTo(const Inconsistency& i, std::ostream* out) { *out << i.what; }

class InconsistentManifestTest : public testing::TestWithParam<Inconsistency> {};

TEST_P(InconsistentManifestTest, IsRefusedByTheNameOfTheField) {
  Manifest m = sample();
  GetParam().make(m);
  try {
    to_json(m);
    FAIL() << "accepted: " << GetParam().what;
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(std::string("manifest: ") + GetParam().field));
  }
}

const Inconsistency inconsistencies[] = {
    {"no disks", [](Manifest& m) { m.disks.clear(); }, "disks"},
    {"a disk twice", [](Manifest& m) { m.disks.push_back(m.disks[0]); }, "disks[1].name"},
    {"a path as a disk", [](Manifest& m) { m.disks[0].name = "../sda"; }, "disks[0].name"},
    {"an option as a disk", [](Manifest& m) { m.disks[0].name = "--force"; }, "disks[0].name"},
    {"gpt", [](Manifest& m) { m.disks[0].label = "gpt"; }, "disks[0].label"},
    {"short boot code", [](Manifest& m) { m.disks[0].boot_code.pop_back(); }, "disks[0].boot_code"},
    {"no partitions", [](Manifest& m) { m.disks[0].partitions.clear(); }, "disks[0].partitions"},
    {"a fifth primary", [](Manifest& m) { m.disks[0].partitions[0].number = 5; }, "disks[0].partitions[0].number"},
    {"a number twice", [](Manifest& m) { m.disks[0].partitions[1].number = 1; }, "disks[0].partitions[1].number"},
    {"a gap in the logical ones", [](Manifest& m) { m.disks[0].partitions[3].number = 8; }, "disks[0].partitions"},
    {"a firmware that is none", [](Manifest& m) { m.firmware = {"-"}; }, "firmware"},
    {"logical without extended", [](Manifest& m) { m.disks[0].partitions.erase(m.disks[0].partitions.begin() + 1); },
     "disks[0].partitions[1].kind"},
    {"two fills", [](Manifest& m) { m.disks[0].partitions[0].size_mib.reset(); }, "disks[0].partitions[1].size_mib"},
    {"two logical fills", [](Manifest& m) { m.disks[0].partitions[3].size_mib.reset(); },
     "disks[0].partitions[4].size_mib"},
    {"an extended type on a primary", [](Manifest& m) { m.disks[0].partitions[0].type = 5; },
     "disks[0].partitions[0].type"},
    {"no /", [](Manifest& m) { m.file_systems.clear(); }, "file_systems"},
    {"/ not first", [](Manifest& m) { std::swap(m.file_systems[0], m.file_systems[1]); },
     "file_systems[0].mount_point"},
    {"two /", [](Manifest& m) { m.file_systems[1].mount_point = "/"; }, "file_systems[1].mount_point"},
    {"a mount point with ..", [](Manifest& m) { m.file_systems[1].mount_point = "/../etc"; },
     "file_systems[1].mount_point"},
    {"a mount point that hides one",
     [](Manifest& m) {
       m.file_systems[1].mount_point = "/var/lib";
       m.file_systems[2].type = "ext4";
       m.file_systems[2].mount_point = "/var";
     },
     "file_systems[2].mount_point"},
    {"mounted swap", [](Manifest& m) { m.file_systems[2].mount_point = "/swap"; }, "file_systems[2].mount_point"},
    {"a file system on no disk", [](Manifest& m) { m.file_systems[0].disk = "sdb"; }, "file_systems[0].disk"},
    {"a file system on no partition", [](Manifest& m) { m.file_systems[0].partition = 9; },
     "file_systems[0].partition"},
    {"a file system on the extended one", [](Manifest& m) { m.file_systems[0].partition = 2; },
     "file_systems[0].partition"},
    {"two on one partition", [](Manifest& m) { m.file_systems[1].partition = 1; }, "file_systems[1].partition"},
    {"an option as a UUID", [](Manifest& m) { m.file_systems[0].uuid = "-b"; }, "file_systems[0].uuid"},
    {"a command as a type", [](Manifest& m) { m.file_systems[0].type = "ext4;reboot"; }, "file_systems[0].type"},
    {"a blank in options", [](Manifest& m) { m.file_systems[0].options = "acl, ro"; }, "file_systems[0].options"},
    {"a relative directory", [](Manifest& m) { m.bare_directories[0].path = "proc"; }, "bare_directories[0].path"},
    {"a directory upwards", [](Manifest& m) { m.bare_directories[0].path = "/proc/../../x"; },
     "bare_directories[0].path"},
    {"NUL in a socket", [](Manifest& m) { m.sockets[0].path = std::string("/a\0b", 4); }, "sockets[0].path"},
    {"a raw partition that is a file system", [](Manifest& m) { m.raw_partitions[0].partition = 6; },
     "raw_partitions[0].partition"},
    {"a boot loader on no disk", [](Manifest& m) { m.boot_loader->disk = "hda"; }, "boot_loader.disk"},
    {"an option as a module", [](Manifest& m) { m.boot_loader->modules = {"-r"}; }, "boot_loader.modules"},
    {"a hook with a path", [](Manifest& m) { m.hooks[0].name = "../x"; }, "hooks[0].name"},
    {"a hook twice", [](Manifest& m) { m.hooks.push_back(m.hooks[0]); }, "hooks[1].name"},
    {"a rule for no disk", [](Manifest& m) { m.targets[0].disk = "sdc"; }, "targets[0].disk"},
    {"a rule of no kind", [](Manifest& m) { m.targets[0].selector = "vda"; }, "targets[0].selector"},
    {"a rule without value", [](Manifest& m) { m.targets[0].selector = "name:"; }, "targets[0].selector"},
    {"compression", [](Manifest& m) { m.tar_compression = "gzip"; }, "tar_compression"},
    {"a log directory upwards", [](Manifest& m) { m.log_directory = "/var/../etc"; }, "log_directory"},
};

INSTANTIATE_TEST_SUITE_P(All, InconsistentManifestTest, testing::ValuesIn(inconsistencies));

}  // namespace
}  // namespace ka::wire
