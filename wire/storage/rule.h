#pragma once
/// What both sides must answer alike about each kind: one entry in one table (rules.cpp). The server asks it of the
/// golden machine, a node before it writes and again of what it wrote.

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>

#include "wire/storage/storage.h"

namespace ka::storage {

enum class Sort { device, group, content };

/// What something stands on: so many bytes in sectors of this size.
struct Ground {
  std::uint64_t bytes = 0;
  std::uint32_t sector = 512;
};

/// Where a node is: on its disk, from its first byte. A disk and its table have all of it.
struct Place {
  std::uint64_t start = 0;
  Ground ground;
};
using Places = std::map<Id, Place>;

/// While nodes are placed, each after those below it.
struct Placing {
  const Storage& storage;
  const std::set<Id>& anew;  ///< tables that are not to be kept as they are
  Places places;
};

/// A node while it is checked: what is wrong gets its path.
struct Where {
  const Storage& storage;
  const Node& node;
  std::string path;  ///< "storage[3]"

  /// Throws Error "manifest: storage[3].field: why".
  [[noreturn]] void fail(const char* field, const std::string& why) const;
  /// The value must be a word: nothing in it may be a separator, an option or a blank.
  void word(const char* field, const std::string& value) const;
  /// A UUID, or a part of one, or nothing.
  void uuid(const char* field, const std::string& value) const;
  void label(const char* field, const std::string& value) const;
  void size(const char* field, std::uint64_t value) const;  ///< below 2^60
  /// The one node that this one stands on.
  const Node& below() const;
};

/// The names by which files mean a node; empty: it has none.
struct Names {
  std::string uuid, label, part_uuid, part_label;
  std::vector<std::string> paths = {};  ///< below /dev, where its clones have it, too: "mapper/vg0-root", "vg0/root"
  std::vector<std::string> grub = {};   ///< GRUB's names of it, without parentheses: "lvmid/…/…", "mduuid/…"
};

/// What a machine must not have twice, since programs find a node by it.
struct Identity {
  const char* tag;    ///< as `blkid -p -o export` calls it: "UUID"
  const char* words;  ///< for people: "disk identifier"
  std::string value;  ///< letters small or not
};

/// Some bytes of a device.
struct Range {
  std::uint64_t offset = 0;
  std::size_t size = 0;
};

struct Rule {
  const char* kind;  ///< in JSON: "disk"
  Sort sort;
  std::string (*text)(const Node&);  ///< for people: "ext4", "partition 1, type 83"
  void (*check)(const Where&);
  Names (*names)(const Storage&, const Node&);
  /// Bytes that a device has for what stands on it, or that a content has for what it is to hold; 0: it cannot be made
  /// there. Never less on a larger ground. nullptr of a group, which has hand_out.
  std::uint64_t (*room)(const Node&, const Ground&);
  /// What a content is to hold, or nullptr.
  std::uint64_t (*need)(const Node&);
  /// Of a group: places all that stands on it. Throws Error if that does not fit.
  void (*hand_out)(Placing&, const Node&);
  /// Of a device that is made of others: what it has on these; 0 bytes: it cannot be made of them. Never less on larger
  /// ones. nullptr: its group hands it out.
  Ground (*joined)(const Node&, std::span<const Ground>) = nullptr;
  /// Of a group: the least bytes that each of the devices that it stands on must have, in their order, for all that is
  /// on it. nullptr: it lies on a disk.
  std::vector<std::uint64_t> (*least_below)(const Storage&, const Node&, std::uint32_t sector, bool spare) = nullptr;
  /// Of what is made of other devices: the names by which files mean this one of them (udev has no /dev/disk/by-uuid of
  /// arrays' legs and physical volumes).
  Names (*member_names)(const Node&) = nullptr;
  bool holds_files = false;      ///< a content that is mounted; its files come with the tree's
  bool comes_by_stream = false;  ///< a content that has a session of its own and is not made anew
  /// Of a content that is mounted in parts: whether it has this one, "" for the top. nullptr: it is mounted whole.
  bool (*has_subvolume)(const Node&, std::string_view path) = nullptr;

  /// Where its superblock lies. Empty: nobody reads it.
  std::span<const Range> superblock = {};
  /// What these bytes say, a text of just that size for each range. Throws Error if they are no superblock of this
  /// kind, or one of what this kind cannot say: such a feature is named.
  What (*read)(std::span<const std::string>) = nullptr;
  /// In words, what of a content that was made on this ground is not as the golden one asks for; "": nothing is.
  std::string (*difference)(const Node& golden, const Ground&, const Node& made) = nullptr;
  /// Words for what of it programs and kernels may be too old for; each is a feature of stage2's ka/stage2.json.
  std::vector<std::string> (*features)(const Node&) = nullptr;
  /// What a clone of it bears, and another disk of that machine must not; nullptr: the UUIDs that names() has.
  std::vector<Identity> (*identities)(const Storage&, const Node&) = nullptr;
};

const Rule& rule(const Node& node);

/// Where a device is below /dev, on the golden machine as on a clone that runs: "/dev/sda5", "/dev/mapper/vg0-root".
std::string device_path(const Storage& storage, const Node& device);

/// Rule::identities of a node, or what stands for it; in small letters, as blkid has them all but for volume ids.
std::vector<Identity> identities_of(const Storage& storage, const Node& node);

/// The largest number of bytes that anything may have: far above any disk, far below overflow.
inline constexpr std::uint64_t largest_size = std::uint64_t{1} << 60;

inline constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t round_up_to_mib(std::uint64_t bytes) { return (bytes + mib - 1) / mib; }

}  // namespace ka::storage
