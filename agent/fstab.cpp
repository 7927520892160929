#include "agent/fstab.h"

#include <algorithm>

#include "agent/disks.h"
#include "base/text.h"

namespace ka::agent {

namespace {

using wire::FileSystem;

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

// The cloned file system that the golden node calls `device`, if it has a UUID to be called by.
const FileSystem* by_device(std::string_view device, const std::vector<FileSystem>& file_systems) {
  for (const FileSystem& f : file_systems)
    if (device == "/dev/" + partition_name(f.disk, f.partition)) return f.uuid.empty() ? nullptr : &f;
  return nullptr;
}

const FileSystem* by_use(std::string_view mount_point, std::string_view type,
                         const std::vector<FileSystem>& file_systems) {
  std::vector<const FileSystem*> found;
  for (const FileSystem& f : file_systems)
    if (type == "swap" ? f.type == "swap" : f.mount_point == mount_point) found.push_back(&f);
  return found.size() == 1 && !found[0]->uuid.empty() ? found[0] : nullptr;
}

bool names_hardware(std::string_view device) {
  return starts_with(device, "/dev/disk/by-id/") || starts_with(device, "/dev/disk/by-path/");
}

bool has_uuid(std::string_view device, const std::vector<FileSystem>& file_systems) {
  std::string_view uuid = device.substr(device.find('=') + 1);
  if (uuid.size() >= 2 && uuid.front() == '"' && uuid.back() == '"') uuid = uuid.substr(1, uuid.size() - 2);
  return std::any_of(file_systems.begin(), file_systems.end(), [uuid](const FileSystem& f) { return f.uuid == uuid; });
}

// A device that the clone may not have and that its boot would wait for.
bool waited_for(const std::vector<std::string_view>& fields, const std::vector<FileSystem>& file_systems) {
  bool device = starts_with(fields[0], "/dev/") && !starts_with(fields[0], "/dev/mapper/");
  bool strange_uuid = starts_with(fields[0], "UUID=") && !has_uuid(fields[0], file_systems);
  std::string_view options = fields.size() > 3 ? fields[3] : "";
  for (std::string_view option : split(options, ','))
    if (option == "noauto" || option == "nofail") return false;
  return device || strange_uuid;
}

}  // namespace

Rewritten rewrite_fstab(std::string_view text, const std::vector<FileSystem>& file_systems) {
  Rewritten result;
  for (std::string_view line : split(text, '\n')) {
    auto fields = words(line);
    bool entry = fields.size() >= 3 && fields[0][0] != '#';
    const FileSystem* found = entry ? by_device(fields[0], file_systems) : nullptr;
    if (entry && !found && names_hardware(fields[0]))
      found = by_use(unescape_octal(fields[1]), fields[2], file_systems);
    if (found) {
      auto at = static_cast<std::size_t>(fields[0].data() - line.data());
      result.changes.push_back(std::string(fields[0]) + " is now UUID=" + found->uuid);
      result.text +=
          std::string(line.substr(0, at)) + "UUID=" + found->uuid + std::string(line.substr(at + fields[0].size()));
    } else {
      result.text += line;
      if (entry && waited_for(fields, file_systems))
        result.warnings.push_back(std::string(fields[0]) + " (" + std::string(fields[1]) +
                                  ") is not cloned: without it the clone's boot may wait or stop there");
    }
    result.text += '\n';
  }
  result.text.pop_back();  // split gives one piece more than there are line ends
  return result;
}

Rewritten rewrite_grub_cfg(std::string_view text, const std::vector<FileSystem>& file_systems) {
  Rewritten result;
  result.text = std::string(text);
  for (const char* word : {"root=/dev/", "resume=/dev/"}) {
    const std::string start = word;
    const std::size_t device_at = start.find('/');
    for (std::size_t at = 0; (at = result.text.find(start, at)) != std::string::npos; at += device_at) {
      bool whole = at == 0 || result.text[at - 1] == ' ' || result.text[at - 1] == '\t' || result.text[at - 1] == '"';
      std::size_t begin = at + device_at;
      std::size_t end = std::min(result.text.find_first_of(" \t\n\"'", begin), result.text.size());
      std::string device = result.text.substr(begin, end - begin);
      const FileSystem* found = whole ? by_device(device, file_systems) : nullptr;
      if (!found) continue;
      result.text.replace(begin, end - begin, "UUID=" + found->uuid);
      std::string change = device + " is now UUID=" + found->uuid;
      if (std::find(result.changes.begin(), result.changes.end(), change) == result.changes.end())
        result.changes.push_back(std::move(change));
    }
  }
  return result;
}

}  // namespace ka::agent
