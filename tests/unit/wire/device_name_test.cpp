// The forms in which files name a block device, and which of them a clone has.
#include "wire/device_name.h"

#include <gtest/gtest.h>

namespace ka::wire {
namespace {

using Kind = DeviceName::Kind;

Manifest manifest() {
  Manifest m;
  Disk sda;
  sda.name = "sda";
  sda.identifier = 0x59be1427;
  for (int number : {1, 2, 5, 6, 7}) {
    sda.partitions.emplace_back();
    sda.partitions.back().number = number;
  }
  sda.links = {{0, "/dev/disk/by-id/ata-KA_1"}, {6, "/dev/disk/by-path/pci-0000:00:1f.2-ata-1-part6"}};
  m.disks = {sda};
  FileSystem var;
  var.disk = "sda";
  var.partition = 6;
  var.uuid = "0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f";
  var.label = "my disk";
  m.file_systems = {var};
  RawPartition raw;
  raw.disk = "sda";
  raw.partition = 7;
  raw.uuid = "7A1C-99E2";
  raw.label = "STICK";
  m.raw_partitions = {raw};
  return m;
}

struct Form {
  const char* word;
  Kind kind;
  const char* value;
  int partition;  // of sda in manifest(); -1: not cloned
};

void PrintTo(const Form& form, std::ostream* out) { *out << form.word; }

class DeviceNameForms : public testing::TestWithParam<Form> {};

TEST_P(DeviceNameForms, AreReadAndFound) {
  const Form& form = GetParam();
  DeviceName name = parse_device_name(form.word);
  EXPECT_EQ(name.kind, form.kind);
  EXPECT_EQ(name.value, form.value);
  const Manifest cloned = manifest();
  auto found = find_cloned(cloned, name);
  EXPECT_EQ(found ? found->partition : -1, form.partition);
}

INSTANTIATE_TEST_SUITE_P(
    All, DeviceNameForms,
    testing::Values(
        Form{"UUID=0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f", Kind::uuid, "0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f", 6},
        Form{"UUID=0F2A2A5C-2A7C-4A53-9F0E-6F0A5F6F0A5F", Kind::uuid, "0F2A2A5C-2A7C-4A53-9F0E-6F0A5F6F0A5F", 6},
        Form{"UUID=\"7A1C-99E2\"", Kind::uuid, "7A1C-99E2", 7}, Form{"\"UUID=7A1C-99E2\"", Kind::uuid, "7A1C-99E2", 7},
        Form{"/dev/disk/by-uuid/0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f", Kind::uuid,
             "0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f", 6},
        Form{"UUID=", Kind::uuid, "", -1}, Form{"LABEL=my disk", Kind::label, "my disk", 6},
        Form{"LABEL='my disk'", Kind::label, "my disk", 6},
        Form{"/dev/disk/by-label/my\\x20disk", Kind::label, "my disk", 6}, Form{"LABEL=STICK", Kind::label, "STICK", 7},
        Form{"LABEL=backup", Kind::label, "backup", -1}, Form{"PARTUUID=59be1427-05", Kind::partuuid, "59be1427-05", 5},
        Form{"PARTUUID=59BE1427-02", Kind::partuuid, "59BE1427-02", 2},
        Form{"/dev/disk/by-partuuid/59be1427-06", Kind::partuuid, "59be1427-06", 6},
        Form{"PARTUUID=00000001-05", Kind::partuuid, "00000001-05", -1},
        Form{"PARTLABEL=home", Kind::partlabel, "home", -1}, Form{"/dev/sda1", Kind::device, "sda1", 1},
        Form{"/dev/sda", Kind::device, "sda", 0}, Form{"/dev/sdb1", Kind::device, "sdb1", -1},
        Form{"/dev/sda10", Kind::device, "sda10", -1}, Form{"/dev/mapper/vg-root", Kind::device, "mapper/vg-root", -1},
        Form{"/dev/disk/by-id/ata-KA_1", Kind::link, "/dev/disk/by-id/ata-KA_1", 0},
        Form{"ID=ata-KA_1", Kind::link, "/dev/disk/by-id/ata-KA_1", 0},
        Form{"/dev/disk/by-path/pci-0000:00:1f.2-ata-1-part6", Kind::link,
             "/dev/disk/by-path/pci-0000:00:1f.2-ata-1-part6", 6},
        Form{"/dev/disk/by-id/ata-KA_2", Kind::link, "/dev/disk/by-id/ata-KA_2", -1},
        Form{"tmpfs", Kind::other, "tmpfs", -1}, Form{"nas:/home", Kind::other, "nas:/home", -1},
        Form{"", Kind::other, "", -1}));

TEST(DeviceName, WhatIsThereComesWithIt) {
  const Manifest cloned = manifest();
  auto var = find_cloned(cloned, parse_device_name("PARTUUID=59be1427-06"));
  ASSERT_TRUE(var);
  EXPECT_EQ(var->disk->name, "sda");
  EXPECT_EQ(var->file_system, &cloned.file_systems[0]);
  EXPECT_EQ(var->raw, nullptr);
  EXPECT_EQ(find_cloned(cloned, parse_device_name("LABEL=STICK"))->raw, &cloned.raw_partitions[0]);
  EXPECT_EQ(find_cloned(cloned, parse_device_name("/dev/sda5"))->file_system, nullptr);
}

TEST(DeviceName, Partuuid) { EXPECT_EQ(partuuid(manifest().disks[0], 12), "59be1427-0c"); }

}  // namespace
}  // namespace ka::wire
