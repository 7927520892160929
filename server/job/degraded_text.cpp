#include "server/job/degraded_text.h"

#include <algorithm>

#include "base/text.h"

namespace ka::server {

namespace {

constexpr std::size_t most_lines = 20;

void add(std::vector<std::string>& words, std::string_view word) {
  if (std::find(words.begin(), words.end(), word) == words.end()) words.emplace_back(word);
}

std::string line(const NodeStatus& node) {
  std::vector<std::string> missing, arrays;
  for (const wire::DiskOffer& disk : node.disks) {
    if (!disk.is_missing()) continue;
    add(missing, disk.golden);
    for (std::string_view array : split(disk.contents, ',')) add(arrays, trim(array));
  }
  if (missing.empty()) return "";
  const std::string name = node.host_name.empty() ? "" : " (" + node.host_name + ")";
  const std::string first = arrays.front().substr(0, arrays.front().find(' '));
  return escape_bytes("! " + node.address + name + " has no disk in the place of " + joined(missing, ", ") +
                      ": degraded are " + joined(arrays, ", ") + ". To complete one: mdadm /dev/" + first +
                      " --add DEVICE") +
         "\n";
}

}  // namespace

std::string degraded_text(const std::vector<NodeStatus>& nodes) {
  std::string text;
  std::size_t lines = 0;
  for (const NodeStatus& node : nodes) {
    const std::string one = node.state == NodeStatus::State::done ? line(node) : "";
    if (!one.empty() && lines++ < most_lines) text += one;
  }
  if (lines > most_lines) text += "! and " + std::to_string(lines - most_lines) + " more in the report of --json\n";
  return text;
}

}  // namespace ka::server
