#include "agent/clone/file_systems.h"

#include <sys/mount.h>

#include <algorithm>
#include <set>

#include "agent/clone/inodes.h"
#include "agent/link/memory.h"
#include "agent/storage/kinds.h"
#include "agent/storage/unfinished.h"
#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "base/thread.h"

namespace ka::agent {

std::string FileSystems::type_of(const wire::Mount& mount) const {
  const storage::Node& fs = work_.manifest.storage.at(mount.fs);
  return maker(fs).mount_type(fs);
}

std::string FileSystems::data_of(const wire::Mount& mount, bool read_only) const {
  const storage::Node& fs = work_.manifest.storage.at(mount.fs);
  std::string data = maker(fs).mount_data(fs, mount.options, read_only);
  if (storage::rule(fs).has_subvolume) data += (data.empty() ? "subvol=/" : ",subvol=/") + mount.subvolume;
  return data;
}

const wire::Mount& FileSystems::mount_of(const storage::Id& content) const {
  auto same = [&content](const wire::Mount& mount) { return mount.fs == content; };
  return *std::find_if(work_.manifest.mounts.begin(), work_.manifest.mounts.end(), same);
}

std::string FileSystems::target_of(const wire::Mount& mount) const {
  return work_.context.target + (mount.point == "/" ? "" : mount.point);
}

bool FileSystems::kernel_knows(const std::string& type) const {
  const std::string known = read_file(work_.context.procfs + "/filesystems");
  for (std::string_view line : split(known, '\n'))
    if (auto fields = words(line); !fields.empty() && fields.back() == type) return true;
  return false;
}

Awaitable<void> FileSystems::load_modules() {
  // What a clone needs to find it, this kernel needs to make it.
  for (const storage::Node& node : work_.manifest.storage.nodes) {
    const auto needed = maker(node).needed_modules;
    const std::vector<std::string> modules = needed ? needed(node) : std::vector<std::string>();
    for (const std::string& module : modules) co_await work_.context.load_module(module);
  }
  for (const wire::Mount& mount : work_.manifest.mounts) {
    const std::string type = type_of(mount);
    if (!kernel_knows(type)) {
      std::string alias = "fs-" + type;
      co_await work_.context.load_module(alias);
      if (!kernel_knows(type)) throw Error("mount " + type, "this kernel has no such file system");
    }
    const Maker& kind = maker(work_.manifest.storage.at(mount.fs));
    const std::vector<std::string> modules = kind.modules ? kind.modules(mount.options) : std::vector<std::string>();
    for (const std::string& module : modules) co_await work_.context.load_module(module);
  }
}

void FileSystems::mount() {
  work_.machine.make_directories(work_.context.target);
  for (const wire::Mount& mount : work_.manifest.mounts) {
    const std::string& device = work_.build.device(mount.fs);
    const std::string target = target_of(mount);
    Log::Step step(work_.log, "Mounting " + device + " as " + work_.context.target + mount.point + " ");
    if (mount.point != "/") work_.machine.make_directories(target);
    const std::string type = type_of(mount), data = data_of(mount, false);
    if (maker(work_.manifest.storage.at(mount.fs)).staged)
      work_.staged.mount(device, target, type, MS_NOATIME, data);
    else
      work_.mounts.mount_disk(device, target, type, MS_NOATIME, data);
    step.ok();
  }
}

void FileSystems::take_away_apart() {
  set_inode_flags(work_.machine, work_.clone, work_.log, work_.manifest, /*apart=*/true);
  for (auto mount = work_.manifest.mounts.rbegin(); mount != work_.manifest.mounts.rend(); ++mount) {
    if (!mount->apart) continue;
    work_.mounts.unmount(target_of(*mount));
    work_.clone.remove(mount->point);
  }
}

Awaitable<void> FileSystems::unmount_and_check() {
  Log::Step syncing(work_.log, "Syncing disks");
  const std::vector<std::string> mounted = work_.mounts.disks();
  for (const std::string& target : mounted) {
    auto news = tell_of_write_back();
    co_await work_.machine.write_back(target);
  }
  syncing.ok();
  for (const std::string& device : devices())
    if (std::uint64_t errors = ext_errors(work_.context.sysfs, device.substr(device.rfind('/') + 1)))
      throw Error("write " + device, "its file system met " + std::to_string(errors) + " errors");
  Log::Step unmounting(work_.log, "Umounting " + work_.context.target);
  work_.mounts.unmount_all();
  unmounting.ok();
  for (const storage::Node& node : work_.manifest.storage.nodes) co_await finish(node);
  std::set<storage::Id> checked;  // one may have been mounted in parts
  for (const wire::Mount& mount : work_.manifest.mounts)
    if (checked.insert(mount.fs).second) co_await check_unmounted(mount.fs);
  for (const storage::Node& node : work_.manifest.storage.nodes)
    if (!is_mounted(node)) co_await check_unmounted(node.id);
}

Awaitable<std::map<std::string, std::string>> FileSystems::mount_to_read_back() {
  const std::vector<std::string> all = devices();
  for (const std::string& device : all) co_await finish_writes(device);  // e2fsck has read some of it
  std::map<std::string, std::string> elsewhere;
  for (const wire::Mount& mount : work_.manifest.mounts) {
    std::string target = target_of(mount);
    if (mount.apart) {
      const std::string name = mount.point.substr(1);
      target = work_.context.target + "-" + name;
      work_.machine.make_directories(target);
      elsewhere[name + "/"] = target;
    }
    const std::string &device = work_.build.device(mount.fs), type = type_of(mount), data = data_of(mount, true);
    if (maker(work_.manifest.storage.at(mount.fs)).staged)
      work_.staged.mount_read_only(device, target, type, MS_NOATIME, data);
    else
      work_.mounts.mount(device, target, type, MS_RDONLY | MS_NOATIME, data);
  }
  co_return elsewhere;
}

Awaitable<void> FileSystems::check_unmounted(storage::Id id) {
  const storage::Node& node = work_.manifest.storage.at(id);
  const std::string device = work_.build.device(id);
  if (is_mounted(node)) co_await finish_writes(device);
  if (!maker(node).check) co_return;
  Command command = maker(node).check(work_.build.job(node));
  command.root = work_.context.stage2_root;
  co_await work_.machine.run(command);
}

bool FileSystems::is_mounted(const storage::Node& node) const {
  return std::any_of(work_.manifest.mounts.begin(), work_.manifest.mounts.end(),
                     [&](const wire::Mount& mount) { return mount.fs == node.id; });
}

std::vector<std::string> FileSystems::devices() const {
  std::vector<std::string> devices;
  for (const wire::Mount& mount : work_.manifest.mounts) devices.push_back(work_.build.device(mount.fs));
  return devices;
}

Awaitable<void> FileSystems::finish(const storage::Node& node) {
  if (!maker(node).finish) co_return;
  std::vector<Command> commands = maker(node).finish(work_.build.job(node));
  for (Command& command : commands) {
    command.root = work_.context.stage2_root;
    co_await work_.machine.run(command);
  }
}

Awaitable<void> FileSystems::finish_writes(const std::string& device) {
  auto news = tell_of_write_back();
  co_await work_.machine.finish_writes(device);
}

std::unique_ptr<Repeat> FileSystems::tell_of_write_back() {
  // The same figure twice is no sign of life.
  auto tell = [this, before = std::string()]() mutable {
    const std::string now = "writing back, " + format_size(memory_to_write_back(work_.context.procfs)) + " left";
    if (now != before) work_.stage(now);
    before = now;
  };
  return std::make_unique<Repeat>(work_.context.io, between_stages, std::move(tell));
}

}  // namespace ka::agent
