// The partitions of the drives that are cloned, and what is made on them.
#include <algorithm>

#include "base/text.h"
#include "server/plan/plan_draft.h"
#include "wire/ext.h"

namespace ka::server {

namespace {

using wire::FileSystem;
using wire::Partition;

constexpr std::uint64_t mib = 1024 * 1024;
constexpr std::uint8_t swap_type = 0x82, efi_system_type = 0xef;

// A hibernated machine's swap space has another signature.
bool is_swap(std::string_view type) { return type == "swap" || type == "swsuspend"; }

// The disk identifier lies in the last bytes of the boot code; PARTUUIDs are made of it, so it stays this disk's.
std::string with_identifier(std::string code, std::uint32_t identifier) {
  for (int i = 0; i < 4; ++i) code[wire::boot_code_size + i] = static_cast<char>(identifier >> (8 * i));
  return code;
}

std::string numbers(const std::vector<Partition>& partitions) {
  std::string text = "it makes";
  for (const Partition& p : partitions) text += " " + std::to_string(p.number);
  return text;
}

class DriveAdder {
 public:
  explicit DriveAdder(PlanDraft& draft) : draft_(draft), golden_(draft.golden), manifest_(draft.plan.manifest) {}

  void add_drive(const std::string& name) {
    const BlockDevice* device = draft_.device(name);
    auto table = golden_.tables.find(name);
    if (table == golden_.tables.end()) {
      auto error = golden_.table_errors.find(name);
      draft_.refuse(name + ": no partition table was found" +
                    (error == golden_.table_errors.end() ? "" : " (" + error->second + ")"));
      return;
    }
    if (table->second.label != "dos") {
      draft_.refuse(name + " has a partition table of type " + table->second.label +
                    "; only DOS (MBR) tables can be cloned so far");
      return;
    }
    wire::Disk disk;
    disk.name = name;
    disk.golden_size = device->size;
    disk.identifier = table->second.identifier;
    try {
      disk.partitions = partitions_for(name, *device, table->second);
    } catch (const Error& error) {
      draft_.refuse(error.what());
      return;
    }
    add_links(disk, name, 0);
    if (auto code = draft_.boot_code.find(name); code != draft_.boot_code.end())
      disk.boot_code = with_identifier(code->second, disk.identifier);
    for (const Partition& partition : disk.partitions) {
      add_links(disk, partition_name(name, partition.number), partition.number);
      if (partition.kind != Partition::Kind::extended) add_partition(disk.name, partition);
    }
    check_all_mounted(disk);
    manifest_.disks.push_back(std::move(disk));
  }

  void check_raw_partitions() {
    for (const std::string& name : draft_.raw) {
      auto same = [&](const wire::RawPartition& r) { return partition_name(r.disk, r.partition) == name; };
      auto& planned = manifest_.raw_partitions;
      if (!draft_.mounted.count(name) && std::none_of(planned.begin(), planned.end(), same))
        draft_.refuse("-D " + name + ": is the extended partition, or not in the desc");
    }
    int session = 3;
    for (wire::RawPartition& raw : manifest_.raw_partitions) raw.session = "kainstall" + std::to_string(session++);
  }

  // "/" first, a mount point after the one it lies in, what is not mounted at the end.
  void order_file_systems() {
    auto before = [](const FileSystem& a, const FileSystem& b) {
      if (a.mount_point.empty() != b.mount_point.empty()) return b.mount_point.empty();
      return a.mount_point < b.mount_point;
    };
    std::stable_sort(manifest_.file_systems.begin(), manifest_.file_systems.end(), before);
  }

 private:
  std::vector<Partition> partitions_for(const std::string& name, const BlockDevice& device,
                                        const PartitionTable& table) {
    auto desc = draft_.input.descs.find(name);
    if (desc == draft_.input.descs.end()) return partitions_of(name, table, device.size);
    std::vector<Partition> partitions = desc->second;
    for (Partition& partition : partitions) {
      const PartitionTable::Entry* entry = table.find(partition.number);
      partition.bootable = entry != nullptr && entry->bootable && partition.kind != Partition::Kind::extended;
    }
    return partitions;
  }

  void add_links(wire::Disk& disk, const std::string& device, int partition) {
    auto links = golden_.links.find(device);
    if (links == golden_.links.end()) return;
    for (const std::string& path : links->second) disk.links.push_back({partition, path});
  }

  void add_partition(const std::string& drive, const Partition& partition) {
    std::string name = partition_name(drive, partition.number);
    const Probe* found = draft_.probe(name);
    const Probe probe = found == nullptr ? Probe() : *found;
    if (auto mount = draft_.mounted.find(name); mount != draft_.mounted.end()) {
      add_mounted(drive, partition, *mount->second, probe);
    } else if (draft_.raw.count(name)) {
      add_raw(drive, partition, probe);
    } else if (!probe.error.empty() && !draft_.swapping.count(name)) {
      draft_.refuse(name + ": what is on it cannot be told (" + probe.error + "); wipefs " + name +
                    " lists what it carries, -D " + name + " copies it byte for byte");
    } else if (partition.type == swap_type || (is_swap(probe.type) && !draft_.input.descs.count(drive))) {
      add_swap(drive, partition, probe);
    } else if (draft_.swapping.count(name)) {
      draft_.refuse(name + " is swap space in use, and the desc gives it another type");
    } else if (wire::is_ext(probe.type)) {
      draft_.warn(name + " (" + probe.type +
                  ") is not mounted: the clones get it empty; mount it, or copy it with -D " + name);
      manifest_.file_systems.push_back(file_system(drive, partition, probe.type, probe));
    } else if (!probe.type.empty()) {
      draft_.warn(name + " (" + probe.type + "): the clones get the partition without content; -D " + name +
                  " copies it");
    } else if (draft_.input.descs.count(drive)) {
      draft_.warn(name + ": nothing here to put on it; the clones get the partition without a file system");
    }
  }

  FileSystem file_system(const std::string& drive, const Partition& partition, const std::string& type,
                         const Probe& probe) {
    FileSystem result;
    result.disk = drive;
    result.partition = partition.number;
    result.type = type;
    result.uuid = probe.uuid;
    result.label = probe.label;
    const std::string name = partition_name(drive, partition.number);
    auto ext = golden_.ext.find(name);
    if (!wire::is_ext(type) || ext == golden_.ext.end()) return result;
    const ExtHeader& header = ext->second;
    result.options = "acl,user_xattr";
    result.block_size = header.block_size;
    result.inode_size = header.inode_size;
    result.features = header.features;
    result.ext = header.settings;
    if (!probe.error.empty()) {
      result.uuid = header.uuid;
      result.label = header.label;
    }
    for (const std::string& lost : header.not_kept) draft_.warn(name + ": " + lost);
    return result;
  }

  void add_mounted(const std::string& drive, const Partition& partition, const Mount& mount, const Probe& probe) {
    std::string name = partition_name(drive, partition.number);
    if (partition.type == swap_type) {
      draft_.refuse(name + " is " + mount.point + " (" + mount.type + ") here, and swap in the desc");
      return;
    }
    if (draft_.raw.count(name))
      draft_.refuse("-D " + name + ": is mounted on " + mount.point + "; unmount it to copy it byte for byte");
    FileSystem result = file_system(drive, partition, mount.type, probe);
    result.mount_point = mount.point;
    if (!probe.error.empty() && !result.uuid.empty())
      draft_.warn(name + ": " + probe.error + "; it is mounted as " + mount.type + ", and cloned as that");
    if (result.uuid.empty())
      draft_.refuse(name + " (" + mount.point + "): no UUID was found on it" +
                    (probe.error.empty() ? "" : " (" + probe.error + ")"));
    if (auto usage = golden_.usage.find(mount.point); usage != golden_.usage.end()) {
      result.used = usage->second.bytes;
      result.inodes_used = usage->second.inodes;
    }
    if (draft_.excluded_path(mount.point))
      draft_.warn(mount.point + " is left out by -x: the clones get " + name + " empty");
    manifest_.file_systems.push_back(std::move(result));
  }

  void add_swap(const std::string& drive, const Partition& partition, const Probe& probe) {
    std::string name = partition_name(drive, partition.number);
    if (!probe.type.empty() && !is_swap(probe.type))
      draft_.warn(name + " holds " + probe.type + " here, and is swap in the desc: its content is not cloned");
    if (!probe.error.empty()) draft_.warn(name + ": " + probe.error + "; the clones' swap space gets a new UUID");
    manifest_.file_systems.push_back(file_system(drive, partition, "swap", is_swap(probe.type) ? probe : Probe()));
  }

  void add_raw(const std::string& drive, const Partition& partition, const Probe& probe) {
    std::string name = partition_name(drive, partition.number);
    const BlockDevice* device = draft_.device(name);
    if (draft_.swapping.count(name)) draft_.refuse("-D " + name + ": is swap space in use");
    if (device == nullptr) return;  // the desc has a partition that is not here: check_raw_partitions says so
    if (partition.size_mib && *partition.size_mib * mib < device->size)
      draft_.refuse("-D " + name + ": is " + format_size(device->size) + ", the desc gives it " +
                    std::to_string(*partition.size_mib) + " MiB");
    manifest_.raw_partitions.push_back({drive, partition.number, "", device->size, probe.uuid, probe.label});
    // An EFI system partition that goes along is what UEFI starts from, on an MBR disk too.
    if (partition.type == efi_system_type) manifest_.firmware = {"bios", "uefi"};
  }

  void check_all_mounted(const wire::Disk& disk) {
    for (const auto& [name, mount] : draft_.mounted) {
      const BlockDevice* device = draft_.device(name);
      if (device->disk != disk.name) continue;
      auto same = [&](const Partition& p) {
        return p.number == device->partition && p.kind != Partition::Kind::extended;
      };
      if (std::none_of(disk.partitions.begin(), disk.partitions.end(), same))
        draft_.refuse(name + " is mounted on " + mount->point + ", but the desc of " + disk.name +
                      " has no such partition (" + numbers(disk.partitions) + ")");
    }
  }

  PlanDraft& draft_;
  const Golden& golden_;
  wire::Manifest& manifest_;
};

}  // namespace

void add_drives(PlanDraft& draft) {
  DriveAdder adder(draft);
  for (const std::string& drive : draft.drives) adder.add_drive(drive);
  adder.check_raw_partitions();
  adder.order_file_systems();
}

}  // namespace ka::server
