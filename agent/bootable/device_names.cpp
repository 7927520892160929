#include "agent/bootable/device_names.h"

#include <fnmatch.h>

#include <algorithm>

#include "agent/bootable/subvolume_ids.h"
#include "base/text.h"
#include "wire/device_name.h"

namespace ka::agent {

namespace {

using wire::DeviceName;

std::string at_line(std::size_t number) { return "line " + std::to_string(number) + ": "; }

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

// "root" or "resume" if the text ends with that key, "=" and perhaps a quote: their values may be tags. Programs' files
// have them in capitals.
std::string tagged_key(std::string_view before, DeviceReader reader) {
  auto strip = [&before](std::string_view characters) {
    while (!before.empty() && characters.find(before.back()) != std::string_view::npos) before.remove_suffix(1);
  };
  strip(" \t\"'\\");  // lilo.conf has blanks around it
  if (!before.ends_with('=')) return "";
  before.remove_suffix(1);
  strip(" \t");
  auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.'; };
  auto begin = std::find_if_not(before.rbegin(), before.rend(), is_letter).base();
  std::string key(begin, before.end());
  if (reader == DeviceReader::program) key = lowered(key);
  return key == "root" || key == "resume" ? key : "";
}

// Whether the kernel of line `at` gets no initrd: its entry ends before one is named.
bool without_initrd(const std::vector<std::string_view>& lines, std::size_t at) {
  auto first_word = [](std::string_view line) {
    auto fields = words(line);
    return fields.empty() ? std::string() : lowered(fields[0]);
  };
  if (!first_word(lines[at]).starts_with("linux")) return false;
  for (std::size_t next = at + 1; next < lines.size(); ++next) {
    const std::string word = first_word(lines[next]);
    if (word == "}") return true;
    if (word.starts_with("initrd") || word.starts_with("linux")) return false;
  }
  return false;
}

// ---- fstab ----

// A device that the clone may not have and that its boot would wait for.
bool waited_for(const std::vector<std::string_view>& fields, const wire::Manifest& manifest) {
  std::string_view options = fields.size() > 3 ? fields[3] : "";
  for (std::string_view option : split(options, ','))
    if (option == "noauto" || option == "nofail") return false;
  const DeviceName device = wire::parse_device_name(unescape_octal(fields[0]));
  if (device.kind == DeviceName::Kind::other || device.value.starts_with("mapper/")) return false;
  return !wire::find_cloned(manifest, device);
}

// The one cloned file system that is mounted there, or the one swap space.
std::optional<StableName> used_as(const wire::Manifest& manifest, std::string_view mount_point, bool swap) {
  std::vector<const storage::Node*> found;
  if (swap) found = storage::all<storage::Swap>(manifest.storage);
  for (const wire::Mount& mount : manifest.mounts)
    if (!swap && mount.point == mount_point) found.push_back(&manifest.storage.at(mount.fs));
  if (found.size() != 1) return std::nullopt;
  StableName name;
  name.uuid = storage::rule(*found[0]).names(manifest.storage, *found[0]).uuid;
  return name.uuid.empty() ? std::nullopt : std::optional(name);
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
    {"/etc", "lilo.conf", program},
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

// An initrd of an unknown kind, or none: the names stay, and the log says what would be right.
void keep_as_warnings(Rewritten& rewritten) {
  for (const std::string& change : rewritten.changes)
    rewritten.warnings.push_back(change + " would be right, but the clone's initrd may not know it: kept");
  rewritten.changes.clear();
}

// GRUB reads its environment block as exactly 1024 bytes, filled up with "#".
constexpr std::size_t grub_environment_size = 1024;
const char* const grub_environments[] = {"/boot/grub/grubenv", "/boot/grub2/grubenv"};

void correct_grub_environment(CloneTree& clone, Log& log, const wire::Manifest& manifest, const std::string& file) {
  auto old = clone.read(file);
  if (!old || old->size() != grub_environment_size) return;
  const std::string filler = old->substr(old->find_last_not_of('#') + 1);
  Rewritten rewritten =
      rewrite_device_names(old->substr(0, old->size() - filler.size()), manifest, DeviceReader::boot_loader);
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

std::optional<StableName> stable_name(const wire::Manifest& manifest, std::string_view device) {
  auto cloned = wire::find_cloned(manifest, wire::parse_device_name(device));
  if (!cloned || cloned->device->on.empty()) return std::nullopt;  // none, or a whole disk
  StableName name;
  name.uuid = cloned->names.uuid;
  name.part_uuid = cloned->names.part_uuid;
  return name.uuid.empty() && name.part_uuid.empty() ? std::nullopt : std::optional(name);
}

Rewritten rewrite_fstab(std::string_view text, const wire::Manifest& manifest) {
  Rewritten result;
  std::size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    auto fields = words(line);
    bool entry = fields.size() >= 3 && fields[0][0] != '#';
    std::optional<StableName> found;
    if (entry && (names_disk(fields[0]) || names_place(fields[0]))) found = stable_name(manifest, fields[0]);
    if (entry && !found && names_place(fields[0]))
      found = used_as(manifest, unescape_octal(fields[1]), fields[2] == "swap");
    if (found) {
      auto at = static_cast<std::size_t>(fields[0].data() - line.data());
      result.changes.push_back(at_line(number) + std::string(fields[0]) + " is now " + found->tag());
      result.text += std::string(line.substr(0, at)) + found->tag() + std::string(line.substr(at + fields[0].size()));
    } else {
      result.text += line;
      if (entry && waited_for(fields, manifest))
        result.warnings.push_back(at_line(number) + std::string(fields[0]) + " (" + std::string(fields[1]) +
                                  ") is not cloned: without it the clone's boot may wait or stop there");
    }
    result.text += '\n';
  }
  result.text.pop_back();  // split gives one piece more than there are line ends
  return result;
}

namespace {

// One file, line by line and name by name.
class Rewriter {
 public:
  Rewriter(std::string_view text, const wire::Manifest& manifest, DeviceReader reader)
      : lines_(split(text, '\n')), manifest_(manifest), reader_(reader) {}

  Rewritten run() {
    for (number_ = 0; number_ < lines_.size(); ++number_) {
      if (number_ > 0) result_.text += '\n';
      std::string_view line = lines_[number_];
      if (is_comment(line)) {
        result_.text += line;
      } else {
        rewrite(line);
      }
    }
    return std::move(result_);
  }

 private:
  void rewrite(std::string_view line) {
    warn_of_tags(line);
    std::size_t done = 0;
    for (std::size_t at = 0; (at = line.find("/dev/", at)) != std::string_view::npos;) {
      auto end = std::find_if_not(line.begin() + static_cast<std::ptrdiff_t>(at), line.end(), is_device_character);
      std::string_view device(line.data() + at, static_cast<std::size_t>(end - line.begin()) - at);
      while (device.ends_with('\\')) device.remove_suffix(1);  // of \", not of udev's \x20
      bool begins = at == 0 || !is_device_character(line[at - 1]) || line[at - 1] == '=' || line[at - 1] == ':';
      std::string_view before = line.substr(0, at);
      std::string replacement = begins ? replaced(device, before) : "";
      if (!replacement.empty()) {
        result_.text += std::string(line.substr(done, at - done)) + replacement;
        done = at + device.size();
      }
      at += device.size();
    }
    result_.text += line.substr(done);
  }

  // root=UUID=… and the like of what stays behind.
  void warn_of_tags(std::string_view line) {
    for (std::size_t at = 0; (at = line.find('=', at)) != std::string_view::npos;) {
      std::string_view value = line.substr(++at);
      if (value.starts_with('"') || value.starts_with('\'')) value.remove_prefix(1);
      value = value.substr(0, value.find_first_of(" \t\"'\\"));
      const DeviceName name = wire::parse_device_name(value);
      bool tag = name.kind != DeviceName::Kind::other && name.kind != DeviceName::Kind::device && !names_place(value);
      if (tag && !tagged_key(line.substr(0, at), reader_).empty() && !wire::find_cloned(manifest_, name)) warn(value);
    }
  }

  void warn(std::string_view device) {
    result_.warnings.push_back(at_line(number_ + 1) + std::string(device) +
                               " is not cloned, or has no name that stays right; the clone may wait for it");
  }

  // The new name of `device`, cut to what of the word it was; empty: it stays.
  std::string replaced(std::string_view& device, std::string_view before) {
    if (!names_disk(device) && !names_place(device)) return "";
    auto found = stable_name(manifest_, device);
    // "cryptdevice=/dev/sda2:root": the colon belongs to a name only in by-path.
    for (std::string_view rest = device; !found && rest.find(':') != std::string_view::npos;) {
      rest = rest.substr(0, rest.rfind(':'));
      found = stable_name(manifest_, rest);
      if (found) device = rest;
    }
    const std::string key = tagged_key(before, reader_);
    if (!found && !key.empty() && names_place(device)) found = used_as(manifest_, "/", key == "resume");
    if (!found) {
      warn(device);
      return "";
    }
    bool kernel_only = reader_ == DeviceReader::boot_loader && without_initrd(lines_, number_);
    std::string name = key.empty() ? found->path() : kernel_only ? found->kernels_tag() : found->tag();
    result_.changes.push_back(at_line(number_ + 1) + std::string(device) + " is now " + name);
    return name;
  }

  std::vector<std::string_view> lines_;
  const wire::Manifest& manifest_;
  DeviceReader reader_;
  std::size_t number_ = 0;
  Rewritten result_;
};

}  // namespace

Rewritten rewrite_device_names(std::string_view text, const wire::Manifest& manifest, DeviceReader reader) {
  return Rewriter(text, manifest, reader).run();
}

std::vector<std::string> command_line_files(const CloneTree& clone) {
  std::vector<std::string> files;
  for (const Place& place : places)
    if (place.reader == DeviceReader::boot_loader)
      for (std::string& file : files_of(clone, place)) files.push_back(std::move(file));
  return files;
}

bool correct_device_names(CloneTree& clone, Log& log, const wire::Manifest& manifest) {
  if (auto fstab = clone.read("/etc/fstab")) {
    apply(clone, log, "/etc/fstab", rewrite_fstab(*fstab, manifest));
    apply(clone, log, "/etc/fstab", without_subvolume_ids(clone.read("/etc/fstab").value_or(""), manifest));
  } else {
    log.line(" - WARNING: the clone has no /etc/fstab");
  }
  bool initrd_knows_uuid = false, initrd_is_old = false;
  for (const char* maker : {"update-initramfs", "dracut", "mkinitcpio", "booster", "mkinitrd", "mkinitfs"})
    initrd_knows_uuid = initrd_knows_uuid || clone.has_program(maker);
  for (const Place& place : places) {
    for (const std::string& file : files_of(clone, place)) {
      Rewritten rewritten = rewrite_device_names(clone.read(file).value_or(""), manifest, place.reader);
      if (place.reader == DeviceReader::boot_loader && !initrd_knows_uuid) keep_as_warnings(rewritten);
      bool changed = apply(clone, log, file, rewritten);
      changed |= apply(clone, log, file, without_subvolume_ids(clone.read(file).value_or(""), manifest));
      initrd_is_old = initrd_is_old || (changed && place.in_initrd);
    }
  }
  if (initrd_knows_uuid)
    for (const char* file : grub_environments) correct_grub_environment(clone, log, manifest, file);
  return initrd_is_old;
}

}  // namespace ka::agent
