#include "agent/bootable/raid_files.h"

#include <algorithm>

#include "base/text.h"
#include "wire/storage/rule.h"

namespace ka::agent {

namespace {

using storage::Node;
using storage::Raid;

// What mdadm calls it, and has called it on the golden machine: never by a number that it would have to find first.
std::string conf_name(const Node& array) {
  const std::string& name = storage::as<Raid>(array).name;
  return name.empty() ? "/dev/" + array.id : "/dev/md/" + name;
}

std::string digits_of(std::string_view uuid) {
  std::string digits = lowered(uuid);
  std::erase_if(digits, [](char c) { return c == ':' || c == '-' || c == '.'; });
  return digits;
}

// "uuid=…" of a word, its value; mdadm takes them however they are written.
std::string_view value_of(std::string_view word, std::string_view key) {
  const bool same = word.size() > key.size() && word[key.size()] == '=' && lowered(word.substr(0, key.size())) == key;
  return same ? word.substr(key.size() + 1) : std::string_view();
}

// mdadm takes the first three letters or more for the word.
bool begins_with(std::string_view line, std::string_view keyword) {
  auto fields = words(line);
  if (fields.empty() || line.front() == ' ' || line.front() == '\t' || line.front() == '#') return false;
  const std::string first = lowered(fields[0]);
  return first.size() >= 3 && keyword.starts_with(first);
}

// A line goes on in those that begin with a blank.
std::vector<std::vector<std::string_view>> entries_of(std::string_view text) {
  std::vector<std::vector<std::string_view>> entries;
  for (std::string_view line : split(text, '\n')) {
    const bool goes_on = !line.empty() && (line.front() == ' ' || line.front() == '\t') && !entries.empty() &&
                         !entries.back().back().empty() && entries.back().back().front() != '#';
    if (goes_on)
      entries.back().push_back(line);
    else
      entries.push_back({line});
  }
  return entries;
}

class Conf {
 public:
  explicit Conf(const std::vector<Node>& arrays) : arrays_(arrays), named_(arrays.size()) {}

  Rewritten rewrite(std::string_view text, bool complete) {
    bool first = true;
    for (const auto& lines : entries_of(text)) {
      if (!first) result_.text += '\n';
      first = false;
      std::string changed = rewritten(lines);
      if (changed.empty())
        for (std::size_t i = 0; i < lines.size(); ++i) result_.text += (i > 0 ? "\n" : "") + std::string(lines[i]);
      else
        result_.text += changed;
      number_ += lines.size();
    }
    for (std::size_t i = 0; complete && i < arrays_.size(); ++i)
      if (!named_[i]) add(arrays_[i]);
    return std::move(result_);
  }

 private:
  // "": it stays.
  std::string rewritten(const std::vector<std::string_view>& lines) {
    std::string whole;
    for (std::string_view line : lines) {
      whole += whole.empty() ? "" : " ";
      whole += line;
    }
    std::string changed;
    if (begins_with(lines.front(), "array")) changed = array_line(words(whole));
    if (begins_with(lines.front(), "device")) changed = device_line(words(whole));
    if (!changed.empty()) result_.changes.push_back("line " + std::to_string(number_) + ": " + changed);
    return changed;
  }

  std::string array_line(const std::vector<std::string_view>& fields) {
    const Node* array = array_of(fields);
    if (!array) return "";
    named_[static_cast<std::size_t>(array - arrays_.data())] = true;
    std::string line;
    bool golden = false, has_uuid = false;
    for (std::string_view word : fields) {
      has_uuid = has_uuid || !value_of(word, "uuid").empty();
      // The home host in the name is the golden one's, by devices an array is found only where they are, and spares
      // that are not there would be missed for ever.
      const bool drop = !value_of(word, "devices").empty() ||
                        value_of(word, "name").find(':') != std::string_view::npos || lacks_spares(*array, word);
      golden = golden || drop;
      if (!drop) line += (line.empty() ? "" : " ") + std::string(word);
    }
    if (!golden) return "";
    return has_uuid ? line : line + " UUID=" + storage::as<Raid>(*array).uuid;
  }

  static bool lacks_spares(const Node& array, std::string_view word) {
    const Raid& raid = storage::as<Raid>(array);
    const std::size_t there = array.on.size() + raid.empty_slots.size() - raid.slots;
    return parse_unsigned(value_of(word, "spares")).value_or(0) > there;
  }

  // By its UUID; a line without one by its device.
  const Node* array_of(const std::vector<std::string_view>& fields) const {
    std::string uuid;
    for (std::string_view word : fields)
      if (auto value = value_of(word, "uuid"); !value.empty()) uuid = digits_of(value);
    for (const Node& array : arrays_) {
      const auto paths = storage::rule(array).names({}, array).paths;
      auto is_it = [&](const std::string& path) {
        return fields.size() > 1 && (fields[1] == "/dev/" + path || fields[1] == path);
      };
      if (uuid.empty() ? std::any_of(paths.begin(), paths.end(), is_it)
                       : uuid == digits_of(storage::as<Raid>(array).uuid))
        return &array;
    }
    return nullptr;
  }

  // The golden disks' names, on which alone mdadm would look.
  static std::string device_line(const std::vector<std::string_view>& fields) {
    auto is_path = [](std::string_view word) { return word.starts_with("/dev/"); };
    return std::any_of(fields.begin(), fields.end(), is_path) ? "DEVICE partitions containers" : "";
  }

  void add(const Node& array) {
    const Raid& raid = storage::as<Raid>(array);
    const std::string line = "ARRAY " + conf_name(array) + " metadata=" + raid.metadata + " UUID=" + raid.uuid;
    if (!result_.text.empty() && !result_.text.ends_with('\n')) result_.text += '\n';
    result_.text += line + "\n";
    result_.changes.push_back("added: " + line);
  }

  const std::vector<Node>& arrays_;
  std::vector<bool> named_;
  Rewritten result_;
  std::size_t number_ = 1;
};

constexpr const char *debians = "/etc/mdadm/mdadm.conf", *others = "/etc/mdadm.conf";

bool has_mdadm(const CloneTree& clone) { return clone.exists("/sbin/mdadm") || clone.exists("/usr/sbin/mdadm"); }

}  // namespace

Rewritten rewrite_mdadm_conf(std::string_view text, const std::vector<Node>& arrays, bool complete) {
  return Conf(arrays).rewrite(text, complete);
}

bool fit_raid_files(CloneTree& clone, Log& log, const std::vector<Node>& arrays) {
  if (arrays.empty()) return false;
  // The one that mdadm of the clone reads; it looks at no other.
  const std::string used =
      clone.exists(debians) || (!clone.exists(others) && clone.is_directory("/etc/mdadm")) ? debians : others;
  bool changed = false;
  for (const std::string file : {debians, others}) {
    const bool complete = file == used && has_mdadm(clone);
    if (!clone.exists(file) && !complete) continue;
    changed |= apply(clone, log, file, rewrite_mdadm_conf(clone.read(file).value_or(""), arrays, complete));
  }
  return changed;
}

}  // namespace ka::agent
