#include "wire/storage/types.h"

#include "wire/storage/labels.h"

namespace ka::storage {

namespace {

constexpr PartitionType types[] = {
    {"linux", "L", "83", "0FC63DAF-8483-4772-8E79-3D69D8477DE4", true},
    {"swap", "S", "82", "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F", true},
    {"extended", "E", "5", nullptr, true},
    {"efi", "U", "ef", efi_system_guid},
    {"uefi", nullptr, "ef", efi_system_guid},
    {"bios", nullptr, nullptr, bios_boot_guid},
    {"xbootldr", nullptr, "ea", "BC13C2FF-59E6-4262-A352-B275FD6F7172"},
    {"home", "H", nullptr, "933AC7E1-2EB4-4F13-B844-0E14E2AEF915"},
    {"raid", "R", "fd", "A19D880F-05FC-4D3B-A006-743F0F84911E"},
    {"lvm", "V", "8e", "E6D6D379-F507-44C2-A23C-238F2A3DF928"},
};

}  // namespace

const char* PartitionType::of(Label label) const { return label == Label::dos ? dos : gpt; }

const PartitionType* find_type(std::string_view word) {
  for (const PartitionType& type : types)
    if (word == type.word || (type.alias && word == type.alias)) return &type;
  return nullptr;
}

const PartitionType* find_type(Label label, std::string_view text) {
  for (const PartitionType& type : types)
    if (type.of(label) && text == type.of(label)) return &type;
  return nullptr;
}

bool is_type(Label label, std::string_view text, std::string_view word) {
  const PartitionType* type = find_type(word);
  return type && type->of(label) && text == type->of(label);
}

}  // namespace ka::storage
