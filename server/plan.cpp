#include "server/plan.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace ka::server {

namespace {

using wire::FileSystem;
using wire::Partition;

constexpr std::uint64_t mib = 1024 * 1024;
constexpr std::uint8_t swap_type = 0x82, efi_system_type = 0xef;

bool is_ext(std::string_view type) { return type == "ext2" || type == "ext3" || type == "ext4"; }
// A hibernated machine's swap space has another signature.
bool is_swap(std::string_view type) { return type == "swap" || type == "swsuspend"; }

template <typename List, typename Value>
bool contains(const List& list, const Value& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// A mount of the kernel's own or of RAM: every machine has those, nobody misses them in a clone.
bool is_remote(std::string_view type) {
  for (std::string_view known :
       {"nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "ceph", "glusterfs", "overlay", "zfs"}) {
    if (type == known) return true;
  }
  return type.rfind("fuse.", 0) == 0;
}

// As fallocate makes it at once on ext4, and dd where there are no extents. The file system's clone has the room.
wire::Hook swap_file_hook(const Swap& swap, std::size_t number) {
  std::string quoted;
  for (char c : swap.path) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  // The kernel does not count the page of the header.
  std::uint64_t size = (swap.size + mib) / mib * mib;
  std::string script =
      "#!/bin/sh\n# The golden node's swap file, made anew.\nset -e\numask 077\nfile='" + quoted + "'\nfallocate -l " +
      std::to_string(size) +
      " \"$file\" 2>/dev/null ||\n  dd if=/dev/zero of=\"$file\" bs=1048576 count=" + std::to_string(size / mib) +
      "\nmkswap \"$file\"\n";
  return {"00-ka-swap-file-" + std::to_string(number), script};
}

class Planner {
 public:
  Planner(const Golden& golden, const PlanInput& input) : golden_(golden), input_(input), options_(input.options) {}

  Plan make() {
    plan_.warnings = input_.warnings;
    read_names();
    sort_mounts();
    add_swap_drives();
    add_swap_files();
    if (!refusals_.empty()) refuse_all();
    for (const std::string& drive : drives_) add_drive(drive);
    check_raw_partitions();
    order_file_systems();
    add_boot_loader();
    add_targets();
    check_fstab();
    if (!refusals_.empty()) refuse_all();
    wire::Manifest& manifest = plan_.manifest;
    manifest.golden_host = golden_.host_name;
    manifest.server_version = KA_VERSION;
    manifest.session = options_.session;
    for (const Swap& swap : plan_.swap_files) manifest.hooks.push_back(swap_file_hook(swap, manifest.hooks.size() + 1));
    manifest.hooks.insert(manifest.hooks.end(), input_.hooks.begin(), input_.hooks.end());
    manifest.removable_allowed = options_.allow_removable;
    manifest.log_directory = options_.log_directory;
    wire::check(manifest);
    return std::move(plan_);
  }

 private:
  void refuse(std::string reason) { refusals_.push_back(std::move(reason)); }
  void warn(std::string text) { plan_.warnings.push_back(std::move(text)); }
  void leave_out(const std::string& what, std::string why) { plan_.not_cloned.push_back({what, std::move(why)}); }

  [[noreturn]] void refuse_all() const { throw Refusal(refusals_, plan_.warnings); }

  bool excluded_path(std::string_view path) const {
    return std::any_of(plan_.excluded.begin(), plan_.excluded.end(), [&](const auto& e) { return lies_in(path, e); });
  }

  // The drives and directories of the options, in their plain form.
  void read_names() {
    std::vector<std::string> paths;
    for (const std::string& path : options_.excluded) paths.push_back(normal_path(path));
    std::sort(paths.begin(), paths.end());
    for (const std::string& path : paths) {
      if (!excluded_path(path)) plan_.excluded.push_back(path);
    }
    for (const std::string& name : options_.excluded_drives) {
      const BlockDevice* device = find_device(golden_.devices, name);
      if (device == nullptr) {
        warn("-X " + name + ": there is no such drive here");
      } else if (device->partition != 0) {
        refuse("-X " + name + ": is a partition; -X takes a whole drive (" + device->disk + ")");
      } else {
        left_out_.insert(device->name);
      }
    }
    for (const auto& [drive, desc] : input_.descs) name_drive(drive, "-p");
    for (const auto& [drive, code] : input_.boot_code) name_drive(drive, "-m/-M");
    for (const std::string& raw : options_.raw_partitions) {
      const BlockDevice* device = find_device(golden_.devices, raw);
      if (device == nullptr || device->partition == 0) {
        refuse("-D " + raw + ": there is no such partition here");
        continue;
      }
      if (!raw_.insert(device->name).second) refuse("-D " + raw + " is given twice");
      name_drive(device->disk, "-D " + raw);
    }
  }

  void name_drive(const std::string& name, const std::string& option) {
    const BlockDevice* device = find_device(golden_.devices, name);
    if (device == nullptr || device->partition != 0) {
      std::string there;
      for (const BlockDevice& d : golden_.devices) {
        if (d.is_drive()) there += (there.empty() ? "" : ", ") + d.name;
      }
      refuse(option + " " + name + ": there is no such drive here" + (there.empty() ? "" : "; there are " + there));
      return;
    }
    if (left_out_.count(device->name)) refuse(option + " names " + device->name + ", and -X leaves it out");
    named_.insert(device->name);
    drives_.insert(device->name);
  }

  const BlockDevice* device_of(const Mount& mount) const {
    const BlockDevice* device = mount.major == 0 ? nullptr : find_device(golden_.devices, mount.major, mount.minor);
    // Btrfs has no device number of its own.
    return device == nullptr && mount.source.rfind("/dev/", 0) == 0 ? find_device(golden_.devices, mount.source)
                                                                    : device;
  }

  // Which mounts are cloned; their partitions go to mounted_, their drives to drives_.
  void sort_mounts() {
    bool root_found = false;
    // A file system seen in several places belongs where it is "/", else where it was mounted first.
    std::vector<const Mount*> mounts;
    for (const Mount& mount : golden_.mounts) mounts.push_back(&mount);
    std::stable_partition(mounts.begin(), mounts.end(), [](const Mount* m) { return m->point == "/"; });
    for (const Mount* mount : mounts) {
      const BlockDevice* device = device_of(*mount);
      if (device != nullptr) {
        sort_mount(*mount, *device);
      } else if (is_remote(mount->type) && mount->point != "/") {
        leave_out(mount->point, mount->type + " of " + mount->source);
      }
      root_found |= mount->point == "/";
      if (mount->point == "/" && device == nullptr)
        refuse("/ is " + mount->type + " (" + mount->source + "), not a file system on a disk of this machine");
    }
    for (const auto& [name, mount] : partly_) {
      if (!mounted_.count(name))
        refuse(mount->point + ": only the part " + mount->root + " of " + name +
               " is mounted; mount the whole file system "
               "somewhere, or leave it out with -x " +
               mount->point);
    }
    if (!root_found) refuse("no / was found in /proc/self/mountinfo");
  }

  void sort_mount(const Mount& mount, const BlockDevice& device) {
    std::string what = mount.point + " (" + device.name + ", " + mount.type + ")";
    bool root = mount.point == "/";
    std::string why_not = reason_to_leave(device);
    if (!why_not.empty()) {
      if (root)
        refuse("/ is on " + device.name + ", " + why_not);
      else if (!mounted_elsewhere(mount))
        leave_out(what, why_not);
      return;
    }
    if (std::string fault = reason_to_refuse(mount, device); !fault.empty()) {
      if (!root && excluded_path(mount.point))
        leave_out(what, "left out by -x");
      else
        refuse(what + ": " + fault + (root ? "" : "; -x " + mount.point + " leaves it out"));
      return;
    }
    if (mount.root != "/") {
      if (!excluded_path(mount.point)) partly_.emplace(device.name, &mount);
      return;
    }
    if (mounted_.emplace(device.name, &mount).second) drives_.insert(device.disk);
  }

  // Only the first of several mounts of one thing is worth a line.
  bool mounted_elsewhere(const Mount& mount) { return !seen_.insert({mount.major, mount.minor}).second; }

  // Drives that no clone needs: empty if this one is to be cloned.
  std::string reason_to_leave(const BlockDevice& device) const {
    std::vector<std::string> drives = drives_of(golden_.devices, device);
    auto all = [&](auto&& test) { return std::all_of(drives.begin(), drives.end(), test); };
    if (all([&](const std::string& d) { return named_.count(d) > 0; })) return {};
    if (all([&](const std::string& d) { return left_out_.count(d) > 0; })) return "left out by -X " + drives.front();
    const BlockDevice* drive = find_device(golden_.devices, drives.front());
    if (drive == nullptr || (drive->below.empty() && !drive->is_drive())) return "not a drive";
    if (drive->removable && !options_.allow_removable) return "a removable drive; --allow-removable takes it in";
    return {};
  }

  std::string reason_to_refuse(const Mount& mount, const BlockDevice& device) const {
    if (!device.below.empty() || device.name.rfind("md", 0) == 0 || device.name.rfind("dm-", 0) == 0)
      return "RAID, LVM and other device-mapper devices cannot be cloned so far";
    if (!is_ext(mount.type)) return mount.type + " cannot be cloned so far; ext2, ext3, ext4 and swap can";
    if (device.partition == 0) return "the whole drive is one file system, without a partition table";
    return {};
  }

  void add_swap_drives() {
    for (const Swap& swap : golden_.swaps) {
      if (swap.is_file) continue;
      const BlockDevice* device = find_device(golden_.devices, swap.path);
      if (device == nullptr || !reason_to_leave(*device).empty()) continue;
      if (device->partition == 0) {
        warn("swap on " + swap.path + " is not on a partition and is not cloned");
        continue;
      }
      swapping_.insert(device->name);
      drives_.insert(device->disk);
    }
  }

  // Only those on a file system that is cloned; what -x leaves out is not made anew either.
  void add_swap_files() {
    for (const Swap& swap : golden_.swaps) {
      if (!swap.is_file || excluded_path(swap.path)) continue;
      const Mount* home = nullptr;
      for (const Mount& mount : golden_.mounts) {
        if (lies_in(swap.path, mount.point) && (home == nullptr || mount.point.size() >= home->point.size()))
          home = &mount;
      }
      auto cloned = [&](const auto& entry) { return entry.second == home; };
      if (std::any_of(mounted_.begin(), mounted_.end(), cloned)) {
        plan_.swap_files.push_back(swap);
      } else {
        warn("swap file " + swap.path + " is not on a file system that is cloned");
      }
    }
  }

  void add_drive(const std::string& name) {
    const BlockDevice* device = find_device(golden_.devices, name);
    auto table = golden_.tables.find(name);
    if (table == golden_.tables.end()) {
      auto error = golden_.table_errors.find(name);
      refuse(name + ": no partition table was found" +
             (error == golden_.table_errors.end() ? "" : " (" + error->second + ")"));
      return;
    }
    if (table->second.label != "dos") {
      refuse(name + " has a partition table of type " + table->second.label +
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
      return refuse(error.what());
    }
    if (auto code = input_.boot_code.find(name); code != input_.boot_code.end())
      disk.boot_code = with_identifier(code->second, disk.identifier);
    for (const Partition& partition : disk.partitions) {
      if (partition.kind != Partition::Kind::extended) add_partition(disk.name, partition);
    }
    check_all_mounted(disk);
    plan_.manifest.disks.push_back(std::move(disk));
  }

  std::vector<Partition> partitions_for(const std::string& name, const BlockDevice& device,
                                        const PartitionTable& table) {
    auto desc = input_.descs.find(name);
    if (desc == input_.descs.end()) return partitions_of(name, table, device.size);
    std::vector<Partition> partitions = desc->second;
    for (Partition& partition : partitions) {
      const PartitionTable::Entry* entry = table.find(partition.number);
      partition.bootable = entry != nullptr && entry->bootable && partition.kind != Partition::Kind::extended;
    }
    return partitions;
  }

  // The disk identifier lies in the last bytes of the boot code; PARTUUIDs are made of it, so it stays this disk's.
  static std::string with_identifier(std::string code, std::uint32_t identifier) {
    for (int i = 0; i < 4; ++i) code[wire::boot_code_size + i] = static_cast<char>(identifier >> (8 * i));
    return code;
  }

  void add_partition(const std::string& drive, const Partition& partition) {
    std::string name = partition_name(drive, partition.number);
    auto found = golden_.probes.find(name);
    Probe probe = found == golden_.probes.end() ? Probe() : found->second;
    if (auto mount = mounted_.find(name); mount != mounted_.end()) {
      add_mounted(drive, partition, *mount->second, probe);
    } else if (raw_.count(name)) {
      add_raw(drive, partition);
    } else if (partition.type == swap_type || (is_swap(probe.type) && !input_.descs.count(drive))) {
      add_swap(drive, partition, probe);
    } else if (swapping_.count(name)) {
      refuse(name + " is swap space in use, and the desc gives it another type");
    } else if (is_ext(probe.type)) {
      warn(name + " (" + probe.type + ") is not mounted: the clones get it empty; mount it, or copy it with -D " +
           name);
      plan_.manifest.file_systems.push_back(file_system(drive, partition, probe.type, probe));
    } else if (!probe.type.empty()) {
      warn(name + " (" + probe.type + "): the clones get the partition without content; -D " + name + " copies it");
    } else if (input_.descs.count(drive)) {
      warn(name + ": nothing here to put on it; the clones get the partition without a file system");
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
    auto ext = golden_.ext.find(partition_name(drive, partition.number));
    if (is_ext(type) && ext != golden_.ext.end()) {
      result.options = "acl,user_xattr";
      result.block_size = ext->second.block_size;
      result.inode_size = ext->second.inode_size;
      result.features = ext->second.features;
    }
    return result;
  }

  void add_mounted(const std::string& drive, const Partition& partition, const Mount& mount, const Probe& probe) {
    std::string name = partition_name(drive, partition.number);
    if (partition.type == swap_type) {
      refuse(name + " is " + mount.point + " (" + mount.type + ") here, and swap in the desc");
      return;
    }
    if (raw_.count(name))
      refuse("-D " + name + ": is mounted on " + mount.point + "; unmount it to copy it byte for byte");
    FileSystem result = file_system(drive, partition, mount.type, probe);
    result.mount_point = mount.point;
    if (result.uuid.empty()) refuse(name + ": blkid finds no UUID on it");
    if (auto usage = golden_.usage.find(mount.point); usage != golden_.usage.end()) {
      result.used = usage->second.bytes;
      result.inodes_used = usage->second.inodes;
    }
    if (excluded_path(mount.point)) warn(mount.point + " is left out by -x: the clones get " + name + " empty");
    plan_.manifest.file_systems.push_back(std::move(result));
  }

  void add_swap(const std::string& drive, const Partition& partition, const Probe& probe) {
    std::string name = partition_name(drive, partition.number);
    if (!probe.type.empty() && !is_swap(probe.type))
      warn(name + " holds " + probe.type + " here, and is swap in the desc: its content is not cloned");
    plan_.manifest.file_systems.push_back(file_system(drive, partition, "swap", is_swap(probe.type) ? probe : Probe()));
  }

  void add_raw(const std::string& drive, const Partition& partition) {
    std::string name = partition_name(drive, partition.number);
    const BlockDevice* device = find_device(golden_.devices, name);
    if (swapping_.count(name)) refuse("-D " + name + ": is swap space in use");
    if (device == nullptr) return;  // the desc has a partition that is not here: check_raw_partitions says so
    if (partition.size_mib && *partition.size_mib * mib < device->size)
      refuse("-D " + name + ": is " + format_size(device->size) + ", the desc gives it " +
             std::to_string(*partition.size_mib) + " MiB");
    plan_.manifest.raw_partitions.push_back({drive, partition.number, "", device->size});
    // An EFI system partition that goes along is what UEFI starts from, on an MBR disk too.
    if (partition.type == efi_system_type) plan_.manifest.firmware = {"bios", "uefi"};
  }

  void check_all_mounted(const wire::Disk& disk) {
    for (const auto& [name, mount] : mounted_) {
      const BlockDevice* device = find_device(golden_.devices, name);
      if (device->disk != disk.name) continue;
      auto same = [&](const Partition& p) {
        return p.number == device->partition && p.kind != Partition::Kind::extended;
      };
      if (std::none_of(disk.partitions.begin(), disk.partitions.end(), same))
        refuse(name + " is mounted on " + mount->point + ", but the desc of " + disk.name + " has no such partition (" +
               numbers(disk.partitions) + ")");
    }
  }

  static std::string numbers(const std::vector<Partition>& partitions) {
    std::string text = "it makes";
    for (const Partition& p : partitions) text += " " + std::to_string(p.number);
    return text;
  }

  void check_raw_partitions() {
    for (const std::string& name : raw_) {
      auto same = [&](const wire::RawPartition& r) { return partition_name(r.disk, r.partition) == name; };
      auto& planned = plan_.manifest.raw_partitions;
      if (!mounted_.count(name) && std::none_of(planned.begin(), planned.end(), same))
        refuse("-D " + name + ": is the extended partition, or not in the desc");
    }
    int session = 3;
    for (wire::RawPartition& raw : plan_.manifest.raw_partitions) raw.session = "kainstall" + std::to_string(session++);
  }

  // "/" first, a mount point after the one it lies in, what is not mounted at the end.
  void order_file_systems() {
    auto before = [](const FileSystem& a, const FileSystem& b) {
      if (a.mount_point.empty() != b.mount_point.empty()) return b.mount_point.empty();
      return a.mount_point < b.mount_point;
    };
    auto& list = plan_.manifest.file_systems;
    std::stable_sort(list.begin(), list.end(), before);
  }

  std::string boot_drive() const {
    std::string drive;
    for (const auto& [name, mount] : mounted_) {
      if (mount->point == "/boot" || (mount->point == "/" && drive.empty()))
        drive = find_device(golden_.devices, name)->disk;
    }
    return drive;
  }

  void add_boot_loader() {
    wire::BootLoader loader;
    loader.disk = boot_drive();
    auto asked = words(options_.boot_loader);
    std::string kind = asked.empty() ? found_loader(loader.disk) : std::string(asked.front());
    if (kind == "grub2") kind = "grub";
    if (kind == "lilo") {
      refuse("the boot loader lilo cannot be set up on clones so far; grub can (-r grub), or none (-r none)");
    } else if (kind != "grub" && kind != "none") {
      refuse("-r: no boot loader \"" + escape_bytes(kind) + "\"; grub and none are known");
    }
    for (std::size_t i = 1; i < asked.size(); ++i) {
      constexpr std::string_view with = "--with=";
      if (asked[i].substr(0, with.size()) == with && asked[i].size() > with.size()) {
        loader.modules.emplace_back(asked[i].substr(with.size()));
      } else {
        refuse("-r: \"" + escape_bytes(asked[i]) + "\" is not understood; --with=MODULE is");
      }
    }
    loader.kind = kind == "none" ? wire::BootLoader::Kind::none : wire::BootLoader::Kind::grub;
    if (kind == "grub" && input_.boot_code.count(loader.disk))
      refuse("-r grub and -m/-M both write the boot code of " + loader.disk + "; give one of them");
    if (kind == "grub" && !golden_.has_grub_configuration)
      warn("there is no grub.cfg in /boot/grub: a clone will come up in grub's own shell");
    if (kind == "grub" && golden_.uefi) warn("this machine was booted by UEFI; the clones are made to boot by BIOS");
    if (kind == "none" && !input_.boot_code.count(loader.disk))
      warn("no boot loader: the clones cannot boot from " + loader.disk + " by themselves");
    plan_.manifest.boot_loader = std::move(loader);
  }

  std::string found_loader(const std::string& drive) const {
    if (input_.boot_code.count(drive)) return "none";
    auto& there = golden_.boot_loaders;
    bool grub = contains(there, "grub-install") || contains(there, "grub2-install") || golden_.has_grub_configuration;
    return grub ? "grub" : contains(there, "lilo") ? "lilo" : "none";
  }

  void add_targets() {
    for (const std::string& rule : options_.targets) {
      std::size_t equals = rule.find('=');
      std::string disk(plain_name(std::string_view(rule).substr(0, equals)));
      if (equals == std::string::npos || !drives_.count(disk)) {
        refuse("--target " + rule +
               ": expected DRIVE=SELECTOR with a drive that is cloned, such as sda=path:pci-0000:00:1f.2-ata-1");
        continue;
      }
      plan_.manifest.targets.push_back({disk, rule.substr(equals + 1)});
    }
  }

  // What fstab asks for at boot and no clone will have makes systemd wait, and then stop the boot.
  void check_fstab() {
    for (const FstabEntry& entry : golden_.fstab) {
      if (entry.has_option("noauto") || entry.has_option("nofail")) continue;
      std::string name = device_named(entry.spec);
      if (name.empty()) continue;
      const BlockDevice* device = find_device(golden_.devices, name);
      if (device == nullptr || device->partition == 0 || drives_.count(device->disk)) continue;
      warn("fstab: " + (is_swap(entry.type) ? "swap" : entry.point) + " is on " + name +
           ", which is not cloned; the clones will miss it at boot (nofail in its options helps)");
    }
  }

  std::string device_named(const std::string& spec) const {
    if (spec.rfind("/dev/", 0) == 0) return std::string(plain_name(spec));
    for (const auto& [name, probe] : golden_.probes) {
      if ((!probe.uuid.empty() && spec == "UUID=" + probe.uuid) ||
          (!probe.label.empty() && spec == "LABEL=" + probe.label))
        return name;
    }
    return {};
  }

  const Golden& golden_;
  const PlanInput& input_;
  const CloneOptions& options_;
  Plan plan_;
  std::vector<std::string> refusals_;
  std::set<std::string> left_out_, named_;        // drives: -X; -p, -m, -M, -D
  std::set<std::string> drives_;                  // that are cloned
  std::set<std::string> raw_, swapping_;          // partitions
  std::map<std::string, const Mount*> mounted_;   // by partition: what is cloned
  std::map<std::string, const Mount*> partly_;    // by partition: bind mounts
  std::set<std::pair<unsigned, unsigned>> seen_;  // devices already listed as not cloned
};

}  // namespace

std::string normal_path(const std::string& path) {
  if (path.empty() || path.front() != '/') throw Error("-x " + escape_bytes(path), "is not an absolute path");
  std::string normal;
  for (std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") throw Error("-x " + escape_bytes(path), "has .. in it");
    normal += "/" + std::string(part);
  }
  if (normal.empty()) throw Error("-x /", "would leave out everything");
  return normal;
}

bool lies_in(std::string_view path, std::string_view folder) {
  if (folder == "/") return true;
  return path.substr(0, folder.size()) == folder && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::uint64_t ext_capacity(std::uint64_t size_mib) {
  // One inode of 256 bytes for 16 KiB, group descriptors and bitmaps: below 2 %. The journal's size is mke2fs's own
  // table.
  std::uint64_t journal = size_mib < 128      ? 4
                          : size_mib < 1024   ? 16
                          : size_mib < 2048   ? 32
                          : size_mib < 16384  ? 64
                          : size_mib < 32768  ? 128
                          : size_mib < 65536  ? 256
                          : size_mib < 131072 ? 512
                                              : 1024;
  std::uint64_t overhead = size_mib / 50 + journal + 1;
  return size_mib > overhead ? (size_mib - overhead) * mib : 0;
}

std::vector<std::string> left_out_of_stream(const Plan& plan) {
  std::vector<std::string> paths = plan.excluded;
  for (const Swap& swap : plan.swap_files) paths.push_back(swap.path);
  return paths;
}

namespace {

std::string in_one(const std::vector<std::string>& reasons) {
  if (reasons.size() == 1) return reasons.front();
  std::string all;
  for (const std::string& reason : reasons) all += "\n  - " + reason;
  return all;
}

}  // namespace

Refusal::Refusal(std::vector<std::string> reasons, std::vector<std::string> warnings)
    : Error("cannot clone this machine", in_one(reasons)),
      reasons_(std::move(reasons)),
      warnings_(std::move(warnings)) {}

Plan make_plan(const Golden& golden, const PlanInput& input) { return Planner(golden, input).make(); }

void add_survey(Plan& plan, const Survey& survey) {
  plan.manifest.sockets = survey.sockets;
  plan.manifest.bare_directories = survey.bare_directories;
  plan.expected = survey.stream_bytes;
  for (const Swap& swap : plan.swap_files) plan.expected -= std::min(plan.expected, swap.size);
  for (const std::string& path : survey.missing) plan.warnings.push_back("-x " + path + ": there is no such directory");
  std::vector<std::string> too_small;
  for (FileSystem& fs : plan.manifest.file_systems) {
    auto total = survey.totals.find(fs.mount_point);
    if (total == survey.totals.end()) continue;
    // What is left out needs no room.
    fs.used = std::min(fs.used, total->second.bytes);
    fs.inodes_used = std::min(fs.inodes_used, total->second.inodes);
    for (const wire::Disk& disk : plan.manifest.disks) {
      for (const Partition& p : disk.partitions) {
        if (disk.name != fs.disk || p.number != fs.partition || !p.size_mib || fs.used <= ext_capacity(*p.size_mib))
          continue;
        too_small.push_back(partition_name(disk.name, p.number) + " gets " + std::to_string(*p.size_mib) +
                            " MiB, but " + fs.mount_point + " holds " + format_size(fs.used) +
                            ": give it more, or leave something out with -x");
      }
    }
  }
  if (!too_small.empty()) throw Refusal(too_small, plan.warnings);
  wire::check(plan.manifest);
}

}  // namespace ka::server
