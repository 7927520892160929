#include "agent/clone/bootable_end.h"

#include <algorithm>

#include "agent/bootable/esp.h"
#include "agent/bootable/firmware.h"
#include "agent/bootable/loaders.h"
#include "agent/clone/before_write.h"
#include "agent/storage/unfinished.h"
#include "base/error.h"

namespace ka::agent {

Awaitable<void> BootableEnd::prepare() {
  for (const Target& target : work_.targets) {
    // Without a boot loader of its own a disk gets none, and certainly not the unfinished one.
    std::string code = storage::as<storage::Disk>(*target.golden).boot_code.substr(0, storage::boot_code_size);
    code.resize(storage::boot_code_size, '\0');
    boot_code_[target.disk.name] = code;
  }
  if (const auto& way = work_.manifest.boot.uefi)
    for (const storage::Id& esp : way->esps)
      add_removable_path(work_.clone, work_.log, file_systems_.mount_of(esp).point, *way);
  const BiosLoader* bios = bios_loader(work_.loader());
  if (!bios) {
    work_.log.line(work_.manifest.boot.uefi ? " - It starts by UEFI only: no boot code is installed"
                                            : " - No boot loader is installed");
    co_return;
  }
  work_.stage("installing the boot loader");
  // Of a mirror any leg may be the one that is left.
  std::vector<storage::Id> disks = {work_.manifest.boot_loader->disk};
  if (work_.manifest.boot.bios) disks = work_.manifest.boot.bios->disks;
  for (const storage::Id& golden : disks) {
    const std::string& disk = disk_here(golden);
    const storage::Storage& storage = work_.manifest.storage;
    const storage::Node* table = storage::table_on(storage, storage.at(golden));
    LoaderPlace where{work_.clone, work_.stage2, disk,
                      table && storage::as<storage::Table>(*table).label == storage::Label::gpt};
    boot_code_[disk] = co_await bios->install(work_.machine, work_.log, where);
  }
}

Awaitable<void> BootableEnd::write() {
  const std::string no_entry = write_nvram();
  for (const wire::Mount& mount : work_.manifest.mounts) {
    const storage::Node& fs = work_.manifest.storage.at(mount.fs);
    if (!maker(fs).staged) continue;
    const auto& way = work_.manifest.boot.uefi;
    const bool esp = way && std::find(way->esps.begin(), way->esps.end(), mount.fs) != way->esps.end();
    Staged::Look before = [this, &way, &mount, esp, &no_entry](const std::string& top) {
      if (esp && !no_entry.empty()) start_without_fallback(work_.machine, work_.log, top, mount.point, *way);
    };
    Staged::Look after = [&way, &mount, esp](const std::string& top) {
      if (esp) check_programs(top, mount.point, *way);
    };
    const std::string type = file_systems_.type_of(mount), data = maker(fs).mount_data(fs, mount.options, false);
    co_await work_.staged.finish(work_.build.device(mount.fs), type, data, before, after);
    co_await file_systems_.check_unmounted(mount.fs);
  }
  work_.build.check_whole();
  co_await work_.build.stop();
  write_boot_code();
}

void BootableEnd::leave_unbootable() {
  for (const std::string& device : work_.changed) {
    try {
      work_.machine.write_device(device, 0, unfinished_boot_code());
    } catch (const std::exception& error) {
      work_.log.line(std::string(" - ") + error.what());
    }
  }
}

const std::string& BootableEnd::disk_here(const std::string& golden) const {
  auto same = [&golden](const Target& target) { return target.golden->id == golden; };
  return std::find_if(work_.targets.begin(), work_.targets.end(), same)->disk.name;
}

// "", or why the firmware has no entry for the clone. By BIOS it needs none.
std::string BootableEnd::write_nvram() {
  if (!work_.manifest.boot.uefi) return "";
  std::vector<boot::LoadOption> entries;
  for (const boot::Entry& entry : work_.manifest.boot.uefi->entries)
    for (const boot::HardDrive& drive : work_.build.hard_drives(entry.esp))
      entries.push_back({true, entry.label, drive, entry.path, entry.arguments});
  std::string why = "this machine started by BIOS";
  if (is_uefi(work_))
    why = write_boot_entries(work_.machine, work_.log, efi_folder(work_), entries, work_.manifest.boot.order);
  if (!why.empty() && is_uefi(work_) && work_.manifest.boot.uefi->needs_its_entry())
    throw Error("write the clone's entry into the firmware's boot menu",
                why + "; nothing else says with which command line its kernel starts");
  if (!why.empty())
    work_.log.line(" - No boot entry was written: " + why + ". By UEFI the clone starts by \\EFI\\BOOT\\BOOTX64.EFI");
  return why;
}

void BootableEnd::write_boot_code() {
  for (const auto& [disk, code] : boot_code_) {
    work_.machine.claim_disk("/dev/" + disk);  // fails if anything of it is still mounted, seen from wherever
    work_.machine.write_device("/dev/" + disk, 0, code);
    if (work_.machine.read_device("/dev/" + disk, 0, storage::boot_code_size) != code)
      throw Error("write the boot code of /dev/" + disk, "what is read back is not what was written");
  }
}

}  // namespace ka::agent
