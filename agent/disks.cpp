#include "agent/disks.h"

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

bool on_usb(const std::string& device) { return device.find("/usb") != std::string::npos; }

// The swap or file system, or the md or device-mapper device, that sits on the disk or one of its partitions.
std::string user_of(const std::string& block, const std::string& name, const std::string& mounts) {
  std::vector<std::string> places = {block};
  for (const std::string& entry : list_directory(block))
    if (starts_with(entry, name)) places.push_back(block + "/" + entry);
  for (const std::string& place : places) {
    auto holders = list_directory(place + "/holders");
    if (!holders.empty()) return "used by " + holders.front();
    std::string device = "/dev/" + base_name(place);
    for (std::string_view line : split(mounts, '\n')) {
      auto fields = words(line);
      if (fields.size() >= 2 && fields[0] == device) return "mounted on " + std::string(fields[1]);
    }
  }
  return "";
}

std::optional<MachineDisk> read_disk(const std::string& sysfs, const std::string& name, const std::string& mounts) {
  std::string block = sysfs + "/block/" + name;
  std::string device = real_path(block + "/device");
  bool only_a_part =
      starts_with(name, "mmcblk") && (name.find("boot") != std::string::npos || name.find("rpmb") != std::string::npos);
  // Loop, RAM, md and device-mapper devices have no hardware behind them.
  if (device.empty() || only_a_part || starts_with(name, "sr") || starts_with(name, "fd")) return std::nullopt;
  if (attribute(block + "/hidden") == "1") return std::nullopt;

  MachineDisk disk;
  disk.name = name;
  disk.size = number(block + "/size") * 512;  // sysfs counts 512 bytes whatever the disk's sectors are
  if (disk.size == 0) return std::nullopt;
  std::uint64_t sector_size = number(block + "/queue/logical_block_size");
  if (sector_size > 512 && sector_size <= 65536) disk.sector_size = static_cast<std::uint32_t>(sector_size);
  disk.removable = attribute(block + "/removable") == "1" || on_usb(device);
  disk.read_only = attribute(block + "/ro") == "1";
  disk.model = attribute(block + "/device/model");
  disk.serial = serial_of(block);
  disk.wwn = wwn_of(block);
  disk.path = path_of(block, device);
  disk.used_by = user_of(block, name, mounts);
  return disk;
}

}  // namespace

std::string MachineDisk::text() const {
  std::string text = name + " (" + format_size(size);
  if (!model.empty()) text += ", " + model;
  if (!serial.empty()) text += ", serial " + serial;
  if (!wwn.empty()) text += ", wwn " + wwn;
  if (!path.empty()) text += ", " + path;
  return text + ")";
}

std::vector<MachineDisk> read_disks(const std::string& sysfs, const std::string& mounts) {
  std::vector<MachineDisk> disks;
  for (const std::string& name : list_directory(sysfs + "/block"))
    if (auto disk = read_disk(sysfs, name, mounts)) disks.push_back(*std::move(disk));
  return disks;
}

std::vector<std::string> driver_modules(const std::string& sysfs, const std::string& disk) {
  std::vector<std::string> modules;
  std::string top = real_path(sysfs);
  for (std::string device = real_path(sysfs + "/block/" + disk + "/device"); device.size() > top.size();
       device.resize(device.rfind('/'))) {
    std::string module = base_name(real_path(device + "/driver/module"));
    bool known = std::find(modules.begin(), modules.end(), module) != modules.end();
    if (!module.empty() && !known) modules.push_back(module);
  }
  return modules;
}

}  // namespace ka::agent
