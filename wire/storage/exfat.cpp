#include "wire/storage/exfat.h"

#include <algorithm>

#include "wire/storage/content.h"
#include "wire/storage/kinds.h"
#include "wire/storage/superblock.h"

namespace ka::storage {

namespace {

constexpr std::uint64_t least_size = 4 * mib;
constexpr std::uint32_t largest_cluster = 32 << 20;

// The file allocation table, four bytes a cluster, and parts that begin on whole MiB.
std::uint64_t room(const Node& node, const Ground& ground) {
  const std::uint64_t size = ground.bytes;
  // With larger clusters it is less.
  const std::uint64_t before = 3 * mib + size / std::max<std::uint64_t>(as<Exfat>(node).cluster_size, 512) * 5;
  return size < least_size || size <= before ? 0 : size - before;
}

// Directories fall out a little larger.
std::uint64_t need(const Node& node) {
  const Usage& used = as<Exfat>(node).used;
  return used.bytes + used.bytes / 50 + used.later;
}

void check(const Where& where) {
  const Exfat& exfat = as<Exfat>(where.node);
  check_content(where, exfat);
  if (!is_volume_id(exfat.uuid)) where.fail("uuid", "is not that of an exFAT: 7A1C-99E2");
  check_power_of_two(where, "cluster_size", exfat.cluster_size, 512, largest_cluster);
}

std::string text(const Node&) { return "exfat"; }

// ---- Superblock

constexpr Range boot_sector[] = {{0, 512}};

What read(std::span<const std::string> superblock) {
  const Superblock sector("exFAT", superblock[0]);
  if (sector.bytes(3, 8) != "EXFAT   " || sector.little(510, 2) != 0xaa55) sector.fail("its mark is missing");
  const std::uint64_t shift = sector.little(108, 1) + sector.little(109, 1);
  if (shift < 9 || shift > 25) sector.fail("clusters of 2^" + std::to_string(shift) + " bytes are impossible");
  if (sector.little(110, 1) != 1) sector.fail("it has more than one file allocation table, and cannot be cloned");
  Exfat exfat;
  exfat.cluster_size = std::uint32_t{1} << shift;
  exfat.uuid = sector.volume_id(100);
  return exfat;
}

// The label lies among the files.
std::string difference(const Node& golden, const Ground& ground, const Node& made) {
  Exfat meant = exfat_on(as<Exfat>(golden), ground);
  meant.label.clear();
  return differing_fields(meant, as<Exfat>(made));
}

}  // namespace

Exfat exfat_on(const Exfat& golden, const Ground& ground) {
  constexpr std::uint64_t most_clusters = 0xfffffff5;
  Exfat exfat = golden;
  exfat.cluster_size = std::max(exfat.cluster_size, ground.sector);
  while (ground.bytes / exfat.cluster_size > most_clusters && exfat.cluster_size < largest_cluster)
    exfat.cluster_size *= 2;
  return exfat;
}

const Rule exfat_rule = {.kind = "exfat",
                         .sort = Sort::content,
                         .text = text,
                         .check = check,
                         .names = content_names<Exfat>,
                         .room = room,
                         .need = need,
                         .hand_out = nullptr,
                         .holds_files = true,
                         .superblock = boot_sector,
                         .read = read,
                         .difference = difference};

}  // namespace ka::storage
