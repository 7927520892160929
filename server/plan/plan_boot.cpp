// How the clones start: boot loader, modules of the initrd, and which disk is which.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "server/golden/paths.h"
#include "server/plan/plan_draft.h"

namespace ka::server {

namespace {

// All that hold the files a boot loader needs: of a mirror each leg is to start by itself.
std::vector<std::string> boot_drives(const PlanDraft& draft) {
  std::vector<std::string> drives;
  for (const auto& [name, mount] : draft.mounted) {
    if (mount->point == "/boot" || (mount->point == "/" && drives.empty()))
      drives = drives_below(draft.golden, *draft.device(name));
  }
  return drives;
}

std::string boot_drive(const PlanDraft& draft) {
  const std::vector<std::string> drives = boot_drives(draft);
  return drives.empty() ? "" : drives.front();
}

std::string found_loader(const PlanDraft& draft, const std::string& drive) {
  if (draft.boot_code.count(drive)) return "none";
  const GoldenBoot& boot = draft.golden.boot;
  bool grub = boot.grub || boot.grub_program || boot.grub_legacy;
  if (grub) return "grub";
  return boot.extlinux ? "extlinux" : boot.lilo && boot.lilo_conf ? "lilo" : "none";
}

// On a DOS disk it lies in front of the first partition; a GPT has a partition for it; a disk without a table none.
bool has_place_for_grub(const storage::Storage& storage, const std::string& drive) {
  const storage::Node* disk = storage.find(drive);
  const storage::Node* table = disk ? storage::table_on(storage, *disk) : nullptr;
  // All of it is a leg of an array, or a physical volume.
  if (disk && !table && storage::content_of(storage, *disk)) return false;
  if (!table || storage::as<storage::Table>(*table).label != storage::Label::gpt) return true;
  for (const storage::Node* p : storage.on(table->id))
    if (storage::as<storage::Partition>(*p).type == storage::bios_boot_guid) return true;
  return false;
}

// A machine that starts by UEFI need not be able to start by BIOS, too.
bool can_start_by_bios(const PlanDraft& draft, const std::string& drive) {
  const auto& grub = draft.golden.boot.grub;
  const bool has_files = grub && (grub->complete() || (!draft.golden.uefi && grub->stage2_fits()));
  return has_files && has_place_for_grub(draft.plan.manifest.storage, drive);
}

// Whatever the end of a clone needs of GRUB is asked for now. `no_uefi`: why they cannot start by UEFI.
void check_grub(PlanDraft& draft, const std::string& drive, const std::string& no_uefi) {
  const GoldenBoot& boot = draft.golden.boot;
  if (draft.boot_code.count(drive))
    draft.refuse("-r grub and -m/-M both write the boot code of " + drive + "; give one of them");
  if (!boot.grub && boot.grub_legacy) {
    draft.refuse(
        "this machine starts by GRUB legacy (menu.lst), which cannot be set up on clones; install GRUB 2 here, or give "
        "-r none and make the clones start by a script in --hooks");
  } else if (!boot.grub) {
    draft.refuse(
        "there is no grub.cfg in /boot/grub or /boot/grub2: the clones would not start; update-grub or grub2-mkconfig "
        "writes one, -r none clones without a boot loader");
  } else if (!boot.grub->complete() && !boot.grub->stage2_fits()) {
    draft.refuse(
        "GRUB's configuration is in " + boot.grub->directory + ", but " +
        (boot.grub->program.empty() ? "grub2-install" : "the files of GRUB for BIOS machines (i386-pc)") +
        " cannot be found here, and stage2 has nothing for that place; install grub2-pc and grub2-pc-modules " +
        "(Fedora, RHEL) or grub2-i386-pc (SUSE)");
  }
  if (!has_place_for_grub(draft.plan.manifest.storage, drive))
    draft.refuse(drive + " has a GPT without a BIOS boot partition, which GRUB needs there on BIOS machines; a desc " +
                 "with the line \"bios 1\" makes one on the clones (-p " + drive + " FILE)" +
                 (no_uefi.empty() ? "" : "; and by UEFI they do not start: " + no_uefi));
  if (draft.golden.uefi) draft.warn("this machine was booted by UEFI; the clones are made to boot by BIOS: " + no_uefi);
}

// The boot code of its disk starts the partition that is marked, and extlinux is on the one with its folder.
void check_extlinux(PlanDraft& draft, const std::string& drive) {
  const auto& extlinux = draft.golden.boot.extlinux;
  const storage::Storage& storage = draft.plan.manifest.storage;
  if (!extlinux || !extlinux->program) {
    draft.refuse(extlinux
                     ? "the program extlinux is not here, with which " + extlinux->directory + " is set up; install it"
                     : "there is no configuration of extlinux, such as /boot/extlinux/extlinux.conf");
    return;
  }
  const storage::Node* table = storage.find(drive) ? storage::table_on(storage, storage.at(drive)) : nullptr;
  const bool gpt = table && storage::as<storage::Table>(*table).label == storage::Label::gpt;
  if ((gpt ? extlinux->gpt_code : extlinux->dos_code).empty())
    draft.refuse(std::string("the boot code that goes with extlinux is not here (") + (gpt ? "gptmbr.bin" : "mbr.bin") +
                 "); install syslinux-common (Debian), syslinux (others)");
  const wire::Mount* holder = nullptr;
  for (const wire::Mount& mount : draft.plan.manifest.mounts)
    if (lies_in(extlinux->directory, mount.point) && (!holder || mount.point.size() > holder->point.size()))
      holder = &mount;
  const storage::Node* device = holder ? storage.find(storage.at(holder->fs).on.front()) : nullptr;
  const auto* partition = storage::get<storage::Partition>(device);
  constexpr std::uint64_t legacy_boot = 4;
  if (partition && !(gpt ? (partition->attributes & legacy_boot) != 0 : partition->active))
    draft.refuse("extlinux is on " + device->id + ", which is not marked as " +
                 (gpt ? "LegacyBIOSBootable" : "bootable") + " in the partition table: no BIOS would start it");
}

void check_lilo(PlanDraft& draft) {
  if (!draft.golden.boot.lilo || !draft.golden.boot.lilo_conf)
    draft.refuse("there is no " + std::string(draft.golden.boot.lilo ? "/etc/lilo.conf" : "program lilo") +
                 " here; -r grub installs GRUB, -r none nothing");
}

// Loaders whose files cannot be followed, by their names.
void name_strange_loader(PlanDraft& draft) {
  static const std::pair<const char*, const char*> strange[] = {{"/boot/limine.conf", "Limine"},
                                                                {"/boot/limine.cfg", "Limine"},
                                                                {"/boot/limine/limine.conf", "Limine"},
                                                                {"/boot/burg/burg.cfg", "BURG"}};
  for (const auto& [file, name] : strange)
    if (draft.golden.files.size(file))
      draft.refuse(std::string("this machine starts by ") + name + " (" + file +
                   "), which cannot be set up on clones; " +
                   "install GRUB 2 here, or give -r none and make the clones start by a script in --hooks");
}

// A module may be written with - or _; the kernel takes both for one.
std::string module_name(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

void add_modules(PlanDraft& draft, wire::BootLoader& loader, const std::vector<std::string_view>& asked) {
  constexpr std::string_view with = "--with=";
  for (std::size_t i = 1; i < asked.size(); ++i) {
    if (asked[i].substr(0, with.size()) != with || asked[i].size() == with.size()) {
      draft.refuse("-r: \"" + escape_bytes(asked[i]) + "\" is not understood; --with=MODULE is");
      continue;
    }
    std::string module(asked[i].substr(with.size()));
    if (draft.golden.modules.count(module_name(module)))
      loader.modules.push_back(module);
    else
      draft.not_there("boot-loader", draft.options.boot_loader,
                      "-r --with=" + escape_bytes(module) + ": no kernel here has such a module");
  }
}

// What can start the clones; without a boot loader of its own, what is copied may start by BIOS.
void add_firmware(PlanDraft& draft, const wire::BootLoader& loader) {
  wire::Manifest& manifest = draft.plan.manifest;
  const bool grub = loader.kind == wire::BootLoader::Kind::grub;
  auto& firmware = manifest.firmware;
  if (grub) {
    manifest.boot.bios = boot::BiosWay{boot::BiosWay::Loader::grub, {loader.disk}, "/boot/grub"};
    for (const std::string& drive : boot_drives(draft))
      if (drive != loader.disk && has_place_for_grub(manifest.storage, drive))
        manifest.boot.bios->disks.push_back(drive);
  }
  if (grub && draft.golden.boot.grub) manifest.boot.bios->directory = draft.golden.boot.grub->directory;
  if (!manifest.boot.uefi) return;
  if (grub || draft.boot_code.count(loader.disk))
    firmware = {"bios", "uefi"};
  else
    firmware = {"uefi"};
}

}  // namespace

void add_boot_loader(PlanDraft& draft) {
  wire::BootLoader loader;
  loader.disk = boot_drive(draft);
  auto asked = words(draft.options.boot_loader);
  std::string kind = asked.empty() ? found_loader(draft, loader.disk) : std::string(asked.front());
  if (kind == "grub2") kind = "grub";
  const auto* known = std::find(std::begin(wire::loader_names), std::end(wire::loader_names), kind);
  if (known == std::end(wire::loader_names)) {
    draft.refuse("-r: no boot loader \"" + escape_bytes(kind) + "\"; grub, extlinux, lilo and none are known");
    known = wire::loader_names;
  }
  add_modules(draft, loader, asked);
  loader.kind = static_cast<wire::BootLoader::Kind>(known - wire::loader_names);
  const std::string no_uefi = add_uefi_way(draft);
  const bool uefi = draft.plan.manifest.boot.uefi.has_value();
  if (asked.empty() && kind == "none" && !uefi && !draft.boot_code.count(loader.disk)) name_strange_loader(draft);
  if (uefi && kind == "grub" && !can_start_by_bios(draft, loader.disk)) {
    kind = "none";
    loader.kind = wire::BootLoader::Kind::none;
  }
  if (kind == "extlinux") check_extlinux(draft, loader.disk);
  if (kind == "lilo") check_lilo(draft);
  if (kind == "grub" && !uefi) check_grub(draft, loader.disk, no_uefi);
  add_firmware(draft, loader);
  if (kind == "none" && !uefi && !draft.boot_code.count(loader.disk))
    draft.warn("no boot loader: the clones cannot boot from " + loader.disk + " by themselves");
  draft.plan.manifest.boot_loader = std::move(loader);
}

void add_targets(PlanDraft& draft) {
  std::set<std::string> ruled;
  for (const std::string& rule : draft.options.targets) {
    std::size_t equals = std::min(rule.find('='), rule.size());
    std::string disk(plain_name(std::string_view(rule).substr(0, equals)));
    std::string selector = rule.substr(std::min(equals + 1, rule.size()));
    std::string kind = selector.substr(0, selector.find(':'));
    bool known = kind == "name" || kind == "serial" || kind == "wwn" || kind == "path";
    if (!known || selector.size() <= kind.size() + 1) {
      draft.refuse("--target " + rule +
                   ": expected DRIVE=SELECTOR, and as SELECTOR name:, serial:, wwn: or path: and " +
                   "what follows there, such as sda=path:pci-0000:00:1f.2-ata-1");
    } else if (!draft.drives.count(disk)) {
      draft.not_there(
          "target", rule,
          "--target " + rule + ": no drive " + disk + " is cloned; expected DRIVE=SELECTOR " + "with one that is");
    } else if (!ruled.insert(disk).second) {
      draft.refuse("--target " + rule + ": a second rule for " + disk);
    } else {
      draft.plan.manifest.targets.push_back({disk, selector});
    }
  }
}

}  // namespace ka::server
