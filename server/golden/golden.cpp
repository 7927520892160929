#include "server/golden/golden.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "server/golden/kinds.h"
#include "server/golden/network_addresses.h"
#include "server/golden/touch_mounts.h"

namespace ka::server {

namespace {

// All that a program prints, however it ends.
Awaitable<ExitStatus> listen_to(asio::io_context& io, const Command& command, std::string& output) {
  auto keep = [&output](std::string_view line) { output.append(line).append("\n"); };
  co_return co_await run(io, command, keep);
}

// A mount that another one hides is not what its path leads to. Only block devices are asked: a dead NFS server
// would not answer.
bool can_be_seen(const Mount& mount) {
  if (mount.major != 0) {
    struct stat status {};
    if (::lstat(mount.point.c_str(), &status) != 0) return false;
    return major(status.st_dev) == mount.major && minor(status.st_dev) == mount.minor;
  }
  // Btrfs shows other numbers here than there.
  UniqueFd fd(::open(mount.point.c_str(), O_PATH | O_CLOEXEC));
  const std::string known = read_file_if_any("/proc/self/fdinfo/" + std::to_string(fd.get())).value_or("");
  return fd.valid() && field_of(known, "mnt_id:") == std::to_string(mount.id);
}

bool is_on_device(const Mount& mount) { return mount.major != 0 || mount.source.rfind("/dev/", 0) == 0; }

std::vector<Mount> visible_mounts() {
  std::vector<Mount> mounts = parse_mountinfo(read_file("/proc/self/mountinfo"));
  std::erase_if(mounts, [](const Mount& mount) { return is_on_device(mount) && !can_be_seen(mount); });
  return mounts;
}

constexpr std::size_t boot_sector = 512;

Awaitable<void> read_table(asio::io_context& io, Golden& golden, std::string drive) {
  try {
    Command command({"sfdisk", "--json", "/dev/" + drive});
    std::string json = co_await output_of(io, command);
    golden.tables[drive] = storage::read_sfdisk(json);
    golden.boot_records[drive] = read_at("/dev/" + drive, 0, boot_sector);
  } catch (const Error& error) {
    golden.table_errors[drive] = error.what();
  }
}

// What cannot be told of a partition is an error of that partition: it may be one that is not cloned.
// `mounted`: as what it is, or "".
Awaitable<void> probe(asio::io_context& io, Golden& golden, const BlockDevice& device, std::string mounted) {
  constexpr int nothing_found = 2, ambivalent = 8;
  const std::string path = "/dev/" + device.name;
  Probe& found = golden.probes[device.id()];
  Command blkid({"blkid", "-p", "-o", "udev", path});
  std::string text;
  ExitStatus status = co_await listen_to(io, blkid, text);
  if (status.ok() || status.code() == nothing_found)
    found = parse_blkid(text);
  else if (status.code() == ambivalent)
    found.error = "it carries the marks of more than one file system or use";
  else
    found.error = "blkid -p ended with " + status.text() + ": " + std::string(trim(text));
  const Reader* reader = find_reader(mounted.empty() ? found.type : mounted);
  if (!reader) co_return;
  try {
    Answers answers;
    for (const storage::Range& range : reader->kind.superblock)
      answers.superblock.push_back(read_at(path, range.offset, range.size));
    if (*reader->program) {
      Command program(std::vector<std::string>{});
      for (std::string_view word : words(reader->program)) program.argv.emplace_back(word);
      program.argv.push_back(path);
      answers.program = co_await output_of(io, program);
    }
    golden.answers[device.id()] = std::move(answers);
  } catch (const Error& error) {
    found.error = error.what();
  }
}

// What a clone has under the same name, since it is made of UUIDs that it keeps.
bool stays(std::string_view link) {
  return link.starts_with("dm-") || link.starts_with("md-uuid-") || link.starts_with("lvm-pv-uuid-");
}

// The names that udev gave to drives and partitions by what and where they are.
void read_links(Golden& golden) {
  const std::string folder = "/dev/disk/";
  for (const std::string& kind : list_directory(folder)) {
    if (kind == "by-uuid" || kind == "by-label" || kind == "by-partuuid" || kind == "by-partlabel") continue;
    for (const std::string& name : list_directory(folder + kind)) {
      const std::string path = folder + kind + "/" + name;
      char target[PATH_MAX];
      const ssize_t size = ::readlink(path.c_str(), target, sizeof target);
      if (size <= 0 || stays(name)) continue;
      std::string_view device(target, static_cast<std::size_t>(size));
      const std::string decoded = unescape_bytes(path).value_or(path);
      golden.links[std::string(device.substr(device.rfind('/') + 1))].push_back(decoded);
    }
  }
}

void measure(Golden& golden) {
  for (const Mount& mount : golden.mounts) {
    struct statvfs status {};
    if (!is_on_device(mount)) continue;  // no disk: could be a dead server
    if (::statvfs(mount.point.c_str(), &status) != 0) throw Error::from_errno("look at " + mount.point);
    std::uint64_t block = status.f_frsize != 0 ? status.f_frsize : status.f_bsize;
    golden.usage[mount.point] = {(status.f_blocks - status.f_bfree) * block, status.f_files - status.f_ffree};
  }
}

// Partitions of tables that are known, and what is made of them and taken for nothing more.
bool holds_something(const Golden& golden, const BlockDevice& device) {
  if (golden.layers.find(device.layer)) return !golden.layers.has_member(device.id());
  auto table = golden.tables.find(device.disk);
  if (device.partition == 0 || table == golden.tables.end() || !table->second.known()) return false;
  const storage::Partition* entry = table->second.find(device.partition);
  return entry != nullptr && entry->role != storage::Role::extended;
}

void find_subvolumes(Golden& golden) {
  for (const Mount& mount : golden.mounts) {
    const Reader* reader = find_reader(mount.type);
    const BlockDevice* device = is_on_device(mount) ? find_device(golden.devices, mount.source) : nullptr;
    if (!reader || !reader->kind.has_subvolume || !device || golden.subvolumes.count(device->id())) continue;
    try {
      golden.subvolumes[device->id()] = read_subvolumes(mount.point);
    } catch (const Error& error) {
      golden.probes[device->id()].error = error.what();  // counts where it is cloned
    }
  }
}

// Ids, and the kernel's names of what no reader knows.
std::vector<std::string> names_below(const Golden& golden, const BlockDevice& device) {
  std::vector<std::string> names = {device.id()};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const storage::Node* node = golden.layers.find(names[i]);
    const BlockDevice* here = find_device(golden.devices, names[i]);
    std::vector<std::string> below;
    if (node)
      below = node->on;
    else if (here && here->partition != 0)
      below = {here->disk};
    else if (here)
      below = here->below;
    for (const std::string& name : below) {
      const BlockDevice* known = find_device(golden.devices, name);
      const std::string& id = known ? known->id() : name;
      if (std::find(names.begin(), names.end(), id) == names.end()) names.push_back(id);
    }
  }
  return names;
}

}  // namespace

std::vector<std::string> drives_below(const Golden& golden, const BlockDevice& device) {
  std::vector<std::string> drives;
  for (const std::string& name : names_below(golden, device)) {
    const BlockDevice* below = find_device(golden.devices, name);
    if (below && below->partition == 0 && below->below.empty() && below->layer.empty()) drives.push_back(below->name);
  }
  std::sort(drives.begin(), drives.end());
  return drives;
}

std::string strange_below(const Golden& golden, const BlockDevice& device) {
  for (const std::string& name : names_below(golden, device)) {
    const BlockDevice* here = find_device(golden.devices, name);
    for (const std::string& key : {name, here ? here->name : name})
      if (auto why = golden.layers.strange.find(key); why != golden.layers.strange.end())
        return name + " " + why->second;
    if (here && !here->below.empty() && here->layer.empty()) return name + " " + made_strangely;
  }
  return "";
}

Probe parse_blkid(std::string_view text) {
  auto value = [&](std::string_view name) {
    std::string_view encoded = field_of(text, name);
    return unescape_bytes(encoded).value_or(std::string(encoded));
  };
  return {value("ID_FS_TYPE="), value("ID_FS_UUID_ENC="), value("ID_FS_LABEL_ENC="), ""};
}

std::string_view field_of(std::string_view text, std::string_view name) {
  for (std::string_view line : split(text, '\n')) {
    if (line.substr(0, name.size()) == name) return trim(line.substr(name.size()));
  }
  return {};
}

Awaitable<Golden> inspect(asio::io_context& io, std::vector<std::string> drives) {
  Golden golden;
  golden.fstab = parse_fstab(read_file_if_any("/etc/fstab").value_or(""));
  std::vector<Mount> before = parse_mountinfo(read_file("/proc/self/mountinfo"));
  for (const std::string& silent : co_await touch_automounts(io, before, golden.fstab))
    golden.warnings.push_back("an automount: " + silent);
  ::sync();  // so that the tools that read the devices see what the file systems hold
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) throw Error::from_errno("read the host name");
  golden.host_name = name;
  golden.network_cards = read_network_cards();
  golden.addresses = read_network_addresses();
  golden.devices = read_block_devices();
  golden.layers = co_await read_layers(io, golden.devices);
  for (BlockDevice& device : golden.devices)
    if (auto id = golden.layers.ids.find(device.name); id != golden.layers.ids.end()) device.layer = id->second;
  golden.mounts = visible_mounts();
  golden.swaps = parse_swaps(read_file_if_any("/proc/swaps").value_or(""));
  golden.uefi = ::access("/sys/firmware/efi", F_OK) == 0;
  golden.boot = read_golden_boot("");
  golden.needed = read_needed_files("", golden.boot);
  golden.modules = read_modules("");
  golden.files = files_of("");
  read_links(golden);
  measure(golden);

  for (const BlockDevice& device : golden.devices) {
    bool named = std::find(drives.begin(), drives.end(), device.name) != drives.end();
    if ((device.is_drive() || named) && device.size > 0) co_await read_table(io, golden, device.name);
  }
  for (const BlockDevice& device : golden.devices) {
    if (!holds_something(golden, device)) continue;
    auto is_here = [&](const Mount& m) { return m.major == device.major && m.minor == device.minor; };
    const auto mount = std::find_if(golden.mounts.begin(), golden.mounts.end(), is_here);
    std::string mounted = mount == golden.mounts.end() ? "" : mount->type;
    co_await probe(io, golden, device, mounted);
  }
  find_subvolumes(golden);
  const std::vector<Esp> esps = mounted_esps(golden);
  golden.uefi_loaders = read_uefi_loaders("", esps);
  co_return golden;
}

}  // namespace ka::server
