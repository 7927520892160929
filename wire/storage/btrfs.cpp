#include <algorithm>
#include <set>

#include "base/text.h"
#include "wire/storage/content.h"
#include "wire/storage/kinds.h"
#include "wire/storage/superblock.h"

namespace ka::storage {

namespace {

// ---- Superblock: btrfs(5), "struct btrfs_super_block" of the kernel's btrfs_tree.h

constexpr Range at_64_kib[] = {{65536, 4096}};
constexpr std::uint64_t seeding = std::uint64_t{1} << 32, metadata_dump = std::uint64_t{1} << 33;
const char* const checksums[] = {"crc32c", "xxhash", "sha256", "blake2"};

// What mkfs.btrfs is told to do or not to do.
constexpr FeatureBit incompatible[] = {
    {1 << 2, "mixed-bg"}, {1 << 6, "extref"}, {1 << 8, "skinny-metadata"}, {1 << 9, "no-holes"}};
constexpr FeatureBit read_only[] = {{1 << 0, "free-space-tree"}};
// What comes by itself: old ways of references, a default subvolume, packed files, large nodes, a UUID that was changed
// (the clone is made with the new one); of the tree of free space, that it is right; fs-verity, of which the survey of
// the files tells.
constexpr std::uint64_t incompatible_of_itself = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 10;
constexpr std::uint64_t read_only_of_itself = 1 << 1 | 1 << 2;
constexpr FeatureBit not_made_incompatible[] = {
    {1 << 7, "raid56"},          {1 << 11, "raid1c34"},         {1 << 12, "zoned"},
    {1 << 13, "extent-tree-v2"}, {1 << 14, "raid-stripe-tree"}, {1 << 16, "squota"},
    {1 << 17, "remap-tree"}};
constexpr FeatureBit not_made_read_only[] = {{1 << 3, "block-group-tree"}};

struct Profile {
  std::uint64_t bits;
  const char* word;
};
constexpr std::uint64_t profile_bits = 0x7f8;
constexpr Profile profiles[] = {{0, "single"}, {32, "dup"}};

void add_features(const Superblock& super, std::uint64_t bits, std::uint64_t of_itself,
                  std::span<const FeatureBit> known, std::span<const FeatureBit> not_made, Btrfs& fs) {
  for (const FeatureBit& feature : known)
    if (bits & feature.bit) fs.features.emplace_back(feature.word);
  for (const FeatureBit& feature : known) bits &= ~feature.bit;
  for (const FeatureBit& feature : not_made)
    if (bits & feature.bit)
      super.fail(std::string("it has the feature ") + feature.word + ", which stage2's mkfs.btrfs cannot make");
  if (bits &= ~of_itself; bits != 0)
    super.fail("it has features that are not known (bits " + std::to_string(bits) + ")");
}

// The chunks that must be known to find all others; their profile is that of the metadata.
std::string system_profile(const Superblock& super) {
  constexpr std::size_t array = 811, key_size = 17, type_in_chunk = 24;
  if (super.little(160, 4) < key_size + type_in_chunk + 8) super.fail("it names no chunk");
  const std::uint64_t bits = super.little(array + key_size + type_in_chunk, 8) & profile_bits;
  for (const Profile& profile : profiles)
    if (profile.bits == bits) return profile.word;
  super.fail("its metadata lies on several devices (RAID), of which a clone has one");
}

What read(std::span<const std::string> superblock) {
  const Superblock super("Btrfs", superblock[0]);
  if (super.bytes(64, 8) != "_BHRfS_M") super.fail("its mark is missing");
  const std::uint64_t flags = super.little(56, 8), devices = super.little(136, 8), checksum = super.little(196, 2);
  if (devices != 1)
    super.fail("it lies on " + std::to_string(devices) + " devices; only what lies on one can be cloned");
  if (flags & seeding) super.fail("it is a seed for other file systems, and read-only (btrfstune -S)");
  if (flags & metadata_dump) super.fail("it is an image of metadata without files");
  if (checksum >= std::size(checksums)) super.fail("its kind of checksum is not known");
  Btrfs fs;
  fs.uuid = super.uuid(32);
  fs.label = super.text(299, 256);
  fs.checksum = checksums[checksum];
  fs.sector = static_cast<std::uint32_t>(super.little(144, 4));
  fs.node = static_cast<std::uint32_t>(super.little(148, 4));
  add_features(super, super.little(188, 8), incompatible_of_itself, incompatible, not_made_incompatible, fs);
  add_features(super, super.little(180, 8), read_only_of_itself, read_only, not_made_read_only, fs);
  fs.metadata = system_profile(super);
  return fs;
}

std::string difference(const Node& golden, const Ground&, const Node& made) {
  Btrfs meant = as<Btrfs>(golden);
  meant.data.clear();  // nothing of it stands in the superblock
  return differing_fields(meant, as<Btrfs>(made));
}

// ---- Room

bool is_mixed(const Btrfs& fs) {
  return std::find(fs.features.begin(), fs.features.end(), "mixed-bg") != fs.features.end();
}

std::uint64_t copies(const std::string& profile) { return profile == "dup" ? 2 : 1; }

// What mkfs.btrfs asks for, and then chunks of metadata, of which the first are there whether they are filled or not.
std::uint64_t room(const Node& node, const Ground& ground) {
  const Btrfs& fs = as<Btrfs>(node);
  const std::uint64_t least = is_mixed(fs) ? 16 * mib : (64 * (copies(fs.metadata) + copies(fs.data)) - 82) * mib;
  const std::uint64_t chunk = is_mixed(fs) ? 4 * mib : std::clamp(ground.bytes / 20, 32 * mib, 256 * mib);
  const std::uint64_t taken = 8 * mib + chunk * copies(fs.metadata);
  return ground.bytes < least || ground.bytes <= taken ? 0 : (ground.bytes - taken) / copies(fs.data);
}

// Each file has its inode, its names and its extents in the metadata.
std::uint64_t need(const Node& node) {
  const Btrfs& fs = as<Btrfs>(node);
  constexpr std::uint64_t each_inode = 1024;
  return fs.used.bytes + fs.used.bytes / 50 + fs.used.inodes * each_inode * copies(fs.metadata) + fs.used.later;
}

// ---- The rest

void check_subvolumes(const Btrfs& fs, const Where& where) {
  std::set<std::string> earlier;
  unsigned defaults = 0;
  for (const Subvolume& s : fs.subvolumes) {
    const std::string quoted = "\"" + escape_bytes(s.path) + "\"";
    if (s.path.empty() || s.path.size() > 4000 || s.path.find('\0') != std::string::npos)
      where.fail("subvolumes", quoted + " is not a path");
    for (std::string_view part : split(s.path, '/'))
      if (part.empty() || part == "." || part == ".." || part.size() > 255)
        where.fail("subvolumes", quoted + " is not a path");
    // One that another one would make as a plain directory.
    for (const std::string& other : earlier)
      if (other.starts_with(s.path + "/")) where.fail("subvolumes", quoted + " comes after what lies in it");
    if (!earlier.insert(s.path).second) where.fail("subvolumes", quoted + " is there twice");
    defaults += s.is_default ? 1 : 0;
  }
  if (defaults > 1) where.fail("subvolumes", "more than one is the default");
}

void check(const Where& where) {
  const Btrfs& fs = as<Btrfs>(where.node);
  check_content(where, fs);
  check_power_of_two(where, "node", fs.node, 4096, 65536);
  check_power_of_two(where, "sector", fs.sector, 4096, 65536);
  where.word("checksum", fs.checksum);
  for (const std::string& word : fs.features) where.word("features", word);
  for (const auto& [field, profile] : {std::pair("metadata", fs.metadata), std::pair("data", fs.data)})
    if (!profile.empty() && profile != "single" && profile != "dup")
      where.fail(field, "\"" + escape_bytes(profile) + "\" is not single or dup");
  check_subvolumes(fs, where);
}

std::string text(const Node& node) {
  const std::size_t count = as<Btrfs>(node).subvolumes.size();
  return count == 0 ? "Btrfs" : "Btrfs, " + std::to_string(count) + (count == 1 ? " subvolume" : " subvolumes");
}

bool has_subvolume(const Node& node, std::string_view path) {
  const auto& all = as<Btrfs>(node).subvolumes;
  return path.empty() || std::any_of(all.begin(), all.end(), [&](const Subvolume& s) { return s.path == path; });
}

}  // namespace

const Rule btrfs_rule = {.kind = "btrfs",
                         .sort = Sort::content,
                         .text = text,
                         .check = check,
                         .names = content_names<Btrfs>,
                         .room = room,
                         .need = need,
                         .hand_out = nullptr,
                         .holds_files = true,
                         .has_subvolume = has_subvolume,
                         .superblock = at_64_kib,
                         .read = read,
                         .difference = difference};

}  // namespace ka::storage
