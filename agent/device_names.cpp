#include "agent/device_names.h"

#include <fnmatch.h>

#include <algorithm>
#include <cstdio>

#include "agent/disks.h"
#include "base/text.h"

namespace ka::agent {

namespace {

using wire::Disk;
using wire::FileSystem;

// ---- Words of a line ----

bool is_device_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("/-_.:+@#=\\").find(c) != std::string_view::npos;
}

bool names_place(std::string_view device) {
  return device.starts_with("/dev/disk/by-id/") || device.starts_with("/dev/disk/by-path/");
}

// A disk or partition by the kernel's own name: sda1, vda, xvda1, hda, nvme0n1p2, mmcblk0p1.
bool names_disk(std::string_view device) {
  for (std::string_view kind : {"/dev/sd", "/dev/hd", "/dev/vd", "/dev/xvd", "/dev/nvme", "/dev/mmcblk"})
    if (device.starts_with(kind) && device.size() > kind.size()) return true;
  return false;
}

bool is_comment(std::string_view line) {
  line = trim(line);
  return line.starts_with('#');
}

// "…-part5" gives 5.
int part_suffix(std::string_view device) {
  auto at = device.rfind("-part");
  if (at == std::string_view::npos) return 0;
  return static_cast<int>(parse_unsigned(device.substr(at + 5)).value_or(0));
}

// The keys whose values may be a tag.
bool takes_tag(std::string_view before, DeviceReader reader) {
  while (!before.empty() && (before.back() == '"' || before.back() == '\'' || before.back() == '\\'))
    before.remove_suffix(1);
  auto names = reader == DeviceReader::boot_loader ? std::initializer_list<std::string_view>{"root=", "resume="}
                                                   : std::initializer_list<std::string_view>{"root=", "resume=",
                                                                                             "RESUME=", "ROOT="};
  for (std::string_view key : names) {
    if (!before.ends_with(key)) continue;
    auto rest = before.substr(0, before.size() - key.size());
    if (rest.empty() || !is_device_character(rest.back())) return true;
  }
  return false;
}

// GRUB's own "set root='hd0,msdos1'" and its kin name no device of the kernel's.
bool sets_grub_root(std::string_view line) { return trim(line).starts_with("set root="); }

// Whether the kernel of line `at` gets no initrd: none is named before the next kernel, or before its entry ends.
bool without_initrd(const std::vector<std::string_view>& lines, std::size_t at) {
  auto first_word = [](std::string_view line) {
    auto fields = words(line);
    return fields.empty() ? std::string() : lowered(fields[0]);
  };
  if (!first_word(lines[at]).starts_with("linux")) return false;
  if (lines[at].find("initrd=") != std::string_view::npos) return false;
  for (std::size_t next = at + 1; next < lines.size(); ++next) {
    const std::string word = first_word(lines[next]);
    if (word.starts_with("initrd")) return false;
    if (word == "}" || word.starts_with("linux") || word == "menuentry") break;
  }
  return true;
}

std::string at_line(std::size_t number) { return "line " + std::to_string(number) + ": "; }

// ---- fstab ----

// fstab(5): blanks in a field are \040 and the like.
std::string unescape_field(std::string_view field) {
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    auto code = field[i] == '\\' && i + 4 <= field.size() ? parse_unsigned(field.substr(i + 1, 3), 8) : std::nullopt;
    text += code ? static_cast<char>(*code) : field[i];
    if (code) i += 3;
  }
  return text;
}

// A device that the clone may not have and that its boot would wait for.
bool waited_for(const std::vector<std::string_view>& fields, const DeviceNames& names) {
  std::string_view options = fields.size() > 3 ? fields[3] : "";
  for (std::string_view option : split(options, ','))
    if (option == "noauto" || option == "nofail") return false;
  bool device = fields[0].starts_with("/dev/") && !fields[0].starts_with("/dev/mapper/");
  return device ? !names.is_cloned(fields[0]) : !names.is_cloned(fields[0]);
}

// ---- Where names are ----

struct Place {
  const char *directory, *pattern;
  DeviceReader reader;
  bool in_initrd = false;
};

constexpr DeviceReader boot = DeviceReader::boot_loader, program = DeviceReader::program;

const Place places[] = {
    {"/boot/grub", "grub.cfg", boot},
    {"/boot/grub2", "grub.cfg", boot},
    {"/boot/grub", "custom.cfg", boot},
    {"/boot/grub2", "custom.cfg", boot},
    {"/boot/grub2", "user.cfg", boot},
    {"/boot/grub", "menu.lst", boot},
    {"/boot/grub", "grub.conf", boot},
    {"/boot/loader/entries", "*.conf", boot},
    {"/efi/loader/entries", "*.conf", boot},
    {"/boot/efi/loader/entries", "*.conf", boot},
    {"/boot/extlinux", "*.conf", boot},
    {"/boot/syslinux", "*.cfg", boot},
    {"/boot", "extlinux.conf", boot},
    {"/boot", "syslinux.cfg", boot},
    {"/etc/default", "grub", boot},
    {"/etc/default/grub.d", "*.cfg", boot},
    {"/etc/default", "extlinux", boot},
    {"/etc/default", "u-boot", boot},
    {"/etc/grub.d", "[0-9]*custom*", boot},
    {"/etc/kernel", "cmdline", boot},
    {"/usr/lib/kernel", "cmdline", boot},
    {"/etc/cmdline.d", "*.conf", boot},
    {"/etc/initramfs-tools/conf.d", "*", program, true},
    {"/etc/initramfs-tools", "initramfs.conf", program, true},
    {"/etc", "crypttab", program, true},
    {"/etc", "dracut.conf", program, true},
    {"/etc/dracut.conf.d", "*.conf", program, true},
    {"/etc", "mkinitcpio.conf", program, true},
    {"/etc/mkinitcpio.conf.d", "*.conf", program, true},
    {"/etc", "uswsusp.conf", program, true},
    {"/etc", "suspend.conf", program},
    {"/etc", "kdump.conf", program},
    {"/etc/systemd/system", "*.mount", program},
    {"/etc/systemd/system", "*.swap", program},
};

std::vector<std::string> files_of(const CloneTree& clone, const Place& place) {
  std::vector<std::string> files;
  const std::string directory = place.directory;
  for (const std::string& name : clone.list(directory)) {
    const std::string path = directory + "/" + name;
    if (::fnmatch(place.pattern, name.c_str(), 0) == 0 && !clone.is_directory(path)) files.push_back(path);
  }
  return files;
}

// GRUB reads its environment block as exactly 1024 bytes, filled up with "#".
constexpr std::size_t grub_environment_size = 1024;
const char* const grub_environments[] = {"/boot/grub/grubenv", "/boot/grub2/grubenv"};

void correct_grub_environment(CloneTree& clone, Log& log, const DeviceNames& names, const std::string& file) {
  auto old = clone.read(file);
  if (!old || old->size() != grub_environment_size) return;
  const std::string filler = old->substr(old->find_last_not_of('#') + 1);
  Rewritten rewritten =
      rewrite_device_names(old->substr(0, old->size() - filler.size()), names, DeviceReader::boot_loader);
  if (rewritten.text.size() > grub_environment_size) {
    rewritten.warnings.push_back("it has no room for \"" + rewritten.changes.front() + "\"");
    rewritten.changes.clear();
  }
  rewritten.text.resize(grub_environment_size, '#');
  apply(clone, log, file, rewritten);
}

}  // namespace

std::string StableName::tag() const { return uuid.empty() ? kernels_tag() : "UUID=" + uuid; }
std::string StableName::kernels_tag() const { return part_uuid.empty() ? tag() : "PARTUUID=" + part_uuid; }
std::string StableName::path() const {
  return uuid.empty() ? "/dev/disk/by-partuuid/" + part_uuid : "/dev/disk/by-uuid/" + uuid;
}

std::optional<StableName> DeviceNames::name_of(const Disk& disk, int number) const {
  StableName name;
  for (const FileSystem& f : manifest_.file_systems)
    if (f.disk == disk.name && f.partition == number) name.uuid = f.uuid;
  auto same = [number](const wire::Partition& p) { return p.number == number; };
  if (disk.identifier != 0 && std::any_of(disk.partitions.begin(), disk.partitions.end(), same)) {
    char text[24];
    std::snprintf(text, sizeof text, "%08x-%02x", static_cast<unsigned>(disk.identifier),
                  static_cast<unsigned>(number));
    name.part_uuid = text;
  }
  return name.uuid.empty() && name.part_uuid.empty() ? std::nullopt : std::optional(name);
}

std::optional<StableName> DeviceNames::find(std::string_view device) const {
  for (const Disk& disk : manifest_.disks) {
    for (const wire::Partition& p : disk.partitions)
      if (p.kind != wire::Partition::Kind::extended && device == "/dev/" + partition_name(disk.name, p.number))
        return name_of(disk, p.number);
    int number = names_place(device) ? part_suffix(device) : 0;
    if (number == 0) continue;
    std::string_view link = device.substr(5, device.rfind("-part") - 5);
    if (std::find(disk.links.begin(), disk.links.end(), link) != disk.links.end()) return name_of(disk, number);
  }
  return std::nullopt;
}

std::optional<StableName> DeviceNames::used_as(std::string_view mount_point, std::string_view type) const {
  const FileSystem* found = nullptr;
  for (const FileSystem& f : manifest_.file_systems) {
    if (type == "swap" ? f.type != "swap" : f.mount_point != mount_point) continue;
    if (found) return std::nullopt;
    found = &f;
  }
  if (!found || found->uuid.empty()) return std::nullopt;
  StableName name;
  name.uuid = found->uuid;
  return name;
}

}  // namespace ka::agent
