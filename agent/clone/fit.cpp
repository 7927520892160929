#include "agent/clone/fit.h"

#include <algorithm>

#include "agent/bootable/crypt_files.h"
#include "agent/bootable/device_names.h"
#include "agent/bootable/disk_drivers.h"
#include "agent/bootable/initrd.h"
#include "agent/bootable/lvm_files.h"
#include "agent/bootable/raid_files.h"
#include "agent/clone/boot_proof.h"
#include "agent/clone/inodes.h"
#include "agent/identity/golden_marks.h"
#include "agent/identity/identity.h"
#include "agent/identity/network_files.h"
#include "agent/identity/ssh_host_keys.h"
#include "base/text.h"
#include "wire/boot/initrd_content.h"
#include "wire/storage/raid.h"

namespace ka::agent {

namespace {

// What the steps on the clone's identity share.
struct CloneIdentity {
  explicit CloneIdentity(Work& work)
      : record(work.manifest.identity),
        name(record.renews(wire::IdentityItem::host_name) ? work.context.host_name : work.manifest.golden_host),
        names(work.manifest.golden_host, name),
        cards(read_network_cards(work.context.sysfs)) {}

  IdentityRecord record;
  std::string name;  // empty: nobody gave one
  HostNames names;
  std::vector<NetworkCard> cards;
};

void fit_network(Work& work, CloneIdentity& identity) {
  CardMap cards(work.manifest.network_cards, identity.cards, work.context.hardware_address);
  fit_network_files(work.clone, work.log, identity.record, cards, identity.names);
}

// After the hooks, which may have changed what names the golden machine.
void tell_identity(Work& work, CloneIdentity& identity) {
  find_golden_marks(work.clone, identity.record, GoldenMarks(identity.names, work.manifest, identity.cards));
  identity.record.print(work.log);
  work.context.link.tell_identity(identity.record.notes());
}

void mount_kernel_file_systems(Work& work) {
  const struct {
    const char *type, *place, *data;
  } needed[] = {{"proc", "/proc", ""}, {"sysfs", "/sys", ""}, {"devtmpfs", "/dev", ""}, {"tmpfs", "/run", "mode=0755"}};
  for (const auto& n : needed) work.mounts.mount(n.type, work.clone.outside(n.place, true), n.type, 0, n.data);
}

bool fit_raid(Work& work) {
  std::vector<storage::Node> arrays;
  bool parity = false;
  for (const storage::Node* node : storage::all<storage::Raid>(work.manifest.storage)) {
    arrays.push_back(*node);
    parity = parity || storage::needs_sync(storage::as<storage::Raid>(*node));
  }
  if (parity)
    work.log.line(" - The parity of its arrays is made whole after the first start; until then a disk must not fail");
  return fit_raid_files(work.clone, work.log, arrays);
}

Awaitable<void> fit_lvm(Work& work) {
  std::vector<MadeGroup> groups;
  for (const storage::Node* node : storage::all<storage::Group>(work.manifest.storage)) {
    MadeGroup group{node->id, {}, {}};
    for (const Below& below : work.build.job(*node).below) group.devices.push_back(below.device);
    for (const storage::Physical& physical : storage::as<storage::Group>(*node).physical)
      group.uuids.push_back(physical.uuid);
    groups.push_back(std::move(group));
  }
  if (groups.empty()) co_return;
  work.stage("fitting LVM's files");
  co_await fit_lvm_files(work.machine, work.clone, work.stage2, work.log, std::move(groups));
}

Awaitable<void> fit_luks(Work& work) {
  std::vector<Job> made;
  for (const storage::Node* node : storage::all<storage::Crypt>(work.manifest.storage))
    made.push_back(work.build.job(*node));
  if (made.empty()) co_return;
  work.stage("fitting crypttab's keys");
  co_await fit_crypt_files(work.machine, work.clone, work.stage2, work.log, std::move(made));
}

bool root_is_encrypted(const wire::Manifest& manifest) {
  for (const wire::Mount& mount : manifest.mounts)
    if (mount.point == "/")
      for (const storage::Node* below : storage::all_below(manifest.storage, manifest.storage.at(mount.fs)))
        if (storage::get<storage::Crypt>(below)) return true;
  return false;
}

Awaitable<void> fit_drivers(Work& work, bool initrd_is_old) {
  work.stage("fitting drivers");
  std::string in_use;
  for (const std::string& module : work.drivers.in_use) in_use += " " + module;
  if (!in_use.empty()) work.log.line(" - Drivers in use on this machine:" + in_use);
  std::vector<std::string> modules;
  auto add = [&modules](const std::string& module) {
    if (std::find(modules.begin(), modules.end(), module) == modules.end()) modules.push_back(module);
  };
  for (const Target& target : work.targets)
    for (const std::string& module : driver_modules(work.context.sysfs, target.disk.name)) add(module);
  write_modprobe_conf(work.clone, work.log, modules);
  for (const storage::Node& node : work.manifest.storage.nodes) {
    const auto needed_modules = maker(node).needed_modules;
    if (!needed_modules) continue;
    for (const std::string& module : needed_modules(node)) add(module);
  }
  if (root_is_encrypted(work.manifest)) add(std::string(boot::program_mark) + "cryptsetup");
  if (work.manifest.boot_loader)
    for (const std::string& module : work.manifest.boot_loader->modules) add(module);
  work.modules = modules;
  InitrdNeed need{modules, initrd_is_old, used_initrds(work.clone, work.manifest)};
  co_await fit_initrds(work.machine, work.clone, work.initrds, work.log, need);
}

Awaitable<void> run_hooks(Work& work) {
  std::vector<wire::Hook> hooks = work.manifest.hooks;
  std::sort(hooks.begin(), hooks.end(), [](const wire::Hook& a, const wire::Hook& b) { return a.name < b.name; });
  const std::string directory = "/run/ka-hooks/";  // a tmpfs of this machine's: nothing of it stays in the clone
  if (!hooks.empty()) work.machine.make_directories(work.context.target + directory, 0700);
  for (const wire::Hook& hook : hooks) {
    work.stage("running " + escape_bytes(hook.name));
    work.log.line(" - Running " + escape_bytes(hook.name) + " in the clone");
    work.machine.write_file(work.context.target + directory + hook.name, hook.content, 0700);
    Command command({directory + hook.name});
    command.root = work.context.target;
    command.environment = {"KA_HOST_NAME=" + work.host_name(), "KA_GOLDEN_HOST=" + work.manifest.golden_host};
    auto show = [&work](std::string_view line) { work.log.line(line); };
    co_await work.machine.run(command, show);
  }
}

}  // namespace

Awaitable<void> fit(Work& work) {
  CloneIdentity identity(work);
  make_bare_inodes(work.machine, work.clone, work.log, work.manifest);
  bool initrd_is_old = correct_device_names(work.clone, work.log, work.manifest);
  initrd_is_old |= renew_identity(work.clone, work.log, identity.record, work.manifest.golden_host, identity.name);
  initrd_is_old |= fit_raid(work);
  fit_network(work, identity);
  mount_kernel_file_systems(work);
  co_await renew_ssh_host_keys(work.machine, work.clone, work.log, identity.record, work.early_key, work.host_name());
  co_await fit_lvm(work);
  co_await fit_luks(work);
  co_await fit_drivers(work, initrd_is_old);
  co_await run_hooks(work);
  tell_identity(work, identity);
}

}  // namespace ka::agent
