#include "wire/storage/fat.h"

#include <algorithm>

#include "wire/storage/content.h"
#include "wire/storage/kinds.h"
#include "wire/storage/superblock.h"

namespace ka::storage {

namespace {

// How many clusters each width has. Firmware goes by this number alone, so a FAT32 with fewer is a FAT16 to it.
struct Width {
  std::uint32_t bits;
  std::uint64_t least, most;
};
constexpr Width widths[] = {{12, 1, 4084}, {16, 4085, 65524}, {32, 65525, 268435444}};

constexpr std::uint32_t largest_cluster = 64 << 10;
constexpr std::uint64_t reserved_sectors = 32, entry_size = 32;
constexpr std::size_t longest_label = 11;

const Width& width_of(std::uint32_t bits) { return bits == 12 ? widths[0] : bits == 16 ? widths[1] : widths[2]; }

// A golden one that is narrower than its number of clusters allows may stay so.
std::uint64_t least_clusters(const Fat& golden, const Fat& fat) {
  const Width& width = width_of(fat.width);
  return fat.width == golden.width && golden.clusters > 0 && golden.clusters < width.least ? 1 : width.least;
}

// mkfs.fat begins its parts on whole clusters, and may lose one at each.
std::uint64_t clusters_on(const Fat& fat, const Ground& ground) {
  const std::uint64_t before =
      reserved_sectors * ground.sector + fat.root_entries * entry_size + 4 * std::uint64_t{fat.cluster_size};
  const std::uint64_t each = fat.cluster_size + fat.tables * std::uint64_t{fat.width} / 8;
  return ground.bytes > before ? (ground.bytes - before) / each : 0;
}

// On a ground that is no larger the golden width did.
bool too_many_clusters(const Fat& golden, const Fat& fat, const Ground& ground) {
  constexpr std::uint64_t more_at_most = 16;  // than clusters_on() has
  const std::uint64_t clusters = clusters_on(fat, ground);
  if (fat.width == golden.width && fat.cluster_size == golden.cluster_size && clusters <= golden.clusters) return false;
  return clusters + more_at_most > width_of(fat.width).most;
}

void widen(Fat& fat) {
  fat.width = fat.width == 12 ? 16 : 32;
  if (fat.width == 32) fat.root_entries = 0;
}

// The tables of the smallest clusters of FAT32 take a 64th.
std::uint64_t room(const Node& node, const Ground& ground) {
  const Fat& golden = as<Fat>(node);
  const Fat fat = fat_on(golden, ground);
  if (clusters_on(fat, ground) < least_clusters(golden, fat)) return 0;
  const std::uint64_t tables = ground.bytes / 50 + 2 * reserved_sectors * ground.sector +
                               golden.root_entries * entry_size + 2 * std::uint64_t{largest_cluster};
  return ground.bytes > tables ? ground.bytes - tables : 0;
}

std::uint64_t need(const Node& node) {
  const Usage& used = as<Fat>(node).used;
  return used.bytes + used.bytes / 50 + used.later;
}

void check(const Where& where) {
  const Fat& fat = as<Fat>(where.node);
  if (fat.width != 12 && fat.width != 16 && fat.width != 32)
    where.fail("width", std::to_string(fat.width) + " is not 12, 16 or 32");
  check_content(where, fat);
  if (!is_volume_id(fat.uuid)) where.fail("uuid", "is not that of a FAT: 7A1C-99E2");
  check_power_of_two(where, "cluster_size", fat.cluster_size, 512, largest_cluster);
  if (fat.tables < 1 || fat.tables > 4) where.fail("tables", std::to_string(fat.tables) + " are impossible");
  if (fat.root_entries > 65535 || (fat.width == 32) != (fat.root_entries == 0))
    where.fail("root_entries", std::to_string(fat.root_entries) + " are impossible");
}

std::string text(const Node& node) { return "FAT" + std::to_string(as<Fat>(node).width); }

// ---- Superblock: the boot sector

constexpr Range boot_sector[] = {{0, 512}};

std::string label_of(const Superblock& sector, std::size_t at) {
  std::string label = sector.bytes(at, longest_label);
  label.erase(label.find_last_not_of(' ') + 1);
  return label == "NO NAME" ? "" : label;
}

What read(std::span<const std::string> superblock) {
  const Superblock sector("FAT", superblock[0]);
  auto power_of_two = [](std::uint64_t n) { return n != 0 && (n & (n - 1)) == 0; };
  if (sector.little(510, 2) != 0xaa55) sector.fail("its mark is missing");
  const std::uint64_t bytes = sector.little(11, 2), per_cluster = sector.little(13, 1);
  if (!power_of_two(bytes) || bytes < 512 || bytes > 4096 || !power_of_two(per_cluster) ||
      bytes * per_cluster > largest_cluster)
    sector.fail("clusters of " + std::to_string(per_cluster) + " sectors of " + std::to_string(bytes) +
                " bytes are impossible");
  Fat fat;
  fat.cluster_size = static_cast<std::uint32_t>(bytes * per_cluster);
  fat.tables = static_cast<std::uint32_t>(sector.little(16, 1));
  fat.root_entries = static_cast<std::uint32_t>(sector.little(17, 2));
  const std::uint64_t few = sector.little(19, 2), short_table = sector.little(22, 2);
  const std::uint64_t all = few ? few : sector.little(32, 4), table = short_table ? short_table : sector.little(36, 4);
  const std::uint64_t before =
      sector.little(14, 2) + fat.tables * table + (fat.root_entries * entry_size + bytes - 1) / bytes;
  if (fat.tables == 0 || table == 0 || all <= before) sector.fail("there is nothing behind its tables");
  fat.clusters = static_cast<std::uint32_t>((all - before) / per_cluster);
  fat.width = !short_table ? 32 : fat.clusters <= widths[0].most ? 12 : 16;
  const std::size_t extended = fat.width == 32 ? 64 : 36;
  if (sector.little(extended + 2, 1) == 0x29) {
    fat.uuid = sector.volume_id(extended + 3);
    fat.label = label_of(sector, extended + 7);
  }
  return fat;
}

std::string difference(const Node& golden, const Ground& ground, const Node& made) {
  return differing_fields(fat_on(as<Fat>(golden), ground), as<Fat>(made));
}

}  // namespace

Fat fat_on(const Fat& golden, const Ground& ground) {
  Fat fat = golden;
  fat.clusters = 0;
  fat.cluster_size = std::max(fat.cluster_size, ground.sector);
  while (fat.width < 32 && too_many_clusters(golden, fat, ground)) {
    if (fat.cluster_size < largest_cluster / 2)
      fat.cluster_size *= 2;
    else
      widen(fat);
  }
  while (too_many_clusters(golden, fat, ground) && fat.cluster_size < largest_cluster) fat.cluster_size *= 2;
  while (fat.cluster_size > ground.sector && clusters_on(fat, ground) < least_clusters(golden, fat))
    fat.cluster_size /= 2;
  const auto in_sector = static_cast<std::uint32_t>(ground.sector / entry_size);
  if (in_sector > 0) fat.root_entries = (fat.root_entries + in_sector - 1) / in_sector * in_sector;
  return fat;
}

const Rule fat_rule = {.kind = "fat",
                       .sort = Sort::content,
                       .text = text,
                       .check = check,
                       .names = content_names<Fat>,
                       .room = room,
                       .need = need,
                       .hand_out = nullptr,
                       .holds_files = true,
                       .superblock = boot_sector,
                       .read = read,
                       .difference = difference};

}  // namespace ka::storage
