#include "server/golden.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "base/text.h"

namespace ka::server {

namespace {

// The value after "NAME" and blanks on the line that begins with it.
std::string_view field(std::string_view text, std::string_view name) {
  for (std::string_view line : split(text, '\n')) {
    if (line.substr(0, name.size()) == name) return trim(line.substr(name.size()));
  }
  return {};
}

// All that a program prints, however it ends.
Awaitable<ExitStatus> listen_to(asio::io_context& io, const Command& command, std::string& output) {
  auto keep = [&output](std::string_view line) { output.append(line).append("\n"); };
  co_return co_await run(io, command, keep);
}

// A mount that another one hides is not what its path leads to. Only block devices are asked: a dead NFS server
// would not answer.
bool can_be_seen(const Mount& mount) {
  struct stat status {};
  if (::lstat(mount.point.c_str(), &status) != 0) return false;
  return major(status.st_dev) == mount.major && minor(status.st_dev) == mount.minor;
}

std::vector<Mount> visible_mounts() {
  std::vector<Mount> mounts = parse_mountinfo(read_file("/proc/self/mountinfo"));
  std::erase_if(mounts, [](const Mount& mount) { return mount.major != 0 && !can_be_seen(mount); });
  return mounts;
}

Awaitable<void> read_table(asio::io_context& io, Golden& golden, std::string drive) {
  try {
    Command command({"sfdisk", "--json", "/dev/" + drive});
    std::string json = co_await output_of(io, command);
    golden.tables[drive] = parse_sfdisk(json);
  } catch (const Error& error) {
    golden.table_errors[drive] = error.what();
  }
}

Awaitable<void> probe(asio::io_context& io, Golden& golden, std::string partition) {
  Command blkid({"blkid", "-p", "-o", "udev", "/dev/" + partition});
  std::string text;
  ExitStatus status = co_await listen_to(io, blkid, text);
  constexpr int nothing_found = 2;
  if (!status.ok() && status.code() != nothing_found)
    throw Error(blkid.text() + " ended with " + status.text(), trim(text));
  Probe& found = golden.probes[partition] = parse_blkid(text);
  if (found.type.rfind("ext", 0) != 0) co_return;
  Command dumpe2fs({"dumpe2fs", "-h", "/dev/" + partition});
  std::string header = co_await output_of(io, dumpe2fs);
  golden.ext[partition] = parse_dumpe2fs(header);
}

void measure(Golden& golden) {
  for (const Mount& mount : golden.mounts) {
    struct statvfs status {};
    if (mount.major == 0 && mount.source.rfind("/dev/", 0) != 0) continue;  // no disk: could be a dead server
    if (::statvfs(mount.point.c_str(), &status) != 0) throw Error::from_errno("look at " + mount.point);
    std::uint64_t block = status.f_frsize != 0 ? status.f_frsize : status.f_bsize;
    golden.usage[mount.point] = {(status.f_blocks - status.f_bfree) * block, status.f_files - status.f_ffree};
  }
}

void find_boot_loaders(Golden& golden) {
  for (const char* name : {"grub-install", "grub2-install", "lilo"}) {
    for (const char* folder : {"/usr/sbin/", "/sbin/", "/usr/bin/"}) {
      if (::access((std::string(folder) + name).c_str(), X_OK) != 0) continue;
      golden.boot_loaders.emplace_back(name);
      break;
    }
  }
  for (const char* file : {"/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/boot/grub/menu.lst"})
    golden.has_grub_configuration |= ::access(file, F_OK) == 0;
}

}  // namespace

Probe parse_blkid(std::string_view text) {
  auto value = [&](std::string_view name) {
    std::string_view encoded = field(text, name);
    return unescape_bytes(encoded).value_or(std::string(encoded));
  };
  return {value("ID_FS_TYPE="), value("ID_FS_UUID_ENC="), value("ID_FS_LABEL_ENC=")};
}

ExtGeometry parse_dumpe2fs(std::string_view text) {
  auto number = [&](std::string_view name) {
    auto value = parse_unsigned(field(text, name));
    if (!value || *value > UINT32_MAX)
      throw Error("dumpe2fs -h", "no \"" + std::string(name) + "\" in what it printed");
    return static_cast<std::uint32_t>(*value);
  };
  ExtGeometry geometry;
  geometry.block_size = number("Block size:");
  geometry.inode_size = number("Inode size:");
  for (std::string_view word : words(field(text, "Filesystem features:"))) geometry.features.emplace_back(word);
  if (geometry.features.empty()) throw Error("dumpe2fs -h", "no \"Filesystem features:\" in what it printed");
  return geometry;
}

Awaitable<Golden> inspect(asio::io_context& io, std::vector<std::string> drives) {
  Golden golden;
  ::sync();  // so that the tools that read the devices see what the file systems hold
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) throw Error::from_errno("read the host name");
  golden.host_name = name;
  golden.devices = read_block_devices();
  golden.mounts = visible_mounts();
  golden.swaps = parse_swaps(read_file_if_any("/proc/swaps").value_or(""));
  golden.fstab = parse_fstab(read_file_if_any("/etc/fstab").value_or(""));
  golden.uefi = ::access("/sys/firmware/efi", F_OK) == 0;
  find_boot_loaders(golden);
  measure(golden);

  for (const BlockDevice& device : golden.devices) {
    bool named = std::find(drives.begin(), drives.end(), device.name) != drives.end();
    if ((device.is_drive() || named) && device.size > 0) co_await read_table(io, golden, device.name);
  }
  for (const BlockDevice& device : golden.devices) {
    auto table = golden.tables.find(device.disk);
    if (device.partition == 0 || table == golden.tables.end() || table->second.label != "dos") continue;
    const PartitionTable::Entry* entry = table->second.find(device.partition);
    if (entry != nullptr && !wire::is_extended(entry->type)) co_await probe(io, golden, device.name);
  }
  co_return golden;
}

}  // namespace ka::server
