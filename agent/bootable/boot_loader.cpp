#include "agent/bootable/boot_loader.h"

#include <algorithm>

#include "agent/bootable/loaders.h"
#include "base/error.h"
#include "base/text.h"
#include "wire/grub.h"
#include "wire/storage/storage.h"

namespace ka::agent {

namespace {

const char* const stage2_files = "/usr/lib/grub/i386-pc/boot.img";

std::optional<wire::GrubInstallation> grub_of(const CloneTree& clone) {
  return wire::find_grub([&clone](const std::string& path) { return clone.exists(path); },
                         [&clone](const std::string& name) { return clone.has_program(name); });
}

Command grub_command(const GrubPlace& place, const wire::GrubInstallation& grub) {
  const std::string device = "/dev/" + place.disk;
  if (grub.complete()) {
    Command command({grub.program, "--target=i386-pc", "--recheck", device});
    command.root = place.clone.root();
    return command;
  }
  if (!grub.stage2_fits() || !place.stage2.exists(stage2_files))
    throw Error("install GRUB on " + device, "neither the clone nor stage2 has GRUB's program and files for BIOS " +
                                                 ("machines that go with " + grub.directory));
  Command command({"grub-install", "--target=i386-pc", "--boot-directory=" + place.clone.root() + "/boot", device});
  command.root = place.stage2.root();
  return command;
}

}  // namespace

Awaitable<std::string> install_grub(Machine& machine, Log& log, GrubPlace place) {
  const std::string device = "/dev/" + place.disk;
  const auto grub = grub_of(place.clone);
  if (!grub)
    throw Error("install GRUB on " + device, "the clone has neither /boot/grub/grub.cfg nor /boot/grub2/grub.cfg");
  Command command = grub_command(place, *grub);
  log.line(" - Running " + command.text() + (command.root == place.clone.root() ? " in the clone" : " in stage2"));
  auto show = [&log](std::string_view line) { log.line(line); };
  co_await machine.run(command, show);
  co_return take_boot_code(machine, device, "grub-install");
}

void correct_grub_names(CloneTree& clone, Log& log, const std::string& disk) {
  const auto grub = grub_of(clone);
  if (!grub) return;
  const std::string directory = grub->directory;
  if (clone.remove(directory + "/device.map")) log.line(" - Removed " + directory + "/device.map of the golden node");

  const std::string device = "/dev/" + disk;
  const std::string list_file = "/etc/default/grub_installdevice";  // SUSE's list, by serial numbers
  if (auto list = clone.read(list_file); list && with_install_device(*list, device) != *list) {
    clone.write(list_file, with_install_device(*list, device));
    log.line(" - " + list_file + " is now " + device);
  }

  const std::string database_file = "/var/cache/debconf/config.dat";
  if (auto database = clone.read(database_file)) {
    std::string changed = with_debconf_value(*database, "grub-pc/install_devices", device);
    if (changed != *database) {
      clone.write(database_file, changed);
      log.line(" - debconf: grub-pc/install_devices is now " + device);
    }
  }
}

std::string with_install_device(std::string_view text, std::string_view device) {
  std::string result;
  for (std::string_view line : split(text, '\n')) {
    bool link = line.starts_with("/dev/disk/") && line.find("-part") == std::string_view::npos;
    bool whole_disk = link || (line.starts_with("/dev/") && line.find_first_of("/0123456789", 5) == line.npos);
    result += whole_disk ? device : line;
    result += '\n';
  }
  result.pop_back();
  return result;
}

std::string with_debconf_value(std::string_view database, std::string_view question, std::string_view value) {
  std::string result;
  bool here = false;
  for (std::string_view line : split(database, '\n')) {
    if (line.substr(0, 6) == "Name: ") here = line.substr(6) == question;
    bool replace = here && line.substr(0, 7) == "Value: " && line.size() > 7;
    result += replace ? "Value: " + std::string(value) : std::string(line);
    result += '\n';
  }
  result.pop_back();
  return result;
}

}  // namespace ka::agent
