#include "agent/bootable/loaders.h"

#include <algorithm>

#include "agent/bootable/boot_loader.h"
#include "agent/storage/unfinished.h"
#include "base/error.h"
#include "wire/boot/extlinux_place.h"
#include "wire/boot/lilo.h"
#include "wire/storage/storage.h"

namespace ka::agent {

namespace {

Awaitable<void> run_in_clone(Machine& machine, Log& log, const CloneTree& clone, Command command) {
  command.root = clone.root();
  log.line(" - Running " + command.text() + " in the clone");
  auto show = [&log](std::string_view line) { log.line(line); };
  co_await machine.run(command, show);
}

Awaitable<std::string> grub(Machine& machine, Log& log, LoaderPlace place) {
  correct_grub_names(place.clone, log, place.disk);
  GrubPlace where(place.clone, place.stage2, place.disk);
  co_return co_await install_grub(machine, log, where);
}

// It writes its second stage and, in front of the file system, the code that finds it by its blocks. The boot code of
// the disk is a file beside the program: it starts the partition that is marked as bootable.
Awaitable<std::string> extlinux(Machine& machine, Log& log, LoaderPlace place) {
  const std::string doing = "install extlinux on /dev/" + place.disk;
  auto exists = [&place](const std::string& path) { return place.clone.exists(path); };
  auto has_program = [&place](const std::string& name) { return place.clone.has_program(name); };
  const auto found = boot::find_extlinux(exists, has_program);
  if (!found || !found->program) throw Error(doing, "the clone has no extlinux, or no configuration of it");
  Command command({"extlinux", "--install", found->directory});
  co_await run_in_clone(machine, log, place.clone, command);
  const std::string& file = place.gpt ? found->gpt_code : found->dos_code;
  std::string code = place.clone.read(file).value_or("");
  if (code.empty() || code.size() > storage::boot_code_size)
    throw Error(doing, file.empty() ? "the clone has no boot code of it (mbr.bin, gptmbr.bin)"
                                    : file + " is no boot code: it has " + std::to_string(code.size()) + " bytes");
  code.resize(storage::boot_code_size, '\0');
  co_return code;
}

// lilo notes where the blocks of kernels and initrds lie, so nothing may be written to these any more.
Awaitable<std::string> lilo(Machine& machine, Log& log, LoaderPlace place) {
  const std::string device = "/dev/" + place.disk, file = "/etc/lilo.conf";
  const auto config = place.clone.read(file);
  if (!config || !place.clone.has_program("lilo"))
    throw Error("install LILO on " + device, "the clone has no lilo, or no " + file);
  place.clone.write(file, boot::with_lilo_boot(*config, device));
  Command command({"lilo"});
  co_await run_in_clone(machine, log, place.clone, command);
  co_return take_boot_code(machine, device, "lilo");
}

constexpr BiosLoader loaders[] = {
    {wire::BootLoader::Kind::grub, "grub-install", grub},
    {wire::BootLoader::Kind::extlinux, nullptr, extlinux},
    {wire::BootLoader::Kind::lilo, nullptr, lilo},
};

}  // namespace

const BiosLoader* bios_loader(wire::BootLoader::Kind kind) {
  auto same = [kind](const BiosLoader& loader) { return loader.kind == kind; };
  const BiosLoader* found = std::find_if(std::begin(loaders), std::end(loaders), same);
  return found == std::end(loaders) ? nullptr : found;
}

std::string take_boot_code(Machine& machine, const std::string& device, const std::string& program) {
  std::string code = machine.read_device(device, 0, storage::boot_code_size);
  machine.write_device(device, 0, unfinished_boot_code());
  if (code == unfinished_boot_code() || code.find_first_not_of('\0') == std::string::npos)
    throw Error("write the boot code of " + device, program + " ended well but wrote none");
  return code;
}

}  // namespace ka::agent
