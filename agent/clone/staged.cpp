#include "agent/clone/staged.h"

#include <sys/mount.h>

#include <algorithm>

#include "base/files.h"

namespace ka::agent {

namespace {

// A name that FAT keeps as it is, and that is free: of a file system that was just made.
const char* const unfinished = "/KA.NEW";

bool is_efi(const std::string& name) {
  return name.size() == 3 && (name[0] | 32) == 'e' && (name[1] | 32) == 'f' && (name[2] | 32) == 'i';
}

}  // namespace

std::string Staged::place_of(const std::string& device) const {
  return folder_ + "/" + device.substr(device.rfind('/') + 1);
}

void Staged::mount(const std::string& device, const std::string& target, const std::string& type, unsigned long flags,
                   const std::string& data) {
  const std::string place = place_of(device);
  machine_.make_directories(place);
  mounts_.mount_disk(device, place, type, flags, data);
  machine_.make_directories(place + unfinished);
  mounts_.bind(place + unfinished, target);
}

void Staged::mount_read_only(const std::string& device, const std::string& target, const std::string& type,
                             unsigned long flags, const std::string& data) {
  const std::string place = place_of(device);
  mounts_.mount(device, place, type, flags | MS_RDONLY, data);
  mounts_.bind(place + unfinished, target);
}

Awaitable<void> Staged::finish(std::string device, std::string type, std::string data, Look before, Look after) {
  const std::string place = place_of(device), folder = place + unfinished;
  mounts_.mount_disk(device, place, type, MS_NOATIME, data);
  before(folder);
  std::vector<std::string> names = list_directory(folder);
  std::stable_partition(names.begin(), names.end(), [](const std::string& name) { return !is_efi(name); });
  for (const std::string& name : names) {
    // What came before it is on the disk: a power cut leaves no \EFI, or all of it.
    if (is_efi(name)) co_await machine_.write_back(place);
    machine_.rename(folder + "/" + name, place + "/" + name);
  }
  machine_.remove_directory(folder);
  co_await machine_.write_back(place);
  mounts_.unmount_all();
  co_await machine_.finish_writes(device);
  mounts_.mount(device, place, type, MS_NOATIME | MS_RDONLY, "");
  after(place);
  mounts_.unmount_all();
}

}  // namespace ka::agent
