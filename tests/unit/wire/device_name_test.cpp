// The forms in which files name a block device, and which of them a clone has.
#include "wire/device_name.h"

#include <gtest/gtest.h>

namespace ka::wire {
namespace {

using Kind = DeviceName::Kind;

Manifest manifest() {
  Manifest m;
  std::vector<storage::Partition> partitions(5);
  const int numbers[] = {1, 2, 5, 6, 7};
  for (std::size_t i = 0; i < 5; ++i) partitions[i].number = numbers[i];
  storage::add_disk(m.storage, "sda", {}, {{}, "0x59be1427", 0}, partitions);
  m.storage.nodes[0].links = {"/dev/disk/by-id/ata-KA_1"};
  m.storage.nodes[5].links = {"/dev/disk/by-path/pci-0000:00:1f.2-ata-1-part6"};
  storage::Ext var;
  var.uuid = "0f2a2a5c-2a7c-4a53-9f0e-6f0a5f6f0a5f";
  var.label = "my disk";
  storage::add_content(m.storage, "sda6", var);
  storage::add_content(m.storage, "sda7", storage::Blocks{1, "7A1C-99E2", "STICK", "", 0});
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
  const auto* partition = found ? storage::get<storage::Partition>(found->device) : nullptr;
  EXPECT_EQ(!found ? -1 : partition ? partition->number : 0, form.partition);
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
  EXPECT_EQ(var->device->id, "sda6");
  EXPECT_EQ(var->content->id, "sda6:fs");
  EXPECT_EQ(var->names.part_uuid, "59be1427-06");
  EXPECT_EQ(find_cloned(cloned, parse_device_name("LABEL=STICK"))->content->id, "sda7:fs");
  EXPECT_EQ(find_cloned(cloned, parse_device_name("/dev/sda5"))->content, nullptr);
}

TEST(DeviceName, OfAGptPartitionsHaveGuidsAndNames) {
  Manifest m;
  storage::Partition root;
  root.number = 12;
  root.guid = "0A0B0C0D-1111-2222-3333-444455556666";
  root.name = "root of all";
  storage::add_disk(m.storage, "nvme0n1", {}, {storage::Label::gpt, "", 128}, {root});
  for (const char* word : {"PARTUUID=0a0b0c0d-1111-2222-3333-444455556666", "PARTLABEL=\"root of all\"",
                           "/dev/disk/by-partlabel/root\\x20of\\x20all", "/dev/nvme0n1p12"}) {
    auto found = find_cloned(m, parse_device_name(word));
    ASSERT_TRUE(found) << word;
    EXPECT_EQ(found->device->id, "nvme0n1p12");
    EXPECT_EQ(found->names.part_uuid, "0a0b0c0d-1111-2222-3333-444455556666");
  }
}

}  // namespace
}  // namespace ka::wire
