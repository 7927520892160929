#include "server/golden/raid.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "server/golden/golden.h"
#include "server/golden/programs.h"

namespace ka::server {

namespace {

const char* const array_files[] = {"level",      "metadata_version", "layout",          "chunk_size",
                                   "raid_disks", "array_state",      "sync_action",     "consistency_policy",
                                   "degraded",   "reshape_position", "bitmap/location", "bitmap/metadata"};
const char* const leg_files[] = {"slot", "state", "offset"};

constexpr const char* with_linux = "; an array of Linux's own metadata can be (mdadm --create --metadata=1.2)";

std::string value(const ArraySysfs& sysfs, const std::string& name) {
  auto found = sysfs.find(name);
  return found == sysfs.end() ? "" : found->second;
}

struct Leg {
  std::string device, slot, state;
  std::uint64_t offset = 0;  // bytes

  bool is(std::string_view word) const {
    auto all = split(state, ',');
    return std::find(all.begin(), all.end(), word) != all.end();
  }
};

std::vector<Leg> legs_of(const ArraySysfs& sysfs) {
  constexpr std::string_view prefix = "dev-", suffix = "/slot";
  std::vector<Leg> legs;
  for (const auto& [name, text] : sysfs) {
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) continue;
    const std::string folder = name.substr(0, name.size() - suffix.size());
    const std::uint64_t sectors = parse_unsigned(value(sysfs, folder + "/offset")).value_or(0);
    legs.push_back({folder.substr(prefix.size()), text, value(sysfs, folder + "/state"), sectors * 512});
  }
  return legs;
}

class ArrayReader {
 public:
  ArrayReader(const BlockDevice& array, const ArraySysfs& sysfs, const std::string& detail)
      : array_(array), sysfs_(sysfs), detail_(detail), legs_(legs_of(sysfs)) {}

  ReadArray read() {
    read_.node = {array_.name, {}, {}, storage::Raid{}};
    take_numbers();
    take_legs();
    read_.strange = strange();
    return std::move(read_);
  }

 private:
  storage::Raid& raid() { return std::get<storage::Raid>(read_.node.what); }

  std::uint64_t number(const char* name) const { return parse_unsigned(value(sysfs_, name)).value_or(0); }

  void take_numbers() {
    storage::Raid& r = raid();
    r.level = value(sysfs_, "level");
    r.metadata = value(sysfs_, "metadata_version");
    r.uuid = field_of(detail_, "MD_UUID=");
    // "golden:0": the clone's home host goes in front of it.
    const std::string name(field_of(detail_, "MD_NAME="));
    r.name = name.substr(name.find(':') + 1);
    r.layout = layout_word(r.level, static_cast<unsigned>(number("layout")));
    r.chunk = r.level == "linear" || r.level == "raid1" ? 0 : number("chunk_size");
    r.slots = static_cast<std::uint32_t>(number("raid_disks"));
    r.bitmap = value(sysfs_, "bitmap/location").starts_with('+') || value(sysfs_, "bitmap/location").starts_with('-');
    r.bytes = array_.size;
  }

  void take_legs() {
    for (std::uint32_t slot = 0; slot < raid().slots; ++slot)
      for (const Leg& leg : legs_)
        if (leg.slot == std::to_string(slot)) {
          read_.node.on.push_back(leg.device);
          raid().offset = std::max(raid().offset, leg.offset);
        }
    for (const Leg& leg : legs_)
      if (leg.is("spare") && leg.slot == "none") read_.node.on.push_back(leg.device);
    if (raid().metadata == "0.90" || raid().metadata == "1.0") raid().offset = 0;
    if (std::any_of(legs_.begin(), legs_.end(), [](const Leg& leg) { return leg.is("write_mostly"); }))
      read_.not_kept.emplace_back("that a leg is read only if need be (write-mostly) is not kept");
  }

  // "slot 1 of 2 is empty", by what is there.
  std::string missing_legs() {
    std::string text;
    auto add = [&text](const std::string& what) { text += (text.empty() ? "" : ", ") + what; };
    for (const Leg& leg : legs_)
      if (leg.is("faulty")) add(leg.device + " has failed");
    for (std::uint32_t slot = 0; slot < raid().slots; ++slot) {
      const std::string number = std::to_string(slot);
      auto here = std::find_if(legs_.begin(), legs_.end(), [&number](const Leg& leg) { return leg.slot == number; });
      if (here == legs_.end())
        add("leg " + number + " of 0 to " + std::to_string(raid().slots - 1) + " is missing");
      else if (here->is("replacement") || here->is("want_replacement"))
        add(here->device + " is being replaced");
      else if (!here->is("in_sync"))
        add(here->device + " is being rebuilt");
    }
    return text;
  }

  std::string strange() {
    const storage::Raid& r = raid();
    const std::string policy = value(sysfs_, "consistency_policy"), state = value(sysfs_, "array_state");
    const std::string repair = "; make it whole first (mdadm /dev/" + array_.name + " --add DEVICE)";
    if (std::string of = foreign_metadata(); !of.empty()) return of;
    if (state == "inactive" || state == "clear")
      return "is an array that does not run; start it (mdadm --run /dev/" + array_.name + ") or stop it";
    if (r.level == "multipath" || r.level == "faulty")
      return "is an array of level " + r.level + ", which has no copy elsewhere and cannot be cloned";
    if (r.metadata == "none") return "is an array without metadata (mdadm --build), which no clone would find again";
    if (!value(sysfs_, "reshape_position").empty() && value(sysfs_, "reshape_position") != "none")
      return "is being reshaped; wait for it (mdadm --wait /dev/" + array_.name + ")";
    if (std::string missing = missing_legs(); !missing.empty()) return "is degraded: " + missing + repair;
    if (policy == "journal" || has_journal())
      return "has a write journal, which clones cannot have; take it off, or leave the array out";
    if (policy == "ppl")
      return "has a partial parity log, which clones cannot have; mdadm --grow --consistency-policy=resync /dev/" +
             array_.name + " ends it";
    if (value(sysfs_, "bitmap/metadata") == "clustered")
      return "has the bitmap of a cluster, whose machines share the array; it cannot be cloned";
    if (value(sysfs_, "bitmap/location") == "file")
      return "has its bitmap in a file; mdadm --grow --bitmap=none /dev/" + array_.name + " and --bitmap=internal " +
             "put it onto its legs";
    if (!array_.name.starts_with("md") || !std::isdigit(static_cast<unsigned char>(array_.name.back())) ||
        !parse_unsigned(std::string_view(array_.name).substr(2)))
      return "has a name and no number, which clones cannot have; leave \"CREATE names=yes\" out of mdadm.conf and "
             "assemble it as /dev/md0 or the like";
    if (r.level == "raid0" && r.metadata == "0.90") return "is a RAID0 of metadata 0.90, which mdadm makes no more";
    if (r.layout.empty() && has_layouts()) return "lays out its data in a way that mdadm cannot be told";
    return "";
  }

  std::string foreign_metadata() const {
    const std::string metadata = value(sysfs_, "metadata_version");
    constexpr std::string_view external = "external:";
    if (!metadata.starts_with(external)) return "";
    const std::string kind = metadata.substr(external.size());
    if (kind == "imsm")
      return std::string("is a container of arrays of Intel's firmware (IMSM), which cannot be cloned") + with_linux;
    if (kind == "ddf")
      return std::string("is a container of arrays of a RAID controller (DDF), which cannot be cloned") + with_linux;
    if (kind.starts_with('/') || kind.starts_with('-'))
      return "is an array in the container " + std::string(split(kind.substr(1), '/').front()) +
             " of a firmware or RAID controller (IMSM, DDF), which cannot be cloned" + with_linux;
    return "has metadata \"" + escape_bytes(kind) + "\" that is not Linux's own, and cannot be cloned" + with_linux;
  }

  bool has_journal() const {
    return std::any_of(legs_.begin(), legs_.end(), [](const Leg& leg) { return leg.is("journal"); });
  }

  // Of raid4 and raid0 no word is no fault: the first has none, the other one of an older mdadm.
  bool has_layouts() {
    const std::string& level = raid().level;
    return level == "raid5" || level == "raid6" || level == "raid10";
  }

  const BlockDevice& array_;
  const ArraySysfs& sysfs_;
  const std::string& detail_;
  const std::vector<Leg> legs_;
  ReadArray read_;
};

bool is_array(const BlockDevice& device) {
  return device.partition == 0 && !list_directory("/sys/class/block/" + device.name + "/md").empty();
}

// Partitions of an array are none of a graph's.
void refuse_partitions(const std::vector<BlockDevice>& devices, const std::string& array, Layers& layers) {
  for (const BlockDevice& device : devices) {
    if (device.disk != array) continue;
    layers.strange[device.name] = "is a partition of the array " + array + ", which cannot be cloned so far";
    layers.strange[array] =
        "has a partition table of its own, which cannot be cloned so far; partition the disks below "
        "it, or use volumes of LVM";
  }
}

Awaitable<void> read(asio::io_context& io, const std::vector<BlockDevice>& devices, Layers& layers) {
  for (const BlockDevice& device : devices) {
    if (!is_array(device)) continue;
    const ArraySysfs sysfs = read_array_sysfs(device.name);
    if (value(sysfs, "array_state") == "clear") continue;  // a number without an array
    std::vector<std::string> program = {"mdadm"};
    require_programs(program);
    Command command({"mdadm", "--detail", "--export", "/dev/" + device.name});
    const std::string detail = co_await output_of(io, command);
    ReadArray array = understand_array(device, sysfs, detail);
    layers.ids[device.name] = array.node.id;
    if (!array.strange.empty()) layers.strange[array.node.id] = array.strange;
    if (!array.not_kept.empty()) layers.not_kept[array.node.id] = array.not_kept;
    layers.nodes.push_back(std::move(array.node));
    refuse_partitions(devices, device.name, layers);
  }
}

struct LayoutWord {
  const char* level;
  unsigned layout;
  const char* word;
};
// raid6 has those of raid5, and with all Qs on the last leg the ones that end with -6.
constexpr LayoutWord layouts[] = {{"raid0", 1, "original"},
                                  {"raid0", 2, "alternate"},
                                  {"raid5", 0, "left-asymmetric"},
                                  {"raid5", 1, "right-asymmetric"},
                                  {"raid5", 2, "left-symmetric"},
                                  {"raid5", 3, "right-symmetric"},
                                  {"raid5", 4, "parity-first"},
                                  {"raid5", 5, "parity-last"},
                                  {"raid6", 0, "left-asymmetric"},
                                  {"raid6", 1, "right-asymmetric"},
                                  {"raid6", 2, "left-symmetric"},
                                  {"raid6", 3, "right-symmetric"},
                                  {"raid6", 4, "parity-first"},
                                  {"raid6", 5, "parity-last"},
                                  {"raid6", 8, "ddf-zero-restart"},
                                  {"raid6", 9, "ddf-N-restart"},
                                  {"raid6", 10, "ddf-N-continue"},
                                  {"raid6", 16, "left-asymmetric-6"},
                                  {"raid6", 17, "right-asymmetric-6"},
                                  {"raid6", 18, "left-symmetric-6"},
                                  {"raid6", 19, "right-symmetric-6"},
                                  {"raid6", 20, "parity-first-6"}};

// The kernel's raid10: copies near each other, copies far from each other, and whether these follow by offset.
std::string raid10_word(unsigned layout) {
  const unsigned near = layout & 255, far = (layout >> 8) & 255;
  if (near > 0 && far == 1) return "n" + std::to_string(near);
  if (near == 1 && far > 1) return (layout & (1 << 16) ? "o" : "f") + std::to_string(far);
  return "";
}

}  // namespace

std::string layout_word(const std::string& level, unsigned layout) {
  if (level == "raid10") return raid10_word(layout);
  for (const LayoutWord& known : layouts)
    if (level == known.level && layout == known.layout) return known.word;
  return "";
}

ArraySysfs read_array_sysfs(const std::string& array, const std::string& sysfs) {
  const std::string folder = sysfs + "/class/block/" + array + "/md/";
  ArraySysfs files;
  auto take = [&](const std::string& name) {
    if (auto text = read_file_if_any(folder + name)) files[name] = std::string(trim(*text));
  };
  for (const char* name : array_files) take(name);
  for (const std::string& entry : list_directory(folder))
    if (entry.starts_with("dev-"))
      for (const char* name : leg_files) take(entry + "/" + name);
  return files;
}

ReadArray understand_array(const BlockDevice& array, const ArraySysfs& sysfs, const std::string& detail) {
  ReadArray read = ArrayReader(array, sysfs, detail).read();
  if (read.strange.empty() && storage::as<storage::Raid>(read.node).uuid.empty())
    throw Error("read the array " + array.name, "mdadm --detail says no UUID of it");
  return read;
}

const LayerReader raid_reader = {read};

}  // namespace ka::server
