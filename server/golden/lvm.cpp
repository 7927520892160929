#include "server/golden/lvm.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "server/golden/programs.h"

namespace ka::server {

using storage::Node;

namespace {

const std::string& field(const LvmRow& row, const char* name) {
  auto found = row.find(name);
  if (found == row.end()) throw Error("read LVM's report", std::string("it has no ") + name);
  return found->second;
}

std::uint64_t number(const LvmRow& row, const char* name) {
  const std::string& text = field(row, name);
  const auto value = parse_unsigned(text);
  if (!value) throw Error("read LVM's report", std::string(name) + " is \"" + escape_bytes(text) + "\"");
  return *value;
}

std::vector<std::string> list(const LvmRow& row, const char* name) {
  std::vector<std::string> items;
  for (std::string_view item : split(field(row, name), ','))
    if (!item.empty()) items.emplace_back(item);
  return items;
}

bool has_word(const LvmRow& row, const char* name, std::string_view word) {
  const std::vector<std::string> words = list(row, name);
  return std::find(words.begin(), words.end(), word) != words.end();
}

// "[root_rimage_0]", as volumes are called that belong to another one.
bool is_hidden(std::string_view name) { return name.starts_with("["); }
std::string plain(std::string_view name) {
  return std::string(is_hidden(name) ? name.substr(1, name.size() - 2) : name);
}

std::string without_dashes(std::string text) {
  std::erase(text, '-');
  return text;
}

struct Machine {
  const std::vector<BlockDevice>& devices;
  const std::map<std::string, std::string>& mapped;
  std::string_view system_id;
};

class GroupReader {
 public:
  GroupReader(const LvmGroup& report, const Machine& machine, Layers& layers)
      : report_(report), machine_(machine), layers_(layers), name_(field(report.group, "vg_name")) {
    for (const LvmRow& volume : report.volumes) volumes_[plain(field(volume, "lv_name"))] = &volume;
    for (const LvmRow& segment : report.segments) segments_[field(segment, "lv_uuid")].push_back(&segment);
    for (const auto& [name, volume] : volumes_) find_parts(name, *volume);
  }

  // There can be no nodes of these names.
  void refuse(const std::string& why) {
    for (const Mapped& mapped : devices_of_volumes())
      layers_.strange[mapped.device] = "is a volume of the volume group " + name_ + ", which " + why;
    for (const LvmRow& physical : report_.physical)
      if (std::string device = device_of(physical); !device.empty())
        layers_.strange[device] = "is a physical volume of " + name_ + ", which " + why;
  }

  void read() {
    read_group();
    if (std::string why = why_not_cloned(); !why.empty()) layers_.strange[name_] = why;
    for (const auto& [name, volume] : volumes_)
      if (!is_hidden(field(*volume, "lv_name"))) read_volume(name, *volume);
    for (const Mapped& mapped : devices_of_volumes()) name_device(mapped);
  }

 private:
  // ---- The group ----

  void read_group() {
    storage::Group group;
    group.uuid = field(report_.group, "vg_uuid");
    group.extent = number(report_.group, "vg_extent_size");
    group.tags = list(report_.group, "vg_tags");
    Node node{name_, {}, {}, {}};
    for (const LvmRow& row : report_.physical) {
      const std::string device = device_of(row);
      if (device.empty()) continue;  // missing
      node.on.push_back(device);
      group.physical.push_back({field(row, "pv_uuid"), number(row, "pe_start"),
                                number(row, "pv_pe_count") * group.extent, list(row, "pv_tags")});
      if (field(row, "pv_mda_count") != "1")
        not_kept(name_, "how often " + device + " keeps its metadata is not kept: once");
    }
    physical_ = node.on;
    node.what = std::move(group);
    layers_.nodes.push_back(std::move(node));
    if (field(report_.group, "vg_allocation_policy") != "normal") not_kept(name_, "its allocation policy is not kept");
    if (!field(report_.group, "vg_profile").empty()) not_kept(name_, "its profile is not kept");
    if (!field(report_.group, "vg_systemid").empty())
      not_kept(name_, "its system ID is not kept: each clone may use its own group, whatever it calls itself");
  }

  std::string why_not_cloned() const {
    const LvmRow& group = report_.group;
    if (field(group, "vg_fmt") != "lvm2")
      return "is a volume group of LVM1's format, which cannot be cloned; vgconvert -M2 " + name_ +
             " makes it one of today";
    if (!field(group, "vg_exported").empty())
      return "is an exported volume group; vgimport " + name_ + " gives it back to this machine";
    if (!field(group, "vg_clustered").empty())
      return "is a volume group of a cluster (clvmd), which cannot be cloned; vgchange --clustered n " + name_ +
             " makes it this machine's own";
    if (const std::string& lock = field(group, "vg_lock_type"); !lock.empty() && lock != "none")
      return "is a volume group that machines share (lvmlockd, " + lock +
             "), which cannot be cloned; vgchange --lock-type none " + name_ + " makes it this machine's own";
    if (const std::string& system = field(group, "vg_systemid"); !system.empty() && system != machine_.system_id)
      return "is a volume group of another machine, by its system ID " + escape_bytes(system) +
             "; vgchange --systemid makes it this machine's own";
    const auto missing = std::count_if(report_.physical.begin(), report_.physical.end(),
                                       [this](const LvmRow& row) { return device_of(row).empty(); });
    if (missing > 0)
      return "is a volume group of which " + std::to_string(missing) + " of " +
             std::to_string(report_.physical.size()) +
             " physical volumes are missing; bring them back, or vgreduce --removemissing " + name_ +
             " does without them";
    return "";
  }

  // The kernel's name; empty: it is missing.
  std::string device_of(const LvmRow& physical) const {
    if (!field(physical, "pv_missing").empty()) return "";
    const auto major = parse_unsigned(field(physical, "pv_major")), minor = parse_unsigned(field(physical, "pv_minor"));
    const BlockDevice* device =
        !major || !minor ? nullptr
                         : find_device(machine_.devices, static_cast<unsigned>(*major), static_cast<unsigned>(*minor));
    return device ? device->name : "";
  }

  // ---- Its volumes ----

  void find_parts(const std::string& name, const LvmRow& volume) {
    if (const std::string& parent = field(volume, "lv_parent"); !parent.empty()) owner_[name] = plain(parent);
    for (const char* part : {"data_lv", "metadata_lv", "mirror_log", "origin", "pool_lv"})
      if (const std::string& other = field(volume, part); is_hidden(other)) owner_[plain(other)] = name;
  }

  // Of a part the volume that it belongs to in the end.
  std::string whole(std::string name) const {
    std::set<std::string> seen;
    for (auto owner = owner_.find(name); owner != owner_.end() && seen.insert(name).second; owner = owner_.find(name))
      name = owner->second;
    return name;
  }

  const LvmRow* find(const std::string& name) const {
    auto found = volumes_.find(plain(name));
    return found == volumes_.end() ? nullptr : found->second;
  }

  std::vector<const LvmRow*> segments(const LvmRow& volume) const {
    auto found = segments_.find(field(volume, "lv_uuid"));
    if (found == segments_.end()) throw Error("read LVM's report", "there are no segments of " + id(volume));
    return found->second;
  }

  std::string type(const LvmRow& volume) const { return field(*segments(volume).front(), "segtype"); }
  std::string id(const LvmRow& volume) const { return name_ + "/" + plain(field(volume, "lv_name")); }

  void read_volume(const std::string& name, const LvmRow& volume) {
    const std::string kind = type(volume);
    const std::string& origin = field(volume, "origin");
    if (has_word(volume, "lv_role", "thicksnapshot")) return leave_snapshot(name, origin);
    if (kind == "cache-pool" || kind == "vdo-pool")
      return not_kept(name_, "its volume " + name + " (" + kind + ") is left out");
    if (kind == "thin-pool") return read_pool(volume);
    if (kind == "thin" && !origin.empty()) {
      const LvmRow* from = find(origin);
      if (from && (type(*from) != "thin" || field(*from, "pool_lv") != field(volume, "pool_lv")))
        layers_.strange[id(volume)] =
            "is a thin volume over " + name_ + "/" + plain(origin) +
            " (an external origin), which cannot be cloned; a copy of it that stands alone can";
      else if (field(volume, "lv_device_open") == "open")
        not_kept(id(volume), "is a snapshot of " + plain(origin) +
                                 " that is in use: the clones get it as a volume of "
                                 "its own, which shares nothing");
      else
        return leave_snapshot(name, origin);
    }
    if (kind == "cache" || kind == "writecache") {
      not_kept(id(volume), "its cache is left out: the clones get " + name + " without one");
      if (const LvmRow* cached = find(origin)) return add_volume(volume, *cached);
    }
    add_volume(volume, volume);
  }

  void leave_snapshot(const std::string& name, const std::string& origin) {
    snapshots_[name] = plain(origin);
    not_kept(name_, "its snapshot " + name + " of " + plain(origin) + " is left out");
  }

  // `data`: where the data lies, which is another one if it is cached.
  void add_volume(const LvmRow& row, const LvmRow& data) {
    const std::vector<const LvmRow*> parts = segments(data);
    const LvmRow& segment = *parts.front();
    storage::Volume volume;
    volume.uuid = field(row, "lv_uuid");
    volume.segment = field(segment, "segtype");
    volume.tags = list(row, "lv_tags");
    volume.read_only = field(row, "lv_attr").substr(1, 1) == "r";
    volume.size.bytes = number(row, "lv_size");
    volume.stripe_size = number(segment, "stripe_size");
    const bool mirrored = volume.segment == "mirror" || volume.segment == "raid1";
    if (mirrored)
      volume.copies = static_cast<std::uint32_t>(number(segment, "stripes"));
    else if (volume.segment != "linear" && volume.segment != "thin")
      volume.stripes = static_cast<std::uint32_t>(number(segment, "data_stripes"));
    if (volume.segment == "raid10") volume.copies = static_cast<std::uint32_t>(number(segment, "data_copies"));
    if (std::string why = why_not_cloned(data, parts); !why.empty()) layers_.strange.emplace(id(row), why);
    const bool thin = volume.segment == "thin";
    if (!thin) volume.only_on = used_devices(data);
    say_what_is_not_kept(row);
    layers_.nodes.push_back({id(row), {thin ? name_ + "/" + plain(field(row, "pool_lv")) : name_}, {}, volume});
  }

  std::string why_not_cloned(const LvmRow& volume, const std::vector<const LvmRow*>& parts) const {
    constexpr std::string_view cloned[] = {"linear", "striped", "mirror", "thin"};
    for (const LvmRow* part : parts) {
      const std::string& kind = field(*part, "segtype");
      if (kind != field(*parts.front(), "segtype") || field(*part, "stripes") != field(*parts.front(), "stripes"))
        return "is a volume of parts of different types (" + field(*parts.front(), "segtype") + ", " + kind +
               "), which cannot be cloned; lvconvert or pvmove makes them alike";
      if (!kind.starts_with("raid") && std::find(std::begin(cloned), std::end(cloned), kind) == std::end(cloned))
        return "is a volume of the type " + kind + ", which cannot be cloned so far";
    }
    for (const auto& [name, part] : volumes_)
      if (whole(name) == whole(plain(field(volume, "lv_name"))) && type(*part) == "integrity")
        return "keeps checksums (dm-integrity), which cannot be cloned so far; lvconvert --raidintegrity n takes them "
               "away";
    return "";
  }

  void read_pool(const LvmRow& row) {
    const LvmRow& segment = *segments(row).front();
    storage::Pool pool;
    pool.uuid = field(row, "lv_uuid");
    pool.chunk = number(segment, "chunk_size");
    pool.metadata = number(row, "lv_metadata_size");
    pool.discards = field(segment, "discards");
    pool.zeroes = field(segment, "zero") == "zero";
    pool.tags = list(row, "lv_tags");
    pool.size.bytes = number(row, "lv_size");
    if (const LvmRow* data = find(field(row, "data_lv"))) {
      const std::string kind = type(*data);
      if (kind.starts_with("raid") || kind == "mirror" || kind == "cache" || kind == "vdo")
        layers_.strange[id(row)] =
            "is a thin pool whose data is a volume of the type " + kind + ", which cannot be cloned so far";
      else if (kind != "linear")
        not_kept(id(row), "its data is " + kind + " and will be linear");
    }
    say_what_is_not_kept(row);
    layers_.nodes.push_back({id(row), {name_}, {}, pool});
  }

  void say_what_is_not_kept(const LvmRow& row) {
    const std::string volume = id(row);
    if (field(row, "lv_active").empty())
      not_kept(volume, "is not active: the clones get it empty; lvchange -ay " + volume + " shows what is on it");
    if (!field(row, "lv_fixed_minor").empty()) not_kept(volume, "its fixed minor number is not kept");
    if (!field(row, "lv_skip_activation").empty()) not_kept(volume, "that it is not activated by itself is not kept");
    if (!field(row, "lv_profile").empty()) not_kept(volume, "its profile is not kept");
    if (const std::string& policy = field(row, "lv_allocation_policy"); policy != "inherit" && policy != "normal")
      not_kept(volume, "its allocation policy (" + policy + ") is not kept");
  }

  // Physical volumes by the kernel's names, in the order of the group; empty: all of them.
  std::vector<storage::Id> used_devices(const LvmRow& volume) const {
    std::set<std::string> used;
    collect_devices(volume, used);
    std::vector<storage::Id> devices;
    for (const LvmRow& physical : report_.physical)
      if (used.count(field(physical, "pv_name"))) devices.push_back(device_of(physical));
    return devices.size() == physical_.size() ? std::vector<storage::Id>() : devices;
  }

  // "/dev/vdc(15),/dev/vdd(7)", or "r5_rimage_0(0),…".
  void collect_devices(const LvmRow& volume, std::set<std::string>& used) const {
    for (const LvmRow* segment : segments(volume))
      for (const char* column : {"devices", "metadata_devices"})
        for (const std::string& item : list(*segment, column)) {
          const std::string name = plain(item.substr(0, item.rfind('(')));
          if (name.starts_with("/"))
            used.insert(name);
          else if (const LvmRow* part = find(name); part && part != &volume)
            collect_devices(*part, used);
        }
    if (const LvmRow* log = find(field(volume, "mirror_log"))) collect_devices(*log, used);
  }

  void not_kept(const storage::Id& node, std::string what) { layers_.not_kept[node].push_back(std::move(what)); }

  // ---- Devices of the device mapper ----

  struct Mapped {
    std::string device, volume;  // "dm-3", the volume or part of one that it is
    bool layer;                  // not the volume itself, but something that LVM puts below it
  };

  std::vector<Mapped> devices_of_volumes() const {
    const std::string group = "LVM-" + without_dashes(field(report_.group, "vg_uuid"));
    std::map<std::string, std::string> names;
    for (const auto& [name, volume] : volumes_) names[without_dashes(field(*volume, "lv_uuid"))] = name;
    std::vector<Mapped> found;
    for (const auto& [device, uuid] : machine_.mapped) {
      if (!uuid.starts_with(group)) continue;
      const std::string volume = uuid.substr(group.size());
      const std::size_t dash = volume.find('-');
      if (auto name = names.find(volume.substr(0, dash)); name != names.end())
        found.push_back({device, name->second, dash != std::string::npos});
    }
    return found;
  }

  // Only a volume itself bears its id, so that nobody takes a part of it for the whole.
  void name_device(const Mapped& mapped) {
    const auto& [device, name, layer] = mapped;
    const std::string top = whole(name);
    if (auto snapshot = snapshots_.find(top); snapshot != snapshots_.end())
      layers_.strange[device] =
          "is " + name_ + "/" + top + ", a snapshot of " + snapshot->second + "; snapshots are not cloned";
    else if (layer || name != top || is_hidden(field(*volumes_.at(name), "lv_name")))
      layers_.strange[device] = "is a part of " + name_ + "/" + top + ", and not cloned by itself";
    else
      layers_.ids[device] = name_ + "/" + name;
  }

  const LvmGroup& report_;
  const Machine& machine_;
  Layers& layers_;
  std::string name_;
  std::map<std::string, const LvmRow*> volumes_;                // by name, hidden ones without brackets
  std::map<std::string, std::vector<const LvmRow*>> segments_;  // by the UUID of their volume
  std::map<std::string, std::string> owner_;                    // of parts
  std::map<std::string, std::string> snapshots_;                // that are left out: their origins
  std::vector<std::string> physical_;
};

void refuse_orphans(const LvmGroup& report, const std::vector<BlockDevice>& devices, Layers& layers) {
  for (const LvmRow& row : report.physical) {
    const BlockDevice* device = find_device(devices, field(row, "pv_name"));
    if (device)
      layers.strange[device->name] =
          "is a physical volume of no volume group; pvremove " + field(row, "pv_name") + " makes it empty";
  }
}

// "system ID: node17"
Awaitable<std::string> own_system_id(asio::io_context& io) {
  Command command({"lvm", "systemid"});
  const std::string printed = co_await output_of(io, command);
  const auto colon = printed.find(':');
  co_return colon == std::string::npos ? std::string() : std::string(trim(printed.substr(colon + 1)));
}

Awaitable<void> read(asio::io_context& io, const std::vector<BlockDevice>& devices, Layers& layers) {
  std::map<std::string, std::string> mapped;
  for (const BlockDevice& device : devices) {
    const auto uuid = read_file_if_any("/sys/class/block/" + device.name + "/dm/uuid");
    if (uuid && uuid->starts_with("LVM-")) mapped[device.name] = trim(*uuid);
  }
  if (!mapped.empty()) require_programs({"lvm"});
  if (!has_program("lvm")) co_return;
  try {
    Command command(lvm_report_command());
    const std::string report = co_await output_of(io, command);
    const std::string system_id = co_await own_system_id(io);
    read_lvm(parse_lvm_report(report), devices, mapped, system_id, layers);
  } catch (const Error&) {
    if (!mapped.empty()) throw;  // else nothing of LVM's is in use here
  }
}

}  // namespace

void read_lvm(const std::vector<LvmGroup>& groups, const std::vector<BlockDevice>& devices,
              const std::map<std::string, std::string>& mapped, std::string_view system_id, Layers& layers) {
  const Machine machine{devices, mapped, system_id};
  std::map<std::string, int> names;
  for (const LvmGroup& group : groups)
    if (!group.group.empty()) ++names[field(group.group, "vg_name")];
  for (const LvmGroup& group : groups) {
    if (group.group.empty()) {
      refuse_orphans(group, devices, layers);
      continue;
    }
    const std::string& name = field(group.group, "vg_name");
    GroupReader reader(group, machine, layers);
    if (names[name] > 1)
      reader.refuse("has the name of another volume group of this machine; rename one of them (vgrename " +
                    field(group.group, "vg_uuid") + " NEW-NAME)");
    else if (find_device(devices, name))
      reader.refuse("has the name of another device of this machine; rename it (vgrename " + name + " NEW-NAME)");
    else
      reader.read();
  }
}

const LayerReader lvm_reader = {read};

}  // namespace ka::server
