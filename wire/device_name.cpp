#include "wire/device_name.h"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "base/text.h"

namespace ka::wire {

namespace {

using Kind = DeviceName::Kind;

struct Form {
  std::string_view tag, folder;
  Kind kind;
};
constexpr Form forms[] = {{"UUID=", "/dev/disk/by-uuid/", Kind::uuid},
                          {"LABEL=", "/dev/disk/by-label/", Kind::label},
                          {"PARTUUID=", "/dev/disk/by-partuuid/", Kind::partuuid},
                          {"PARTLABEL=", "/dev/disk/by-partlabel/", Kind::partlabel}};
constexpr std::string_view id_tag = "ID=", id_folder = "/dev/disk/by-id/", links = "/dev/disk/", devices = "/dev/";

// Cuts `start` off the front of `text`, if it is there.
bool take(std::string_view& text, std::string_view start) {
  if (text.substr(0, start.size()) != start) return false;
  text.remove_prefix(start.size());
  return true;
}

std::string_view unquoted(std::string_view text) {
  if (text.size() < 2 || (text.front() != '"' && text.front() != '\'') || text.back() != text.front()) return text;
  return text.substr(1, text.size() - 2);
}

// udev writes bytes that do not belong in a link's name as \xHH.
std::string from_udev(std::string_view text) { return unescape_bytes(text).value_or(std::string(text)); }

// UUIDs are numbers: some tools write them in capitals.
bool same_number(std::string_view a, std::string_view b) {
  auto same = [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

// What is on a partition: FileSystem or RawPartition.
template <typename Content>
bool is_called(const Content& content, const DeviceName& name) {
  if (name.kind == Kind::uuid) return !content.uuid.empty() && same_number(content.uuid, name.value);
  return name.kind == Kind::label && !content.label.empty() && content.label == name.value;
}

bool has_link(const Disk& disk, int partition, const std::string& path) {
  return std::any_of(disk.links.begin(), disk.links.end(),
                     [&](const DeviceLink& link) { return link.partition == partition && link.path == path; });
}

bool is_called(const Disk& disk, int partition, const DeviceName& name) {
  switch (name.kind) {
    case Kind::device: return name.value == (partition == 0 ? disk.name : partition_name(disk.name, partition));
    case Kind::partuuid: return partition != 0 && same_number(name.value, partuuid(disk, partition));
    case Kind::link: return has_link(disk, partition, name.value);
    default: return false;
  }
}

template <typename Content>
const Content* content_of(const std::vector<Content>& list, const Disk& disk, int partition) {
  auto here = [&](const Content& c) { return c.disk == disk.name && c.partition == partition; };
  auto found = std::find_if(list.begin(), list.end(), here);
  return found == list.end() ? nullptr : &*found;
}

}  // namespace

DeviceName parse_device_name(std::string_view word) {
  std::string_view text = unquoted(word);
  for (const Form& form : forms) {
    if (take(text, form.tag)) return {form.kind, std::string(unquoted(text))};
    if (take(text, form.folder)) return {form.kind, from_udev(text)};
  }
  if (take(text, id_tag)) return {Kind::link, std::string(id_folder) + std::string(unquoted(text))};
  if (text.substr(0, links.size()) == links) return {Kind::link, from_udev(text)};
  if (take(text, devices)) return {Kind::device, std::string(text)};
  return {Kind::other, std::string(text)};
}

std::string partition_name(std::string_view disk, int number) {
  std::string name(disk);
  if (!name.empty() && std::isdigit(static_cast<unsigned char>(name.back()))) name += 'p';
  return name + std::to_string(number);
}

std::string partuuid(const Disk& disk, int partition) {
  char text[32];
  std::snprintf(text, sizeof text, "%08x-%02x", disk.identifier, static_cast<unsigned>(partition));
  return text;
}

std::optional<ClonedDevice> find_cloned(const Manifest& manifest, const DeviceName& name) {
  for (const Disk& disk : manifest.disks) {
    if (is_called(disk, 0, name)) return ClonedDevice{&disk, 0, nullptr, nullptr};
    for (const Partition& p : disk.partitions) {
      const FileSystem* fs = content_of(manifest.file_systems, disk, p.number);
      const RawPartition* raw = content_of(manifest.raw_partitions, disk, p.number);
      if (is_called(disk, p.number, name) || (fs && is_called(*fs, name)) || (raw && is_called(*raw, name)))
        return ClonedDevice{&disk, p.number, fs, raw};
    }
  }
  return std::nullopt;
}

}  // namespace ka::wire
