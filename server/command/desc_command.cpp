#include "server/command/desc_command.h"

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "server/command/run_task.h"
#include "server/golden/golden.h"
#include "server/golden/mounts.h"
#include "server/golden/partition_table.h"
#include "server/golden/programs.h"
#include "server/options/option_table.h"
#include "wire/desc.h"
#include "wire/group_desc.h"

namespace ka::server {

namespace {

// The drive that / is on.
std::string root_drive() {
  auto devices = read_block_devices();
  for (const Mount& mount : parse_mountinfo(read_file("/proc/self/mountinfo"))) {
    if (mount.point != "/") continue;
    const BlockDevice* device = find_device(devices, mount.major, mount.minor);
    if (device != nullptr && device->partition != 0) return device->disk;
  }
  throw Error("desc", "/ is not on a partition of a drive; name the drive or the volume group: ka-server desc sda");
}

struct Medium {
  std::string path;
  storage::Disk disk;
};

// A drive by its name, or the image of one; nullopt: there is none.
std::optional<Medium> find_medium(const std::string& name) {
  std::string drive = name.empty() ? root_drive() : name;
  auto devices = read_block_devices();
  if (const BlockDevice* device = find_device(devices, drive)) {
    if (device->partition != 0) throw Error("desc " + drive, "is a partition; name its drive, " + device->disk);
    return Medium{"/dev/" + device->name, {device->size, device->sector, ""}};
  }
  struct stat status {};
  if (::stat(drive.c_str(), &status) != 0) return std::nullopt;
  if (!S_ISREG(status.st_mode))
    throw Error("desc " + drive, "is neither a drive, the image of one, nor a volume group");
  return Medium{drive, {static_cast<std::uint64_t>(status.st_size), 512, ""}};
}

constexpr std::size_t boot_sector = 512;

Awaitable<void> print_group_desc(asio::io_context& io, std::string name) {
  const std::vector<BlockDevice> devices = read_block_devices();
  Layers layers;
  co_await lvm_reader.read(io, devices, layers);
  write_all(STDOUT_FILENO, group_desc(layers, name), "standard output");
}

Awaitable<void> print_desc(asio::io_context& io, std::string name) {
  extend_path();
  const std::optional<Medium> medium = find_medium(name);
  if (!medium) {
    co_await print_group_desc(io, name);
    co_return;
  }
  require_programs({"sfdisk"});
  Command command({"sfdisk", "--json", medium->path});
  std::string json = co_await output_of(io, command);
  const storage::ReadTable table = storage::read_sfdisk(json);
  if (const std::string strange = strange_table(table, read_at(medium->path, 0, boot_sector)); !strange.empty())
    throw Error("desc " + medium->path, "its partition table " + strange);
  const auto partitions = desc_of(medium->path, table, medium->disk);
  write_all(STDOUT_FILENO,
            "# " + medium->path + " as it is; sizes are MiB\n" + wire::format_desc(table.table.label, partitions),
            "standard output");
}

int run_desc(const std::string& drive) {
  asio::io_context io;
  reap_children(io);
  run_task(io, print_desc(io, drive));
  return 0;
}

}  // namespace

std::string group_desc(const Layers& layers, const std::string& name) {
  if (auto why = layers.strange.find(name); why != layers.strange.end()) throw Error("desc " + name, why->second);
  if (!storage::get<storage::Group>(layers.find(name)))
    throw Error("desc " + name, "there is no such drive or volume group, and no such disk image");
  return "# " + name + " as it is; sizes are MiB\n" + wire::format_group_desc({layers.nodes}, name);
}

void add_desc_command(CLI::App& app, std::function<int()>& chosen) {
  auto drive = std::make_shared<std::string>();
  CLI::App* desc =
      app.add_subcommand("desc", "Write a desc file of a drive (fdisk_to_desc) or a volume group as it is");
  add_help_and_version(*desc);
  const std::string help = "sda, the image of a disk, or a volume group; without it, the drive that / is on";
  desc->add_option("DRIVE", *drive, help)->type_name("");
  desc->callback([drive, &chosen] { chosen = [drive] { return run_desc(*drive); }; });
}

}  // namespace ka::server
