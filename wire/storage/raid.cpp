#include "wire/storage/raid.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "wire/storage/kinds.h"

namespace ka::storage {

namespace {

// What md(4) and mdadm(8) call a level, and how its legs share the data.
struct Level {
  const char* name;
  unsigned least_slots, parity;
  bool copies;  // each leg has all of it
  bool strips;  // in chunks
};
constexpr Level levels[] = {{"linear", 1, 0, false, false}, {"raid0", 1, 0, false, true}, {"raid1", 1, 0, true, false},
                            {"raid4", 2, 1, false, true},   {"raid5", 2, 1, false, true}, {"raid6", 4, 2, false, true},
                            {"raid10", 2, 0, false, true}};

const Level* level_of(const Raid& raid) {
  auto found = std::find_if(std::begin(levels), std::end(levels), [&](const Level& l) { return raid.level == l.name; });
  return found == std::end(levels) ? nullptr : found;
}

// Whole units of bytes.
constexpr std::uint64_t down_to(std::uint64_t bytes, std::uint64_t unit) { return bytes / unit * unit; }
constexpr std::uint64_t without(std::uint64_t bytes, std::uint64_t less) { return bytes < less ? 0 : bytes - less; }

constexpr std::uint64_t kib = 1 << 10;

// The superblock of 0.90 lies in the last 64 KiB that begin on 64 KiB; it can say no more than 2 TiB. That of 1.0 lies
// 8 KiB before the end, on 4 KiB, behind the list of bad blocks and what mdadm keeps free for a bitmap at most.
std::uint64_t room_before_superblock(const Raid& raid, std::uint64_t leg) {
  if (raid.metadata == "0.90") return std::min(without(down_to(leg, 64 * kib), 64 * kib), 2048 * 1024 * mib);
  if (raid.metadata == "1.0")
    return without(down_to(without(leg, 8 * kib), 4 * kib), (raid.bitmap ? 128 * kib : 0) + 4 * kib);
  return without(leg, data_offset(raid));
}

// A level without chunks has whole 64 KiB, as mdadm makes it; linear takes all that is there.
std::uint64_t room_on(const Raid& raid, const Level& level, const Ground& leg) {
  const std::uint64_t room = room_before_superblock(raid, leg.bytes);
  if (level.strips) return down_to(room, raid.chunk);
  return level.copies ? down_to(room, 64 * kib) : room;
}

// "n2", "f2", "o3": each block lies on so many legs.
std::uint64_t copies_of(const Raid& raid) {
  return raid.layout.size() < 2 ? 2 : parse_unsigned(std::string_view(raid.layout).substr(1)).value_or(2);
}

// In chunks, as the kernel has it: near copies follow each other over the legs, far ones are a part of each leg.
std::uint64_t raid10_bytes(const Raid& raid, std::uint64_t leg) {
  const std::uint64_t chunks = leg / raid.chunk, copies = copies_of(raid);
  const bool near = raid.layout.empty() || raid.layout[0] == 'n';
  return raid.chunk * (near ? chunks * raid.slots / copies : chunks / copies * raid.slots);
}

// Near copies lie on neighbours, so that these are mirrors of each other, if it comes out even. Of other layouts it is
// not said here which legs have what.
bool mirrors_are_there(const Raid& raid) {
  const std::uint64_t copies = copies_of(raid);
  const bool mirrors = (raid.layout.empty() || raid.layout[0] == 'n') && copies > 0 && raid.slots % copies == 0;
  if (!mirrors) return raid.empty_slots.empty();
  std::map<std::uint64_t, std::uint64_t> missing;
  for (std::uint32_t slot : raid.empty_slots)
    if (++missing[slot / copies] == copies) return false;
  return true;
}

Ground joined(const Node& node, std::span<const Ground> below) {
  const Raid& raid = as<Raid>(node);
  const Level& level = *level_of(raid);
  Ground ground{0, 512};
  std::uint64_t least = largest_size, sum = 0;
  const auto rooms = leg_rooms(raid, below);
  for (std::size_t i = 0; i < below.size(); ++i) {
    ground.sector = std::max(ground.sector, below[i].sector);
    least = std::min(least, rooms[i]);
    if (i < raid.slots) sum += rooms[i];
  }
  if (level.copies)
    ground.bytes = least;
  else if (level.name == std::string_view("raid10"))
    ground.bytes = raid10_bytes(raid, least);
  else if (level.parity > 0)
    ground.bytes = least * (raid.slots - level.parity);
  else
    ground.bytes = least == 0 ? 0 : sum;
  return ground;
}

void check(const Where& where) {
  const Raid& raid = as<Raid>(where.node);
  const Level* level = level_of(raid);
  if (!level) where.fail("level", "\"" + escape_bytes(raid.level) + "\" is none that a clone can have");
  constexpr std::string_view known[] = {"0.90", "1.0", "1.1", "1.2"};
  if (std::find(std::begin(known), std::end(known), raid.metadata) == std::end(known))
    where.fail("metadata", "\"" + escape_bytes(raid.metadata) + "\" is none that a clone can have");
  if (level->name == std::string_view("raid0") && raid.metadata == "0.90")
    where.fail("metadata", "0.90 is none that mdadm gives a raid0");
  if (raid.uuid.size() != 35 || raid.uuid.find_first_not_of("0123456789abcdef:") != std::string::npos)
    where.fail("uuid", "\"" + escape_bytes(raid.uuid) + "\" is not the UUID of an array");
  if (!raid.name.empty()) where.word("name", raid.name);
  if (!raid.layout.empty()) where.word("layout", raid.layout);
  where.size("chunk", raid.chunk);
  where.size("offset", raid.offset);
  where.size("bytes", raid.bytes);
  if (level->strips && (raid.chunk < 4096 || raid.chunk % 4096 != 0)) where.fail("chunk", "is out of range");
  if (raid.slots < level->least_slots) where.fail("slots", "are too few for " + raid.level);
  if (where.node.on.size() + raid.empty_slots.size() < raid.slots)
    where.fail("on", "has fewer devices than the array has slots");
  if (raid.level == "raid10" && (copies_of(raid) == 0 || copies_of(raid) > raid.slots))
    where.fail("layout", "\"" + raid.layout + "\" has more copies than there are legs");
}

std::string text(const Node& node) {
  const Raid& raid = as<Raid>(node);
  const std::size_t missing = raid.empty_slots.size();
  const std::size_t spares = node.on.size() - std::min<std::size_t>(node.on.size(), raid.slots - missing);
  return raid.level + ", metadata " + raid.metadata + ", " + std::to_string(raid.slots) + " devices" +
         (spares == 0 ? "" : " and " + std::to_string(spares) + (spares == 1 ? " spare" : " spares")) +
         (missing == 0 ? "" : ", degraded: " + std::to_string(missing) + (missing == 1 ? " is" : " are") + " missing");
}

Names names(const Storage&, const Node& node) {
  const Raid& raid = as<Raid>(node);
  Names names;
  names.paths = {node.id};
  // What mdadm calls it beside its number: /dev/md/0, /dev/md/root.
  if (!raid.name.empty()) names.paths.push_back("md/" + raid.name);
  if (node.id.starts_with("md") && node.id.size() > 2) names.paths.push_back("md/" + node.id.substr(2));
  std::string digits = raid.uuid;
  std::erase(digits, ':');
  // Metadata 0.90 has a number and no name.
  names.grub = {"mduuid/" + digits, raid.name.empty() ? node.id : "md/" + raid.name};
  return names;
}

// As blkid writes it of a leg, which has that of the whole.
std::vector<Identity> identities(const Storage&, const Node& node) {
  std::string uuid = as<Raid>(node).uuid;
  std::erase(uuid, ':');
  for (std::size_t at : {8, 13, 18, 23}) uuid.insert(at, 1, '-');
  return {{"UUID", "RAID UUID", uuid}};
}

std::uint64_t room(const Node&, const Ground& ground) { return ground.bytes; }

}  // namespace

std::uint64_t data_offset(const Raid& raid) {
  return raid.metadata == "0.90" || raid.metadata == "1.0" ? 0 : std::max(raid.offset, mib);
}

bool has_parity(const Raid& raid) { return level_of(raid)->parity > 0; }

bool bears_empty_slots(const Raid& raid) {
  const Level* level = level_of(raid);
  const std::size_t missing = raid.empty_slots.size();
  if (!level || missing >= raid.slots) return false;
  if (raid.level == "raid10") return mirrors_are_there(raid);
  return level->copies || missing <= level->parity;
}

bool needs_sync(const Raid& raid) { return level_of(raid)->parity > raid.empty_slots.size(); }

std::vector<std::uint64_t> leg_rooms(const Raid& raid, std::span<const Ground> below) {
  std::vector<std::uint64_t> rooms;
  for (const Ground& leg : below) rooms.push_back(room_on(raid, *level_of(raid), leg));
  return rooms;
}

const Rule raid_rule = {.kind = "raid",
                        .sort = Sort::device,
                        .text = text,
                        .check = check,
                        .names = names,
                        .room = room,
                        .need = nullptr,
                        .hand_out = nullptr,
                        .joined = joined,
                        .identities = identities};

}  // namespace ka::storage
