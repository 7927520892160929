#include "agent/bootable/lvm_files.h"

#include "base/error.h"
#include "base/text.h"

namespace ka::agent {

namespace {

constexpr const char* devices_file = "/etc/lvm/devices/system.devices";

class LvmFiles {
 public:
  LvmFiles(Machine& machine, CloneTree& clone, const CloneTree& stage2, Log& log)
      : machine_(machine), clone_(clone), stage2_(stage2), log_(log) {}

  Awaitable<void> fit(const std::vector<MadeGroup>& groups) {
    if (clone_.exists(devices_file)) co_await write_devices(groups);
    for (const MadeGroup& group : groups) {
      drop_archives(group);
      co_await renew_backup(group);
      co_await look(group);
    }
  }

 private:
  // By the clone's own program, which knows what it calls a device by. It is given a file that names none: without one
  // it would take all there are.
  Awaitable<void> write_devices(const std::vector<MadeGroup>& groups) {
    const bool has_program = clone_.has_program("lvmdevices");
    std::string text, names;
    for (const MadeGroup& group : groups)
      for (std::size_t i = 0; i < group.devices.size(); ++i) {
        text += by_name(group.devices[i], group.uuids[i]);
        names += (names.empty() ? "" : ", ") + group.devices[i];
      }
    log_.line(std::string(" - ") + devices_file + " names this machine's physical volumes: " + names);
    clone_.write(devices_file, has_program ? std::string() : text);
    if (!has_program) co_return;
    for (const MadeGroup& group : groups)
      for (const std::string& device : group.devices) {
        Command command = in_clone({"lvmdevices", "--yes", "--adddev", device});
        co_await machine_.run(command);
      }
  }

  // LVM looks for the PVID elsewhere if the name is another device's.
  static std::string by_name(const std::string& device, std::string uuid) {
    std::erase(uuid, '-');
    return "IDTYPE=devname IDNAME=" + device + " DEVNAME=" + device + " PVID=" + uuid + "\n";
  }

  // No udev runs that LVM could wait for.
  Command in_clone(std::vector<std::string> argv) const {
    Command command(std::move(argv));
    command.root = clone_.root();
    command.environment = {"DM_DISABLE_UDEV=1"};
    return command;
  }

  // "vg0_00012-1804289383.vg": of the golden machine's past, and never this one's.
  void drop_archives(const MadeGroup& group) {
    const std::string folder = "/etc/lvm/archive/";
    for (const std::string& name : clone_.list(folder))
      if (name.ends_with(".vg") && name.substr(0, name.rfind('_')) == group.name) clone_.remove(folder + name);
  }

  Awaitable<void> renew_backup(const MadeGroup& group) {
    const std::string backup = "/etc/lvm/backup/" + group.name, file = "/tmp/ka-backup-" + group.name;
    if (!clone_.exists(backup)) co_return;
    std::string devices;
    for (const std::string& device : group.devices) devices += (devices.empty() ? "" : ",") + device;
    Command command({"lvm", "vgcfgbackup", "--devices", devices, "--file", file, group.name});
    command.root = stage2_.root();
    co_await machine_.run(command);
    clone_.write(backup, stage2_.read(file).value_or(""));
  }

  // Filters by names that this machine has not, and whatever else its settings may say.
  Awaitable<void> look(const MadeGroup& group) {
    if (!clone_.has_program("lvm")) co_return;
    std::string why;
    try {
      Command command = in_clone({"lvm", "vgs", "--noheadings", "--options", "vg_name", group.name});
      const std::string printed = co_await machine_.output_of(command);
    } catch (const Error& error) {
      why = error.what();
    }
    if (!why.empty())
      log_.line(" - WARNING: the clone's own LVM does not see " + group.name +
                ", perhaps by a filter in its lvm.conf "
                "that names devices of the golden machine: " +
                why);
  }

  Machine& machine_;
  CloneTree& clone_;
  const CloneTree& stage2_;
  Log& log_;
};

}  // namespace

Awaitable<void> fit_lvm_files(Machine& machine, CloneTree& clone, const CloneTree& stage2, Log& log,
                              std::vector<MadeGroup> groups) {
  LvmFiles files(machine, clone, stage2, log);
  co_await files.fit(groups);
}

}  // namespace ka::agent
