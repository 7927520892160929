#pragma once
/// What partition tables of each label can say: one entry each.

#include <cstdint>
#include <string>
#include <string_view>

#include "wire/storage/rule.h"

namespace ka::storage {

struct LabelRule {
  const char* name;  ///< sfdisk's: "dos", "gpt"
  /// No partition begins before this byte.
  std::uint64_t (*first)(const Table&, std::uint32_t sector);
  /// No partition ends behind this byte.
  std::uint64_t (*end)(const Table&, const Ground& disk);
  void (*check_table)(const Table&, const Where&);
  void (*check_partition)(const Table&, const Partition&, const Where&);
  /// PARTUUID= of a partition; empty: each clone has one of its own.
  std::string (*part_uuid)(const Table&, const Partition&);
};

const LabelRule& rule(Label label);

/// Of a DOS table: an extended partition as CHS, LBA and Linux have it.
bool is_extended(std::string_view type);

/// "0FC63DAF-8483-4772-8E79-3D69D8477DE4": capitals only.
bool is_guid(std::string_view text);

/// How people know a partition: "sda1", "nvme0n1p1".
std::string partition_name(std::string_view disk, int number);

inline constexpr const char* bios_boot_guid = "21686148-6449-6E6F-744E-656564454649";
inline constexpr const char* efi_system_guid = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";

}  // namespace ka::storage
