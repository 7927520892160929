// The partitions of the drives that are cloned, and what is made on them.
#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "server/golden/kinds.h"
#include "server/golden/partition_table.h"
#include "server/golden/used_blocks.h"
#include "server/plan/plan_draft.h"
#include "wire/storage/place.h"
#include "wire/storage/types.h"

namespace ka::server {

namespace {

using storage::Label;
using storage::Partition;
using storage::Role;

// The disk identifier lies in the last bytes of the boot code; PARTUUIDs are made of it, so it stays this disk's.
std::string with_identifier(std::string code, const storage::Table& table) {
  auto identifier = table.label == Label::dos && table.identity.size() > 2
                        ? parse_unsigned(table.identity.substr(2), 16)
                        : std::nullopt;
  for (int i = 0; identifier && i < 4; ++i)
    code[storage::boot_code_size + static_cast<std::size_t>(i)] = static_cast<char>(*identifier >> (8 * i));
  return code;
}

std::string numbers(const std::vector<const storage::Node*>& partitions) {
  std::string text = "it makes";
  for (const storage::Node* p : partitions) text += " " + std::to_string(storage::as<Partition>(*p).number);
  return text;
}

constexpr unsigned gpt_slots = 128;

// A table that a desc makes: the golden one, or a new one of another label.
storage::Table table_for(const storage::Table& golden, const wire::Desc& desc) {
  if (desc.label.value_or(golden.label) == golden.label) return golden;
  return {*desc.label, "", *desc.label == Label::gpt ? gpt_slots : 0};
}

// What a desc says nothing of stays what it is on the golden disk.
void keep_golden(Partition& p, const Partition* golden) {
  if (!golden) return;
  p.active = golden->active && p.role != Role::extended;
  p.guid = golden->guid;
  p.attributes = golden->attributes;
  if (p.name.empty()) p.name = golden->name;
}

class DriveAdder {
 public:
  using Node = storage::Node;

  explicit DriveAdder(PlanDraft& draft)
      : draft_(draft), golden_(draft.golden), manifest_(draft.plan.manifest), storage_(draft.plan.manifest.storage) {}

  void add_drive(const std::string& name) {
    auto table = golden_.tables.find(name);
    if (table == golden_.tables.end() && golden_.layers.has_member(name)) {
      add_bare_disk(name);
      return;
    }
    if (table == golden_.tables.end()) {
      auto error = golden_.table_errors.find(name);
      draft_.refuse(name + ": no partition table was found" +
                    (error == golden_.table_errors.end() ? "" : " (" + error->second + ")"));
      return;
    }
    auto record = golden_.boot_records.find(name);
    const std::string strange =
        strange_table(table->second, record == golden_.boot_records.end() ? "" : record->second);
    if (!strange.empty()) {
      draft_.refuse("the partition table of " + name + " " + strange + "; only DOS (MBR) and GPT tables can be cloned");
      return;
    }
    try {
      add_disk(name, table->second);
    } catch (const Error& error) {
      draft_.refuse(error.what());
      return;
    }
    std::vector<Node> partitions;  // copies: the list grows
    for (const Node* p : storage_.on(table_of(name).id)) partitions.push_back(*p);
    for (const Node& p : partitions)
      if (storage::as<Partition>(p).role != Role::extended) add_content(p);
    check_all_mounted(name);
  }

  void check_raw_partitions() {
    for (const std::string& name : draft_.raw) {
      auto same = [&](const wire::Stream& s) { return storage_.at(s.of).on.front() == name; };
      auto& planned = manifest_.streams;
      if (!draft_.mounted.count(name) && std::none_of(planned.begin(), planned.end(), same))
        draft_.refuse("-D " + name + ": is the extended partition, or not in the desc");
    }
    check_places();
    int session = 3;
    for (wire::Stream& stream : manifest_.streams) stream.session = "kainstall" + std::to_string(session++);
  }

  // "/" first, a mount point after the one it lies in.
  void order_mounts() {
    std::stable_sort(manifest_.mounts.begin(), manifest_.mounts.end(), [](const wire::Mount& a, const wire::Mount& b) {
      return a.apart != b.apart ? b.apart : a.point < b.point;
    });
  }

 private:
  // The whole of it is a leg of an array, a physical volume, or encrypted.
  void add_bare_disk(const std::string& name) {
    const BlockDevice* device = draft_.device(name);
    if (draft_.input.descs.count(name))
      draft_.refuse("-p " + name + ": has no partition table here, since all of it belongs to what is made of it");
    storage_.nodes.push_back({name, {}, links_of(name), storage::Disk{device->size, device->sector, ""}});
  }

  std::vector<std::string> links_of(const std::string& id) const {
    auto links = golden_.links.find(id);
    return links == golden_.links.end() ? std::vector<std::string>() : links->second;
  }

  void add_disk(const std::string& name, const storage::ReadTable& read) {
    const BlockDevice* device = draft_.device(name);
    storage::Disk disk{device->size, device->sector, ""};
    storage::Table table = read.table;
    std::vector<Partition> partitions;
    auto desc = draft_.input.descs.find(name);
    if (desc == draft_.input.descs.end()) {
      partitions = partitions_of(name, read, disk);
    } else {
      table = table_for(read.table, desc->second);
      partitions = wire::partitions_of(desc->second, read.table.label);
      if (table.label == read.table.label)
        for (Partition& p : partitions) keep_golden(p, read.find(p.number));
    }
    if (auto code = draft_.boot_code.find(name); code != draft_.boot_code.end())
      disk.boot_code = with_identifier(code->second, table);
    storage::add_disk(storage_, name, std::move(disk), std::move(table), std::move(partitions));
    for (Node& node : storage_.nodes) node.links = links_of(node.id);
  }

  const Node& table_of(const std::string& drive) const { return *storage::table_on(storage_, storage_.at(drive)); }

  // Only a partition has one.
  bool is_type(const Node& device, const char* word) const {
    const Partition* partition = storage::get<Partition>(&device);
    if (!partition) return false;
    const auto& table = storage::as<storage::Table>(storage_.at(device.on.front()));
    return storage::is_type(table.label, partition->type, word);
  }

  bool is_by_desc(const Node& device) const {
    return storage::get<Partition>(&device) && draft_.input.descs.count(storage::disk_below(storage_, device).id) > 0;
  }

 public:
  // What lies on a device, if nothing more is made of it.
  void add_content(const Node& node) {
    const std::string& name = node.id;
    const Probe* found = draft_.probe(name);
    const Probe probe = found == nullptr ? Probe() : *found;
    const Reader* reader = find_reader(probe.type);
    const bool desc = is_by_desc(node), swap = reader && !reader->mount_options;
    if (golden_.layers.has_member(name)) {
      if (draft_.raw.count(name))
        draft_.refuse("-D " + name + ": something else is made of it here; name that, such as an array or a volume");
    } else if (auto mount = draft_.mounted.find(name); mount != draft_.mounted.end()) {
      add_mounted(node, *mount->second, probe);
    } else if (draft_.raw.count(name)) {
      add_raw(node, probe);
    } else if (!probe.error.empty() && !draft_.swapping.count(name)) {
      draft_.refuse(name + ": what is on it cannot be told (" + probe.error + "); wipefs " + name +
                    " lists what it carries, -D " + name + " copies it byte for byte");
    } else if (is_type(node, "swap") || (swap && !desc)) {
      add_swap(name, probe);
    } else if (draft_.swapping.count(name)) {
      draft_.refuse(name + " is swap space in use, and the desc gives it another type");
    } else if (reader && !swap) {
      add_unmounted(name, *reader, probe);
    } else if (!probe.type.empty()) {
      draft_.warn(name + " (" + probe.type + "): the clones get it without content; -D " + name + " copies it");
    } else if (desc && !is_type(node, "bios")) {
      draft_.warn(name + ": nothing here to put on it; the clones get the partition without a file system");
    }
  }

 private:
  // Throws Error if it is nothing that its kind can keep.
  Node& add_read(const std::string& name, const Reader& reader, const Probe& probe) {
    auto found = golden_.answers.find(name);
    Reading reading = reader.read(reader, probe, found == golden_.answers.end() ? Answers() : found->second);
    for (const std::string& lost : reading.not_kept) draft_.warn(name + ": " + lost);
    return storage::add_content(storage_, name, std::move(reading.what));
  }

  void add_unmounted(const std::string& name, const Reader& reader, const Probe& probe) {
    try {
      add_read(name, reader, probe);
      draft_.warn(name + " (" + probe.type +
                  ") is not mounted: the clones get it empty; mount it, or copy it with -D " + name);
    } catch (const Error& error) {
      draft_.warn(name + " (" + probe.type + "): " + error.what() + ": the clones get it without content; -D " + name +
                  " copies it");
    }
  }

  void add_mounted(const Node& node, const Mount& mount, const Probe& probe) {
    const std::string& name = node.id;
    if (is_type(node, "swap")) {
      draft_.refuse(name + " is " + mount.point + " (" + mount.type + ") here, and swap in the desc");
      return;
    }
    if (draft_.raw.count(name))
      draft_.refuse("-D " + name + ": is mounted on " + mount.point + "; unmount it to copy it block by block");
    const Reader& reader = *find_reader(mount.type);  // cut() refuses what has none
    Node* made = nullptr;
    try {
      made = &add_read(name, reader, probe);
    } catch (const Error& error) {
      draft_.refuse(name + " (" + mount.point + "): " + error.what() + "; -x " + mount.point + " leaves it out");
      return;
    }
    Node& content = *made;
    const std::string uuid = storage::rule(content).names(storage_, content).uuid;
    if (!probe.error.empty() && !uuid.empty())
      draft_.warn(name + ": " + probe.error + "; it is mounted as " + mount.type + ", and cloned as that");
    if (uuid.empty())
      draft_.refuse(name + " (" + mount.point + "): no UUID was found on it" +
                    (probe.error.empty() ? "" : " (" + probe.error + ")"));
    if (auto usage = golden_.usage.find(mount.point); usage != golden_.usage.end()) {
      storage::usage_of(content)->bytes = usage->second.bytes;
      storage::usage_of(content)->inodes = usage->second.inodes;
    }
    if (draft_.excluded_path(mount.point))
      draft_.warn(mount.point + " is left out by -x: the clones get " + name + " empty");
    const std::string options = reader.mount_options(mount.options);
    if (golden_.subvolumes.count(name))
      add_subvolumes(draft_, content, options);
    else if (storage::rule(content).has_subvolume)
      draft_.refuse(name + " (" + mount.point + "): its subvolumes cannot be told: " + probe.error);
    else
      manifest_.mounts.push_back({content.id, mount.point, options});
  }

  void add_swap(const std::string& name, const Probe& probe) {
    const Reader* reader = find_reader(probe.type);
    const bool swap = reader && !reader->mount_options;
    if (!probe.type.empty() && !swap)
      draft_.warn(name + " holds " + probe.type + " here, and is swap in the desc: its content is not cloned");
    if (!probe.error.empty()) draft_.warn(name + ": " + probe.error + "; the clones' swap space gets a new UUID");
    add_read(name, *find_reader("swap"), swap ? probe : Probe());
  }

  void add_raw(const Node& node, const Probe& probe) {
    const std::string& name = node.id;
    const BlockDevice* device = draft_.device(name);
    if (draft_.swapping.count(name)) draft_.refuse("-D " + name + ": is swap space in use");
    if (device == nullptr) return;  // the desc has a partition that is not here: check_raw_partitions says so
    for (const Mount& mount : golden_.mounts)
      if (mount.major == device->major && mount.minor == device->minor)
        draft_.refuse("-D " + name + ": is mounted on " + mount.point + "; unmount it to copy it block by block");
    storage::Blocks blocks{device->size, probe.uuid, probe.label, "", 0};
    if (storage::get<Partition>(&node)) {
      const Partition* golden = check_raw_partition(node, *device);
      if (!golden) return;
      blocks.start = golden->start;
    }
    if (has_block_map(probe.type)) blocks.format = probe.type;
    const Node& content = storage::add_content(storage_, name, blocks);
    manifest_.streams.push_back({"", content.id});
  }

  // The golden one that it is the copy of, or nullptr.
  const Partition* check_raw_partition(const Node& node, const BlockDevice& device) {
    const std::string &name = node.id, &drive = device.disk;
    const Partition& partition = storage::as<Partition>(node);
    const storage::ReadTable& table = golden_.tables.at(drive);
    const Partition* golden = table.find(partition.number);
    if (!golden) {
      draft_.refuse("-D " + name + ": is not in the partition table of " + drive);
      return nullptr;
    }
    if (storage::as<storage::Table>(table_of(drive)).label != table.table.label)
      draft_.refuse("-D " + name + ": the desc makes another kind of partition table, where what is on it would not " +
                    "find itself");
    else if (partition.type != golden->type)
      draft_.refuse("-D " + name + ": is of type " + golden->type + ", the desc gives it " + partition.type);
    if (!partition.size.fill && partition.size.bytes < device.size)
      draft_.refuse("-D " + name + ": is " + format_size(device.size) + ", the desc gives it " +
                    std::to_string(partition.size.bytes / storage::mib) + " MiB");
    // An EFI system partition that goes along is what UEFI starts from, on an MBR disk too.
    if (is_type(node, "efi")) manifest_.firmware = {"bios", "uefi"};
    return golden;
  }

  // A desc that moves them says so already on a disk of the golden size. On another one the node asks again.
  void check_places() {
    storage::Places places;
    try {
      places = storage::place(storage_, storage::golden_disks(storage_));
    } catch (const Error&) {
      return;  // a desc for larger disks than this machine's
    }
    try {
      storage::check_kept(storage_, places);
    } catch (const Error& error) {
      draft_.refuse(error.what());
    }
  }

  void check_all_mounted(const std::string& drive) {
    const auto partitions = storage_.on(table_of(drive).id);
    for (const auto& [name, mount] : draft_.mounted) {
      const BlockDevice* device = draft_.device(name);
      if (device->disk != drive) continue;
      auto same = [&](const Node* node) {
        const Partition& p = storage::as<Partition>(*node);
        return p.number == device->partition && p.role != Role::extended;
      };
      if (std::none_of(partitions.begin(), partitions.end(), same))
        draft_.refuse(name + " is mounted on " + mount->point + ", but the desc of " + drive +
                      " has no such partition (" + numbers(partitions) + ")");
    }
  }

  PlanDraft& draft_;
  const Golden& golden_;
  wire::Manifest& manifest_;
  storage::Storage& storage_;
};

}  // namespace

void add_drives(PlanDraft& draft) {
  DriveAdder adder(draft);
  for (const std::string& drive : draft.drives) adder.add_drive(drive);
  for (const storage::Node& device : add_layers(draft)) adder.add_content(device);
  size_volumes(draft);
  if (draft.options.shrink) let_files_shrink(draft.plan.manifest.storage);
  adder.check_raw_partitions();
  adder.order_mounts();
}

}  // namespace ka::server
