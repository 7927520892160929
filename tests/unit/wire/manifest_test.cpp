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

storage::Partition partition(int number, storage::Role role, const char* type, std::uint64_t size_mib) {
  storage::Partition p;
  p.number = number;
  p.role = role;
  p.type = type;
  p.size = {size_mib << 20, size_mib == 0, false};
  return p;
}

// The KA method's sample layout with one of everything.
Manifest sample() {
  using storage::Role;
  Manifest m;
  m.golden_host = "node40";
  m.server_version = "1.0.0";
  storage::add_disk(m.storage, "sda", {80'000'000'000, 512, std::string(446, '\xeb')}, {{}, "0x59be1427", 0},
                    {partition(1, Role::plain, "83", 3500), partition(2, Role::extended, "5", 0),
                     partition(5, Role::logical, "82", 500), partition(6, Role::logical, "83", 2000),
                     partition(7, Role::logical, "83", 0)});
  std::get<storage::Partition>(m.storage.nodes[2].what).active = true;
  m.storage.nodes[0].links = {"/dev/disk/by-id/ata-KA_1"};
  m.storage.nodes[6].links = {"/dev/disk/by-id/ata-KA_1-part7"};

  storage::Ext root;
  root.version = "ext4";
  root.uuid = "0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f";
  root.label = "racine \xe9";
  root.used = {700'000'000, 41234, 60'000'000};
  root.block_size = 4096;
  root.inode_size = 256;
  root.features = {"has_journal", "extent"};
  root.blocks = 1000000;
  root.reserved_blocks = 50000;
  root.reserved_uid = 33;
  root.cluster_size = 65536;
  root.errors = "remount-ro";
  root.mount_options = {"acl", "user_xattr"};
  root.more_mount_options = "data=journal";
  root.mounts_between_checks = 30;
  root.hash_seed = "11111111-2222-3333-4444-555555555555";
  root.quota_types = {"usrquota"};
  storage::add_content(m.storage, "sda1", root);
  storage::add_content(m.storage, "sda6", root);
  storage::add_content(m.storage, "sda5", storage::Swap());
  storage::add_content(m.storage, "sda7",
                       storage::Blocks{40'000'000'000, "77aa",
                                       "donn\xe9"
                                       "es",
                                       "ntfs", 3'670'016'000});
  m.mounts = {{"sda1:fs", "/", "acl,user_xattr"}, {"sda6:fs", "/var", "acl"}};
  m.streams = {{"kainstall3", "sda7:fs"}};

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
  m.inode_flags = {{"/", {"."}, 0x20000000, 7}, {"/etc", {"resolv.conf", "caf\xe9"}, 0x10, 0, true}};
  BootLoader grub;
  grub.disk = "sda";
  grub.modules = {"ata_piix", "jfs"};
  m.boot_loader = grub;
  m.hooks = {{"10-first", std::string("#!/bin/sh\nexit 0\n\0\xff", 19)}};
  m.targets = {{"sda", "path:pci-0000:00:1f.2-ata-1"}};
  m.network_cards = {{"52:54:00:12:34:56", "0000:00:03.0"}, {"52:54:00:12:34:56", ""}};
  m.golden_addresses = {"10.0.1.40", "2001:db8::28"};
  m.initrds = {{"/boot/initrd.img-6.1", 34'567'890, 1'700'000'000, {"ahci", "program cryptsetup"}}};
  m.identity = {{"nvme-host"}, {"salt-minion"}};
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

  EXPECT_EQ(m.storage, sample().storage);
  EXPECT_EQ(storage::as<storage::Disk>(m.storage.at("sda")).boot_code, std::string(446, '\xeb'));
  EXPECT_EQ(storage::as<storage::Ext>(m.storage.at("sda1:fs")).label, "racine \xe9");
  EXPECT_EQ(m.mounts[1].fs, "sda6:fs");
  EXPECT_EQ(m.mounts[1].point, "/var");
  EXPECT_EQ(m.mounts[0].options, "acl,user_xattr");
  EXPECT_EQ(m.streams[0].of, "sda7:fs");
  EXPECT_EQ(m.bare_directories[0].mtime, -1);
  EXPECT_EQ(m.bare_directories[1].path, "/srv/caf\xe9 \\ \n");
  EXPECT_EQ(m.bare_directories[1].uid, 4294967294u);
  EXPECT_EQ(m.sockets[0].attributes.at("security.selinux"), std::string("system_u:object_r:tmp_t:s0\0", 27));
  EXPECT_EQ(m.sockets[0].attributes.at("user.\xe9"), "");
  EXPECT_EQ(m.inode_flags[0].names, std::vector<std::string>{"."});
  EXPECT_EQ(m.inode_flags[0].project, 7u);
  EXPECT_EQ(m.inode_flags[1].names[1], "caf\xe9");
  EXPECT_TRUE(m.inode_flags[1].directories);
  EXPECT_EQ(m.boot_loader->modules, (std::vector<std::string>{"ata_piix", "jfs"}));
  EXPECT_EQ(m.hooks[0].content, std::string("#!/bin/sh\nexit 0\n\0\xff", 19));
  EXPECT_EQ(m.golden_addresses, (std::vector<std::string>{"10.0.1.40", "2001:db8::28"}));
  ASSERT_EQ(m.initrds.size(), 1u);
  EXPECT_EQ(m.initrds[0].file, "/boot/initrd.img-6.1");
  EXPECT_EQ(m.initrds[0].size, 34'567'890u);
  EXPECT_EQ(m.initrds[0].mtime, 1'700'000'000);
  EXPECT_EQ(m.initrds[0].holds, (std::vector<std::string>{"ahci", "program cryptsetup"}));
  EXPECT_EQ(m.identity.keep, std::vector<std::string>{"nvme-host"});
  EXPECT_EQ(m.identity.renew, std::vector<std::string>{"salt-minion"});
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
  whole["storage"][2].erase("type");
  EXPECT_EQ(why_refused(whole.dump()), "manifest: storage[2].type: is missing");
  whole = json::parse(to_json(sample()));
  whole["storage"][2]["size"].erase("fill");
  EXPECT_EQ(why_refused(whole.dump()), "manifest: storage[2].size.fill: is missing");
  whole = json::parse(to_json(sample()));
  whole["storage"][7]["uuid"] = "\\xzz";
  EXPECT_EQ(why_refused(whole.dump()), "manifest: storage[7].uuid: has a broken escape");
  whole = json::parse(to_json(sample()));
  whole["storage"][7]["kind"] = "zfs";
  EXPECT_EQ(why_refused(whole.dump()), "manifest: storage[7].kind: \"zfs\" is unknown");
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
      {"/storage/0/bytes", -1, "storage[0].bytes"},
      {"/storage/0/bytes", 0, "storage[0].bytes"},
      {"/storage/0/sector", 4294967296, "storage[0].sector"},
      {"/storage/2/size/bytes", 18446744073709551615u, "storage[2].size.bytes"},
      {"/storage/2/size/bytes", 0, "storage[2].size.bytes"},
      {"/storage/2/number", -2147483649, "storage[2].number"},
      {"/storage/7/used/bytes", 18446744073709551615u, "storage[7].used.bytes"},
      {"/storage/7/used/later", 18446744073709551615u, "storage[7].used.later"},
      {"/storage/7/block_size", 4097, "storage[7].block_size"},
      {"/storage/7/inode_size", 64, "storage[7].inode_size"},
      {"/storage/7/reserved_blocks", 500001, "storage[7].reserved_blocks"},
      {"/storage/10/bytes", 0, "storage[10].bytes"},
      {"/bare_directories/0/mode", 040755, "bare_directories[0].mode"},
      {"/bare_directories/0/mtime_nsec", 1000000000, "bare_directories[0].mtime_nsec"},
      {"/inode_flags/0/flags", 0x80000, "inode_flags[0].flags"},
  };
  for (const Case& c : cases) {
    json whole = json::parse(to_json(sample()));
    whole[json::json_pointer(c.pointer)] = c.value;
    EXPECT_THAT(why_refused(whole.dump()), HasSubstr(std::string("manifest: ") + c.field)) << c.value.dump();
  }
}

TEST(ManifestTest, AnIdentityThatNobodyKnowsIsRefused) {
  const struct {
    const char* pointer;
    json value;
    const char* why;
  } cases[] = {
      {"/identity/keep/0", "colour", "identity.keep: no item of a machine's identity is called \"colour\""},
      {"/identity/renew/0", "kerberos-keytab", "identity.renew: kerberos-keytab cannot be made new by a node"},
      {"/identity/renew/0", "nvme-host", "identity: nvme-host is to be kept and to be renewed"},
      {"/golden_addresses/1", "10.0.1", "golden_addresses: \"10.0.1\" is no address"},
      {"/initrds/0/file", "/etc/initrd", "initrds[0].file: \"/etc/initrd\" does not lie in /boot"},
      {"/golden_addresses", std::vector<std::string>(1025, "10.0.1.40"), "golden_addresses: are too many"},
  };
  for (const auto& c : cases) {
    json whole = json::parse(to_json(sample()));
    whole[json::json_pointer(c.pointer)] = c.value;
    EXPECT_THAT(why_refused(whole.dump()), HasSubstr(std::string("manifest: ") + c.why));
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
    {"no disks", [](Manifest& m) { m.storage.nodes.clear(); }, "mounts[0].fs"},
    {"a disk twice", [](Manifest& m) { m.storage.nodes.push_back(m.storage.nodes[0]); }, "storage[11].id"},
    {"a path as a disk", [](Manifest& m) { m.storage.nodes[0].id = "../sda"; }, "storage[0].id"},
    {"a firmware that is none", [](Manifest& m) { m.firmware = {"-"}; }, "firmware"},
    {"no /", [](Manifest& m) { m.mounts.clear(); }, "mounts"},
    {"/ not first", [](Manifest& m) { std::swap(m.mounts[0], m.mounts[1]); }, "mounts[0].point"},
    {"two /", [](Manifest& m) { m.mounts[1].point = "/"; }, "mounts[1].point"},
    {"a mount point with ..", [](Manifest& m) { m.mounts[1].point = "/../etc"; }, "mounts[1].point"},
    {"a mount point that hides one",
     [](Manifest& m) {
       storage::Ext more;
       more.version = "ext4";
       m.storage.nodes[9].what = more;
       m.mounts[1].point = "/var/lib";
       m.mounts.push_back({m.storage.nodes[9].id, "/var", ""});
     },
     "mounts[2].point"},
    {"a file system twice", [](Manifest& m) { m.mounts[1].fs = "sda1:fs"; }, "mounts[1].fs"},
    {"mounted swap",
     [](Manifest& m) {
       m.mounts.push_back({"sda5:fs", "/swap", ""});
     },
     "mounts[2].fs"},
    {"a mounted partition", [](Manifest& m) { m.mounts[0].fs = "sda1"; }, "mounts[0].fs"},
    {"a mount of nothing", [](Manifest& m) { m.mounts[0].fs = "sdb1:fs"; }, "mounts[0].fs"},
    {"a command as a type",
     [](Manifest& m) { std::get<storage::Ext>(m.storage.nodes[7].what).version = "ext4;reboot"; },
     "storage[7].version"},
    {"a blank in options", [](Manifest& m) { m.mounts[0].options = "acl, ro"; }, "mounts[0].options"},
    {"a stream of a file system", [](Manifest& m) { m.streams[0].of = "sda1:fs"; }, "streams[0].of"},
    {"a stream of nothing", [](Manifest& m) { m.streams[0].of = "sdb"; }, "streams[0].of"},
    {"two streams of one name", [](Manifest& m) { m.streams.push_back(m.streams[0]); }, "streams[1].session"},
    {"blocks without a stream", [](Manifest& m) { m.streams.clear(); }, "streams"},
    {"a relative directory", [](Manifest& m) { m.bare_directories[0].path = "proc"; }, "bare_directories[0].path"},
    {"a directory upwards", [](Manifest& m) { m.bare_directories[0].path = "/proc/../../x"; },
     "bare_directories[0].path"},
    {"NUL in a socket", [](Manifest& m) { m.sockets[0].path = std::string("/a\0b", 4); }, "sockets[0].path"},
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
