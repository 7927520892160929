#include "agent/storage/disks.h"

#include <stdlib.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/files.h"
#include "base/text.h"

namespace ka::agent {

namespace {

std::string attribute(const std::string& path) { return std::string(trim(read_file_if_any(path).value_or(""))); }

std::uint64_t number(const std::string& path) { return parse_unsigned(attribute(path)).value_or(0); }

// The absolute path behind symbolic links; empty if there is none.
std::string real_path(const std::string& path) {
  std::unique_ptr<char, void (*)(void*)> resolved(::realpath(path.c_str(), nullptr), ::free);
  return resolved ? resolved.get() : "";
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

// The device that a disk is, as a real path; empty: none. An NVMe disk that several controllers can reach hangs on none
// of them in sysfs: the first one on a bus stands for it.
std::string hardware_of(const std::string& block) {
  const std::string device = real_path(block + "/device");
  if (device.find("/virtual/nvme-subsystem/") == std::string::npos) return device;
  for (const std::string& name : list_directory(device)) {
    const std::string controller = real_path(device + "/" + name);
    if (starts_with(name, "nvme") && controller.find("/pci") != std::string::npos) return controller;
  }
  return device;
}

// SCSI vital product data page 0x80: four bytes of header, then the serial number.
std::string scsi_serial(const std::string& device) {
  std::string page = read_file_if_any(device + "/vpd_pg80").value_or("");
  std::string text = page.size() > 4 ? page.substr(4) : "";
  text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
  return std::string(trim(text));
}

std::string serial_of(const std::string& block) {
  for (const char* place : {"/serial", "/device/serial"}) {
    std::string serial = attribute(block + place);
    if (!serial.empty()) return serial;
  }
  return scsi_serial(block + "/device");
}

std::string wwn_of(const std::string& block) {
  for (const char* place : {"/wwid", "/device/wwid"}) {
    std::string wwid = attribute(block + place);
    // t10.… is only vendor, model and serial again, padded with blanks.
    if (!wwid.empty() && !starts_with(wwid, "t10.")) return wwid;
  }
  return "";
}

// udev counts SCSI hosts of one controller from 0, since their own numbers depend on the order of probing.
std::string scsi_address(const std::string& parent, const std::string& address) {
  auto fields = split(address, ':');
  std::uint64_t lowest = UINT64_MAX;
  for (const std::string& name : list_directory(parent))
    if (starts_with(name, "host")) lowest = std::min(lowest, parse_unsigned(name.substr(4)).value_or(UINT64_MAX));
  auto host = parse_unsigned(fields[0]);
  if (!host || *host < lowest) return address;
  return std::to_string(*host - lowest) + address.substr(fields[0].size());
}

bool is_pci_address(const std::string& name) {  // 0000:00:1f.2
  return name.size() >= 12 && name[name.size() - 2] == '.' && name[name.size() - 5] == ':' &&
         std::count(name.begin(), name.end(), ':') == 2;
}

// As udev's path_id builds it, for the buses that disks hang on. `device` is a real path in sysfs.
std::string path_of(const std::string& block, const std::string& device) {
  std::string path, walked, controller;
  for (std::string_view piece : split(std::string_view(device).substr(1), '/')) {
    std::string name(piece), parent = walked;
    walked += "/" + name;
    if (is_pci_address(name)) {
      path = "pci-" + name;
    } else if (starts_with(name, "ata") && parse_unsigned(name.substr(3))) {
      path += "-ata-" + attribute(walked + "/ata_port/" + name + "/port_no");
    } else if (starts_with(name, "host") && parse_unsigned(name.substr(4))) {
      controller = parent;
    } else if (std::count(name.begin(), name.end(), ':') == 3 && path.find("-ata-") == std::string::npos) {
      path += "-scsi-" + scsi_address(controller, name);
    } else if (std::count(name.begin(), name.end(), ':') == 1 && name.find('-') != std::string::npos) {
      path += "-usb-0:" + name.substr(name.find('-') + 1);  // 1-2:1.0
    } else if (starts_with(name, "nvme") && parse_unsigned(name.substr(4))) {
      path += "-nvme-" + attribute(block + "/nsid");
    }
  }
  return path;
}

// USB and FireWire disks come and go, as do those behind ports that the firmware declares open to the outside
// (Thunderbolt), and SD cards, also in a reader on PCI; MMC means soldered (eMMC).
bool can_be_taken_out(const std::string& block, const std::string& device) {
  if (attribute(block + "/removable") == "1" || starts_with(attribute(block + "/device/type"), "SD")) return true;
  if (device.find("/usb") != std::string::npos || device.find("/fw") != std::string::npos) return true;
  for (std::string place = device; place.find("/pci") != std::string::npos; place.resize(place.rfind('/')))
    if (attribute(place + "/removable") == "removable") return true;
  return false;
}

// What this machine has mounted and swaps to.
struct Uses {
  explicit Uses(const std::string& procfs)
      : mounts(read_file(procfs + "/self/mountinfo")), swaps(read_file_if_any(procfs + "/swaps").value_or("")) {}

  // "mounted on /x", "swap", or "".
  std::string of(const std::string& number, const std::string& name) const {
    const std::string device = "/dev/" + name;
    for (std::string_view line : split(mounts, '\n')) {
      // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw; Btrfs has a number of its own.
      auto fields = words(line);
      auto dash = std::find(fields.begin(), fields.end(), "-");
      bool has_source = fields.end() - dash > 2;
      if (fields.size() > 4 && (fields[2] == number || (has_source && dash[2] == device)))
        return "mounted on " + std::string(fields[4]);
    }
    for (std::string_view line : split(swaps, '\n'))
      if (auto fields = words(line); !fields.empty() && fields[0] == device) return "swap in use on " + name;
    return "";
  }

  std::string mounts, swaps;
};

std::vector<std::string> partitions_in(const std::string& block, const std::string& name) {
  std::vector<std::string> found = list_directory(block);
  std::erase_if(found, [&name](const std::string& entry) { return !starts_with(entry, name); });
  return found;
}

// The swap or file system, or the md or device-mapper device, that sits on the disk or one of its partitions.
std::string user_of(const std::string& block, const std::string& name, const Uses& uses) {
  std::vector<std::string> places = {block};
  for (const std::string& partition : partitions_in(block, name)) places.push_back(block + "/" + partition);
  for (const std::string& place : places) {
    auto holders = list_directory(place + "/holders");
    if (!holders.empty()) return "used by " + holders.front();
    std::string use = uses.of(attribute(place + "/dev"), base_name(place));
    if (!use.empty()) return use;
  }
  return "";
}

// sd and nvme: their disks are looked for on all controllers at once, and named in the order in which they are found.
bool is_named_as_found(const std::string& name) { return starts_with(name, "sd") || starts_with(name, "nvme"); }

// mmcblk0boot0, mmcblk0rpmb, mmcblk0gp0: no disks of their own.
bool is_hardware_partition(const std::string& name) {
  if (!starts_with(name, "mmcblk")) return false;
  return name.find_first_not_of("0123456789", 6) != std::string::npos;
}

std::optional<MachineDisk> read_disk(const std::string& sysfs, const std::string& name, const Uses& uses) {
  std::string block = sysfs + "/block/" + name;
  std::string device = hardware_of(block);
  // Loop, RAM, zram, nbd, md and device-mapper devices have no hardware behind them.
  if (device.empty() || is_hardware_partition(name) || starts_with(name, "sr") || starts_with(name, "fd") ||
      starts_with(name, "nbd") || starts_with(name, "rbd") || starts_with(name, "zram"))
    return std::nullopt;
  if (attribute(block + "/hidden") == "1") return std::nullopt;

  MachineDisk disk;
  disk.name = name;
  disk.size = number(block + "/size") * 512;  // sysfs counts 512 bytes whatever the disk's sectors are
  if (disk.size == 0) return std::nullopt;
  std::uint64_t sector_size = number(block + "/queue/logical_block_size");
  if (sector_size > 512 && sector_size <= 65536) disk.sector_size = static_cast<std::uint32_t>(sector_size);
  disk.removable = can_be_taken_out(block, device);
  disk.read_only = attribute(block + "/ro") == "1";
  disk.name_may_change = is_named_as_found(name);
  disk.model = attribute(block + "/device/model");
  if (disk.model.empty()) disk.model = attribute(block + "/device/name");  // MMC
  disk.serial = serial_of(block);
  disk.wwn = wwn_of(block);
  disk.path = path_of(block, device);
  disk.number = attribute(block + "/dev");
  disk.used_by = user_of(block, name, uses);
  return disk;
}

// "pci-0000:01:00.0" of "pci-0000:01:00.0-nvme-2"; empty of other disks.
std::string nvme_controller(const MachineDisk& disk) {
  const std::size_t end = disk.path.rfind("-nvme-");
  return end == std::string::npos ? "" : disk.path.substr(0, end);
}

// The serial number of an NVMe disk is its controller's, whose other namespaces are other disks.
bool is_same_disk(const MachineDisk& one, const MachineDisk& other) {
  const std::string controller = nvme_controller(one);
  if (!controller.empty() && controller == nvme_controller(other)) return false;
  return !one.wwn.empty() && !one.serial.empty() && one.wwn == other.wwn && one.serial == other.serial &&
         one.model == other.model && one.size == other.size && one.sector_size == other.sector_size;
}

void add(std::vector<MachineDisk>& disks, MachineDisk disk) {
  auto same = [&disk](const MachineDisk& known) { return is_same_disk(known, disk); };
  const auto known = std::find_if(disks.begin(), disks.end(), same);
  if (known == disks.end()) return disks.push_back(std::move(disk));
  if (known->used_by.empty() && !disk.used_by.empty()) known->used_by = disk.used_by + " as " + disk.name;
  known->read_only |= disk.read_only;
  known->removable |= disk.removable;
  known->other_paths.push_back(std::move(disk));
}

}  // namespace

std::string MachineDisk::text() const {
  std::string text = name + " (" + format_size(size);
  if (!model.empty()) text += ", " + model;
  if (!serial.empty()) text += ", serial " + serial;
  if (!wwn.empty()) text += ", wwn " + wwn;
  if (!path.empty()) text += ", " + path;
  for (const MachineDisk& again : other_paths) text += ", the same disk as " + again.name;
  return text + ")";
}

std::vector<MachineDisk> read_disks(const std::string& sysfs, const std::string& procfs) {
  const Uses uses(procfs);
  std::vector<MachineDisk> disks;
  for (const std::string& name : list_directory(sysfs + "/block"))
    if (auto disk = read_disk(sysfs, name, uses)) add(disks, *std::move(disk));
  return disks;
}

std::vector<std::string> partitions_of(const std::string& sysfs, const std::string& disk) {
  return partitions_in(sysfs + "/block/" + disk, disk);
}

std::optional<MachineDisk> disk_by_number(const std::string& sysfs, const std::string& procfs,
                                          const std::string& number) {
  for (MachineDisk& disk : read_disks(sysfs, procfs)) {
    if (disk.number == number) return std::move(disk);
    for (MachineDisk& again : disk.other_paths)
      if (again.number == number) return std::move(again);
  }
  return std::nullopt;
}

std::vector<std::string> driver_modules(const std::string& sysfs, const std::string& disk) {
  std::vector<std::string> modules;
  // The bus of SD cards and eMMC does not say which module its driver is from. Built in, it has no state.
  if (starts_with(disk, "mmcblk") && !attribute(sysfs + "/module/mmc_block/initstate").empty())
    modules.emplace_back("mmc_block");
  std::string top = real_path(sysfs);
  for (std::string device = hardware_of(sysfs + "/block/" + disk); device.size() > top.size();
       device.resize(device.rfind('/'))) {
    std::string module = base_name(real_path(device + "/driver/module"));
    bool known = std::find(modules.begin(), modules.end(), module) != modules.end();
    if (!module.empty() && !known) modules.push_back(module);
  }
  return modules;
}

}  // namespace ka::agent
