#include "wire/device_name.h"

#include <algorithm>
#include <cctype>

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

bool is_called(const storage::Node& device, const storage::Names& names, const DeviceName& name) {
  const std::string& value = name.value;
  switch (name.kind) {
    case Kind::device:
      return value == device.id || std::find(names.paths.begin(), names.paths.end(), value) != names.paths.end();
    case Kind::uuid: return !names.uuid.empty() && same_number(names.uuid, value);
    case Kind::label: return !names.label.empty() && names.label == value;
    case Kind::partuuid: return !names.part_uuid.empty() && same_number(names.part_uuid, value);
    case Kind::partlabel: return !names.part_label.empty() && names.part_label == value;
    case Kind::link: return std::find(device.links.begin(), device.links.end(), value) != device.links.end();
    case Kind::other: return false;
  }
  return false;
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

std::optional<ClonedDevice> find_cloned(const Manifest& manifest, const DeviceName& name) {
  for (const storage::Node& node : manifest.storage.nodes) {
    if (storage::rule(node).sort != storage::Sort::device) continue;
    ClonedDevice device{&node, nullptr, storage::rule(node).names(manifest.storage, node)};
    const storage::Node* above = storage::content_of(manifest.storage, node);
    if (above) {
      const storage::Rule& kind = storage::rule(*above);
      if (kind.sort == storage::Sort::content) device.content = above;
      storage::Names names;
      if (device.content) names = kind.names(manifest.storage, *above);
      if (kind.member_names) names = kind.member_names(*above);
      device.names.uuid = names.uuid;
      device.names.label = names.label;
    }
    if (is_called(node, device.names, name)) return device;
  }
  return std::nullopt;
}

}  // namespace ka::wire
