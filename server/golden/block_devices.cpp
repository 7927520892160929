#include "server/golden/block_devices.h"

#include <limits.h>
#include <stdlib.h>

#include <algorithm>
#include <cctype>

#include "base/files.h"
#include "base/text.h"

namespace ka::server {

namespace {

std::uint64_t number_in(const std::string& path) {
  auto text = read_file_if_any(path);
  return text ? parse_unsigned(trim(*text)).value_or(0) : 0;
}

// The last name but one of the real path: …/block/sda/sda5 gives "sda".
std::string parent_name(const std::string& path) {
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) == nullptr) return {};
  auto names = split(resolved, '/');
  return names.size() < 2 ? std::string() : std::string(names[names.size() - 2]);
}

BlockDevice read_device(const std::string& folder, const std::string& name) {
  BlockDevice device;
  device.name = name;
  std::string numbers = read_file_if_any(folder + "/dev").value_or("");
  auto fields = split(trim(numbers), ':');
  device.major = static_cast<unsigned>(parse_unsigned(fields.front()).value_or(0));
  device.minor = static_cast<unsigned>(parse_unsigned(fields.back()).value_or(0));
  device.size = number_in(folder + "/size") * 512;  // sysfs counts 512 bytes whatever the disk's sector is
  device.removable = number_in(folder + "/removable") != 0;
  if (auto sector = number_in(folder + "/queue/logical_block_size")) device.sector = static_cast<std::uint32_t>(sector);
  device.below = list_directory(folder + "/slaves");
  device.mapped = trim(read_file_if_any(folder + "/dm/name").value_or(""));
  device.partition = static_cast<int>(number_in(folder + "/partition"));
  if (device.partition != 0) device.disk = parent_name(folder);
  return device;
}

}  // namespace

bool BlockDevice::is_drive() const {
  if (partition != 0 || !below.empty()) return false;
  for (std::string_view prefix : {"loop", "ram", "zram", "sr", "fd", "dm-", "md", "nbd", "mtdblock"}) {
    if (name.rfind(prefix, 0) == 0 && name.size() > prefix.size() &&
        std::isdigit(static_cast<unsigned char>(name[prefix.size()])))
      return false;
  }
  return true;
}

std::vector<BlockDevice> read_block_devices(const std::string& sysfs) {
  std::vector<BlockDevice> devices;
  for (const std::string& name : list_directory(sysfs + "/class/block"))
    devices.push_back(read_device(sysfs + "/class/block/" + name, name));
  return devices;
}

const BlockDevice* find_device(const std::vector<BlockDevice>& devices, std::string_view name) {
  name = plain_name(name);
  constexpr std::string_view mapper = "mapper/";
  const std::string_view mapped = name.starts_with(mapper) ? name.substr(mapper.size()) : std::string_view();
  auto is_called = [&](const BlockDevice& d) {
    return d.name == name || d.id() == name || (!mapped.empty() && d.mapped == mapped);
  };
  auto found = std::find_if(devices.begin(), devices.end(), is_called);
  return found == devices.end() ? nullptr : &*found;
}

const BlockDevice* find_device(const std::vector<BlockDevice>& devices, unsigned major, unsigned minor) {
  auto found = std::find_if(devices.begin(), devices.end(),
                            [&](const BlockDevice& d) { return d.major == major && d.minor == minor; });
  return found == devices.end() ? nullptr : &*found;
}

std::string_view plain_name(std::string_view name) {
  if (name.rfind("/dev/", 0) == 0) name.remove_prefix(5);
  return name;
}

}  // namespace ka::server
