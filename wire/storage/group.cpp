// A volume group of LVM's, its volumes and its thin pools.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "wire/storage/kinds.h"
#include "wire/storage/lvm.h"

namespace ka::storage {

namespace {

void check_uuid(const Where& where, const char* field, const std::string& uuid) {
  where.word(field, uuid);
  if (uuid.size() != 38) where.fail(field, "\"" + escape_bytes(uuid) + "\" is not a UUID of LVM's");
}

void check_tags(const Where& where, const std::vector<std::string>& tags) {
  for (const std::string& tag : tags) {
    const bool clean = std::all_of(tag.begin(), tag.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             std::string_view("_+.-/=!:&#").find(c) != std::string_view::npos;
    });
    if (tag.empty() || tag[0] == '-' || !clean || tag.size() > 1024)
      where.fail("tags", "\"" + escape_bytes(tag) + "\" is no tag");
  }
}

// ---- The group ----

void check_group(const Where& where) {
  const Group& group = as<Group>(where.node);
  where.word("id", where.node.id);
  check_uuid(where, "uuid", group.uuid);
  check_tags(where, group.tags);
  // vgcreate(8): a power of 2, at least one sector.
  if (group.extent < 1024 || group.extent > (std::uint64_t{1} << 40) || group.extent % 1024 != 0)
    where.fail("extent", "is out of range");
  if (where.node.on.empty()) where.fail("on", "is empty: a volume group stands on physical volumes");
  if (where.node.on.size() != group.physical.size())
    where.fail("physical", "are not as many as the devices that it stands on");
  std::set<std::string> uuids;
  for (const Physical& physical : group.physical) {
    check_uuid(where, "physical.uuid", physical.uuid);
    check_tags(where, physical.tags);
    // In front of the first extent are the label and at least one area for metadata.
    if (physical.start < (16 << 10) || physical.start % 512 != 0) where.fail("physical.start", "is out of range");
    where.size("physical.start", physical.start);
    where.size("physical.bytes", physical.bytes);
    if (!uuids.insert(physical.uuid).second) where.fail("physical.uuid", physical.uuid + " is there twice");
  }
  for (const Id& id : where.node.on)
    if (rule(where.storage.at(id)).sort != Sort::device) where.fail("on", "a volume group stands on devices");
  int fills = 0;
  for (const Node* node : where.storage.on(where.node.id)) {
    const Size* size = size_of(*node);
    if (!size || get<Partition>(node)) where.fail("", node->id + " stands on a volume group and is no volume of it");
    if (size->fill && ++fills > 1) where.fail("", node->id + ": a second fill");
  }
}

std::string group_text(const Node& node) {
  const Group& group = as<Group>(node);
  return "volume group on " + std::to_string(node.on.size()) +
         (node.on.size() == 1 ? " physical volume" : " physical volumes") + ", extents of " + format_size(group.extent);
}

Names no_names(const Storage&, const Node&) { return {}; }

// Two groups of one name on one machine: LVM takes neither, or the wrong one.
std::vector<Identity> group_identities(const Storage&, const Node& node) {
  std::vector<Identity> found = {{"VG_NAME", "volume group", node.id}};
  for (const Physical& physical : as<Group>(node).physical) found.push_back({"UUID", "LVM UUID", physical.uuid});
  return found;
}

// ---- Volumes and pools ----

void check_name(const Where& where) {
  const Node& below = where.below();
  const std::string& id = where.node.id;
  Where name = where;
  name.word("id", volume_name(where.node));
  const Node& group = get<Pool>(&below) ? where.storage.at(below.on.front()) : below;
  if (!get<Group>(&group))
    where.fail("on", "a volume stands on a volume group or a pool, and " + below.id + " is neither");
  if (id != group.id + "/" + volume_name(where.node)) where.fail("id", "\"" + id + "\" is not in " + group.id);
}

void check_size(const Where& where, const Size& size) {
  if (size.bytes == 0 && !size.fill) where.fail("size.bytes", "is out of range");
  where.size("size.bytes", size.bytes);
}

constexpr std::string_view segments[] = {
    "linear",   "striped",  "mirror",  "raid0", "raid0_meta", "raid1",    "raid4",    "raid5",  "raid5_ls", "raid5_la",
    "raid5_rs", "raid5_ra", "raid5_n", "raid6", "raid6_zr",   "raid6_nr", "raid6_nc", "raid10", "thin"};

void check_volume(const Where& where) {
  const Volume& volume = as<Volume>(where.node);
  check_name(where);
  check_uuid(where, "uuid", volume.uuid);
  check_tags(where, volume.tags);
  check_size(where, volume.size);
  if (std::find(std::begin(segments), std::end(segments), volume.segment) == std::end(segments))
    where.fail("segment", "\"" + escape_bytes(volume.segment) + "\" is none that a clone can have");
  if ((volume.segment == "thin") != (get<Pool>(&where.below()) != nullptr))
    where.fail("segment", "thin volumes stand on a pool, all others on their group");
  if (volume.stripes == 0 || volume.stripes > 128) where.fail("stripes", "is out of range");
  if (volume.copies == 0 || volume.copies > 16) where.fail("copies", "is out of range");
  where.size("stripe_size", volume.stripe_size);
  for (const Id& id : volume.only_on) {
    const auto& on = where.below().on;
    if (std::find(on.begin(), on.end(), id) == on.end())
      where.fail("only_on", "\"" + escape_bytes(id) + "\" is no physical volume of its group");
  }
}

std::string volume_text(const Node& node) {
  const Volume& volume = as<Volume>(node);
  return volume.segment + " volume" + (volume.stripes > 1 ? ", " + std::to_string(volume.stripes) + " stripes" : "") +
         (volume.copies > 1 ? ", " + std::to_string(volume.copies) + " copies" : "") +
         (volume.size.fill ? ", fill" : ", " + format_size(volume.size.bytes)) +
         (volume.size.shrinks ? ", may shrink" : "");
}

// The device mapper has one name for group and volume: a dash inside either is doubled.
std::string mapped(std::string_view name) {
  std::string text;
  for (char c : name) text += c == '-' ? "--" : std::string(1, c);
  return text;
}

Names volume_names(const Storage& storage, const Node& node) {
  Names names;
  names.paths = {"mapper/" + mapped_name(node), node.id};
  const Node* group = &storage.at(node.on.front());
  if (get<Pool>(group)) group = &storage.at(group->on.front());
  names.grub = {"lvmid/" + as<Group>(*group).uuid + "/" + as<Volume>(node).uuid, "lvm/" + mapped_name(node)};
  return names;
}

std::uint64_t volume_room(const Node&, const Ground& ground) { return ground.bytes; }

void check_pool(const Where& where) {
  const Pool& pool = as<Pool>(where.node);
  check_name(where);
  if (!get<Group>(&where.below())) where.fail("on", "a pool stands on a volume group");
  check_uuid(where, "uuid", pool.uuid);
  check_tags(where, pool.tags);
  check_size(where, pool.size);
  // lvmthin(7): 64 KiB to 1 GiB, a multiple of 64 KiB.
  if (pool.chunk < (64 << 10) || pool.chunk > (1 << 30) || pool.chunk % (64 << 10) != 0)
    where.fail("chunk", "is out of range");
  if (pool.metadata < (2 << 20)) where.fail("metadata", "is out of range");
  where.size("metadata", pool.metadata);
  constexpr std::string_view known[] = {"passdown", "nopassdown", "ignore"};
  if (std::find(std::begin(known), std::end(known), pool.discards) == std::end(known))
    where.fail("discards", "\"" + escape_bytes(pool.discards) + "\" is unknown");
  for (const Node* node : where.storage.on(where.node.id))
    if (!get<Volume>(node)) where.fail("", node->id + " stands on a pool and is no thin volume");
}

std::string pool_text(const Node& node) {
  const Pool& pool = as<Pool>(node);
  return "thin pool, " + (pool.size.fill ? "fill" : format_size(pool.size.bytes)) + ", chunks of " +
         format_size(pool.chunk) + (pool.size.shrinks ? ", may shrink" : "");
}

std::vector<Identity> none(const Storage&, const Node&) { return {}; }

}  // namespace

std::vector<const Node*> volumes_of_group(const Storage& storage, const Id& group) {
  std::vector<const Node*> volumes;
  for (const Node* node : storage.on(group)) {
    volumes.push_back(node);
    if (!get<Pool>(node)) continue;
    for (const Node* thin : storage.on(node->id)) volumes.push_back(thin);
  }
  return volumes;
}

std::string volume_name(const Node& volume) { return volume.id.substr(volume.id.find('/') + 1); }

std::string mapped_name(const Node& volume) {
  const auto slash = volume.id.find('/');
  return mapped(std::string_view(volume.id).substr(0, slash)) + "-" + mapped(volume_name(volume));
}

const Rule group_rule = {.kind = "group",
                         .sort = Sort::group,
                         .text = group_text,
                         .check = check_group,
                         .names = no_names,
                         .room = nullptr,
                         .need = nullptr,
                         .hand_out = hand_out_group,
                         .least_below = least_below_group,
                         .identities = group_identities};

const Rule pool_rule = {.kind = "pool",
                        .sort = Sort::group,
                        .text = pool_text,
                        .check = check_pool,
                        .names = no_names,
                        .room = nullptr,
                        .need = nullptr,
                        .hand_out = hand_out_pool,
                        .identities = none};

const Rule volume_rule = {.kind = "volume",
                          .sort = Sort::device,
                          .text = volume_text,
                          .check = check_volume,
                          .names = volume_names,
                          .room = volume_room,
                          .need = nullptr,
                          .hand_out = nullptr,
                          .identities = none};

}  // namespace ka::storage
