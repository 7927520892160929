#include "server/job/identity_text.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"
#include "wire/identity.h"

namespace ka::server {

namespace {

constexpr std::size_t most_lines = 20, most_files = 3;

using ItemAndFiles = std::pair<std::string, std::string>;

std::string clones_text(unsigned some, unsigned all) {
  if (some < all) return std::to_string(some) + " of " + std::to_string(all) + " clones";
  return all == 1 ? "the clone" : "all clones";
}

std::string reported_line(const wire::IdentityRow& row, const std::string& files, const std::string& where) {
  return "! " + std::string(row.name) + (files.empty() ? "" : " (" + escape_bytes(files) + ")") +
         " is this machine's still on " + where + ": " + row.remedy + "\n";
}

std::string found_line(const std::set<std::string>& places) {
  std::string text = "! Files of the clones that name this machine: ";
  std::size_t named = 0;
  for (const std::string& place : places) {
    if (named == most_files) break;
    text += (named++ > 0 ? ", " : "") + escape_bytes(place);
  }
  if (places.size() > named) text += " and " + std::to_string(places.size() - named) + " more";
  return text + " (the report of --json and the logs of the nodes have all)\n";
}

}  // namespace

std::string identity_text(const std::vector<NodeStatus>& nodes) {
  std::map<ItemAndFiles, unsigned> reported;
  std::set<std::string> found;
  unsigned clones = 0;
  for (const NodeStatus& node : nodes) {
    if (node.state != NodeStatus::State::done) continue;
    ++clones;
    for (const wire::IdentityNote& note : node.identity) {
      if (note.what == wire::IdentityClass::reported) ++reported[{note.item, note.where}];
      if (note.what == wire::IdentityClass::found && note.item != wire::found_more) found.insert(note.where);
    }
  }
  std::string text;
  std::size_t lines = 0;
  for (const auto& [what, count] : reported) {
    const wire::IdentityRow* row = wire::find_identity_item(what.first);
    if (row && lines++ < most_lines) text += reported_line(*row, what.second, clones_text(count, clones));
  }
  if (lines > most_lines) text += "! and " + std::to_string(lines - most_lines) + " more in the report of --json\n";
  return found.empty() ? text : text + found_line(found);
}

}  // namespace ka::server
