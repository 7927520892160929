#include "agent/clone/before_write.h"

#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "agent/bootable/firmware.h"
#include "agent/bootable/loaders.h"
#include "agent/clone/file_systems.h"
#include "agent/storage/disk_contents.h"
#include "agent/storage/disks.h"
#include "agent/storage/strangers.h"
#include "base/efi_variable.h"
#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "wire/degraded.h"

namespace ka::agent {

namespace {

// What the firmware starts a system by shows in how it started this one.
void check_firmware(const Work& work) {
  const std::string mine = is_uefi(work) ? "uefi" : "bios";
  const auto& fitting = work.manifest.firmware;
  if (std::find(fitting.begin(), fitting.end(), mine) != fitting.end()) return;
  throw Error("be a clone of " + work.manifest.golden_host,
              mine == "uefi" ? "this machine started by UEFI, and what the golden machine sends starts by BIOS only; "
                               "switch the firmware of this machine to legacy (BIOS, CSM) boot"
                             : "this machine started by BIOS, and what the golden machine sends starts by UEFI only; "
                               "switch the firmware of this machine to UEFI boot");
}

// Its variables, and what they say of the golden machine's programs. A machine without any (they may be switched off)
// starts its clone all the same.
Awaitable<void> look_at_firmware(Work& work) {
  if (!is_uefi(work) || !work.manifest.boot.uefi) co_return;
  if (list_directory(efi_folder(work)).empty()) {
    try {
      std::string alias = "fs-efivarfs";
      co_await work.context.load_module(alias);
      work.machine.mount("efivarfs", efi_folder(work), "efivarfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
    } catch (const Error& error) {
      // The golden kernel's command line is in its entry, and where none can be written, no clone starts.
      if (work.manifest.boot.uefi->needs_its_entry()) throw;
      work.log.line(std::string(" - The firmware's variables cannot be seen: ") + error.what());
    }
  }
  check_secure_boot(work.log, efi_folder(work), work.manifest.boot.uefi->chain);
}

// From here on the golden machine never had them.
void leave_out_missing_disks(Work& work) {
  std::set<storage::Id> missing;
  for (const storage::Node* golden : storage::all<storage::Disk>(work.manifest.storage)) missing.insert(golden->id);
  std::vector<storage::Id> here;
  for (const Target& target : work.targets) {
    here.push_back(target.golden->id);
    missing.erase(target.golden->id);
  }
  for (const storage::Id& disk : missing) work.missing.push_back({disk, wire::arrays_on(work.manifest.storage, disk)});
  wire::leave_out(work.manifest, missing);
  for (MissingDisk& disk : work.missing)
    for (std::string& array : disk.arrays) {
      const auto* left = storage::get<storage::Raid>(work.manifest.storage.find(array));
      if (!left) array += " (not made)";
      if (left && left->empty_slots.empty()) array += " (only a spare)";
    }
  for (std::size_t i = 0; i < here.size(); ++i) work.targets[i].golden = &work.manifest.storage.at(here[i]);
}

Awaitable<void> choose_disks(Work& work, const std::vector<MachineDisk>& disks) {
  TargetQuestion question{work.manifest, disks, work.context.target_rules, work.context.booted_by_network,
                          work.drivers.doubts};
  work.targets = choose_targets(question);
  leave_out_missing_disks(work);
  for (const Target& target : work.targets)
    work.log.line(" - The golden " + target.golden->id + " goes to " + target.disk.text());
  for (const MissingDisk& disk : work.missing)
    work.log.line(" - No disk here takes the place of the golden " + disk.golden);
  for (const std::string& line : wire::degraded_text(work.manifest.storage)) work.log.line(" - Degraded: " + line);
  const std::string name = work.host_name();
  co_await work.build.place(work.targets, name);
}

Awaitable<void> look_at_other_disks(Work& work, std::vector<MachineDisk> disks) {
  std::erase_if(disks, [&work](const MachineDisk& disk) {
    auto taken = [&disk](const Target& target) { return target.disk.name == disk.name; };
    return std::any_of(work.targets.begin(), work.targets.end(), taken);
  });
  if (disks.empty()) co_return;
  work.stage("looking at the other disks");
  StrangerQuestion question{work.manifest.storage, std::move(disks), work.context.sysfs, work.context.stage2_root,
                            work.kernel_log};
  co_await refuse_strangers(work.machine, work.log, std::move(question));
}

void check_programs(Work& work) {
  std::vector<std::string> programs = work.build.programs();
  for (const char* reader : {"dd", "blkid", "wipefs"}) programs.emplace_back(reader);
  programs.emplace_back("tar");
  if (!work.manifest.tar_compression.empty()) programs.push_back(work.manifest.tar_compression);
  if (const BiosLoader* bios = bios_loader(work.loader()); bios && bios->program) programs.push_back(bios->program);
  for (const std::string& program : programs)
    if (!work.stage2.has_program(program)) throw Error("look for programs in stage2", "there is no " + program);
}

void check_same(const Work& work, const MachineDisk& chosen, const DeviceFacts& facts) {
  auto now = disk_by_number(work.context.sysfs, work.context.procfs, facts.number());
  std::string difference;
  if (!now || now->name != chosen.name)
    difference = "it has another number";
  else if (facts.size != chosen.size || now->size != chosen.size)
    difference = "it has another size";
  else if (facts.sector_size != chosen.sector_size)
    difference = "it has another sector size";
  else if (now->serial != chosen.serial || now->wwn != chosen.wwn)
    difference = "it has another serial number";
  if (!difference.empty())
    throw Error("open " + chosen.text(), "what /dev/" + chosen.name + " is now is not what was chosen: " + difference +
                                             "; was a disk changed just now?");
}

void claim(Work& work, const MachineDisk& chosen) {
  const DeviceFacts facts = work.machine.claim_disk("/dev/" + chosen.name);
  check_same(work, chosen, facts);
}

}  // namespace

Awaitable<void> check_everything(Work& work, FileSystems& file_systems) {
  work.stage("checking");
  try {
    // What needs no disk comes first: drivers may still be looking for them.
    check_firmware(work);
    check_programs(work);
    co_await file_systems.load_modules();
    co_await look_at_firmware(work);
    work.drivers = co_await work.context.settle_drivers();
    const std::vector<MachineDisk> disks = read_disks(work.context.sysfs, work.context.procfs);
    co_await choose_disks(work, disks);
    co_await work.build.check_contents();
    co_await look_at_other_disks(work, disks);
  } catch (const Error& error) {
    throw Error(std::string(error.what()) + ". Nothing was written");
  }
}

void claim_disks(Work& work) {
  try {
    for (const Target& target : work.targets) {
      claim(work, target.disk);
      // Whoever would take it over another way finds it taken, to the end.
      for (const MachineDisk& again : target.disk.other_paths) claim(work, again);
    }
  } catch (const Error& error) {
    throw Error(std::string(error.what()) + ". Nothing was written");
  }
}

Awaitable<std::vector<wire::DevicePassphrase>> ask_to_write(Work& work) {
  std::vector<wire::DevicePassphrase> passphrases;
  std::vector<wire::DiskOffer> offers;
  for (const Target& target : work.targets) {
    wire::DiskOffer offer;
    offer.golden = target.golden->id;
    offer.name = target.disk.name;
    offer.model = target.disk.model;
    offer.serial = target.disk.serial;
    offer.size = target.disk.size;
    offer.contents = co_await contents_of(work.machine, work.context.stage2_root, target.disk.name);
    work.log.line(" - On " + offer.name + " now: " + offer.contents);
    offers.push_back(std::move(offer));
  }
  for (const MissingDisk& disk : work.missing) {
    wire::DiskOffer none;
    none.golden = disk.golden;
    none.contents = joined(disk.arrays, ", ");
    offers.push_back(std::move(none));
  }
  for (const std::string& line : work.build.text()) work.log.line("   " + line);
  work.stage("ready to write");
  try {
    passphrases = co_await work.context.link.ask_to_write(std::move(offers));
  } catch (const PutOut&) {
    throw;
  } catch (const ServerLost&) {
    throw;
  } catch (const Error& error) {
    throw Error(std::string(error.what()) + ". Nothing was written");
  }
  work.log.line("The KA server says yes: writing");
  co_return passphrases;
}

bool is_uefi(const Work& work) { return ::access((work.context.sysfs + "/firmware/efi").c_str(), F_OK) == 0; }

// Stage2 has this /sys in it, as it was when stage2 was mounted.
std::string efi_folder(const Work& work) { return work.context.stage2_root + efi_variables; }

}  // namespace ka::agent
