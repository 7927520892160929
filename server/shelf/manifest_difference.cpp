#include "server/shelf/manifest_difference.h"

#include <nlohmann/json.hpp>
#include <set>

namespace ka::server {

namespace {

using nlohmann::json;
using Values = std::map<std::string, std::string>;

// Of the whole manifest.
const std::set<std::string> not_of_the_plan = {"version",      "server_version",   "session",     "bare_directories",
                                               "sockets",      "inode_flags",      "passphrases", "tar_compression",
                                               "initrds",      "golden_addresses", "verify_all",  "step_limit_s",
                                               "log_directory"};

// What tells the objects of a list apart.
std::string name_in_list(const json& one) {
  for (const char* key : {"id", "point", "session", "name", "disk", "address"})
    if (one.is_object() && one.contains(key) && one[key].is_string()) return one[key];
  return "";
}

bool is_list_of_named(const json& list) {
  std::set<std::string> names;
  for (const json& one : list)
    if (const std::string name = name_in_list(one); name.empty() || !names.insert(name).second) return false;
  return !list.empty();
}

void flatten(const json& value, const std::string& path, Values& values) {
  const std::string below = path.empty() ? "" : path + "/";
  if (value.is_object() && !value.empty()) {
    for (const auto& [key, one] : value.items())
      if (key != "used" && !(path.empty() && not_of_the_plan.count(key))) flatten(one, below + key, values);
  } else if (value.is_array() && is_list_of_named(value)) {
    for (const json& one : value) flatten(one, below + name_in_list(one), values);
  } else {
    values[path] = value.dump();
  }
}

Values plan_of(const wire::Manifest& manifest) {
  Values values;
  flatten(json::parse(wire::to_json(manifest)), "", values);
  return values;
}

struct Inode {
  const char* kind;
  const wire::BareDirectory* inode;
};

std::map<std::string, Inode> inodes_of(const wire::Manifest& manifest) {
  std::map<std::string, Inode> inodes;
  for (const wire::BareDirectory& one : manifest.bare_directories) inodes[one.path] = {"directory", &one};
  for (const wire::Socket& one : manifest.sockets) inodes[one.path] = {"socket", &one};
  return inodes;
}

std::set<std::string> what_differs(const Inode& then, const Inode& now) {
  std::set<std::string> what;
  if (std::string_view(then.kind) != now.kind) what.insert("type");
  if (then.inode->mode != now.inode->mode) what.insert("mode");
  if (then.inode->uid != now.inode->uid || then.inode->gid != now.inode->gid) what.insert("owner");
  if (then.inode->attributes != now.inode->attributes) what.insert("attributes");
  return what;
}

// A path that one side has here and the other in its archive is of another type now.
void add(Differences& differences, const std::string& path, Difference one) {
  if (const auto other = differences.find(path); other != differences.end() && other->second.side != one.side)
    one = {Difference::Side::both, {"type"}};
  differences[path] = std::move(one);
}

std::map<std::string, std::pair<std::uint32_t, std::uint32_t>> flags_of(const wire::Manifest& manifest) {
  std::map<std::string, std::pair<std::uint32_t, std::uint32_t>> flags;
  for (const wire::InodeFlags& one : manifest.inode_flags) {
    for (const std::string& name : one.names) {
      const std::string folder = one.directory == "/" ? "" : one.directory;
      const std::string path = name == "." && folder.empty() ? "/" : folder + "/" + name;
      if (one.flags != 0 || one.project != 0) flags[path] = {one.flags, one.project};
    }
  }
  return flags;
}

}  // namespace

std::vector<PlanDifference> plan_differences(const wire::Manifest& then, const wire::Manifest& now) {
  const Values before = plan_of(then), after = plan_of(now);
  std::vector<PlanDifference> found;
  for (const auto& [what, value] : before) {
    const auto other = after.find(what);
    if (other == after.end())
      found.push_back({what, value, ""});
    else if (other->second != value)
      found.push_back({what, value, other->second});
  }
  for (const auto& [what, value] : after)
    if (!before.count(what)) found.push_back({what, "", value});
  return found;
}

void add_manifest_differences(const wire::Manifest& then, const wire::Manifest& now, Differences& differences) {
  const auto before = inodes_of(then), after = inodes_of(now);
  for (const auto& [path, inode] : before) {
    const auto other = after.find(path);
    if (other == after.end())
      add(differences, path, {Difference::Side::image_only, {inode.kind}});
    else if (auto what = what_differs(inode, other->second); !what.empty())
      differences[path] = {Difference::Side::both, std::move(what)};
  }
  for (const auto& [path, inode] : after)
    if (!before.count(path)) add(differences, path, {Difference::Side::tree_only, {inode.kind}});
  const auto flags_then = flags_of(then), flags_now = flags_of(now);
  std::set<std::string> other_flags;
  for (const auto& [path, flags] : flags_then)
    if (const auto other = flags_now.find(path); other == flags_now.end() || other->second != flags)
      other_flags.insert(path);
  for (const auto& [path, flags] : flags_now)
    if (!flags_then.count(path)) other_flags.insert(path);
  for (const std::string& path : other_flags) {
    const auto known = differences.find(path);
    if (known == differences.end() || known->second.side == Difference::Side::both)
      differences[path].what.insert("flags");
  }
}

}  // namespace ka::server
