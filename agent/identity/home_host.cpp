#include "agent/identity/home_host.h"

#include <vector>

#include "agent/machine/rewritten.h"
#include "base/text.h"

namespace ka::agent {

namespace {

using wire::IdentityClass;

// mdadm takes the first three letters of a word or more for the word.
bool is_home_host(std::string_view line) {
  auto fields = words(line);
  if (fields.empty() || line.front() == ' ' || line.front() == '\t') return false;  // goes on with the line before
  const std::string word = lowered(fields[0]);
  return word.size() >= 3 && std::string_view("homehost").starts_with(word);
}

Rewritten renamed(std::string_view text, const HostNames& names) {
  Rewritten result;
  std::size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    std::string changed(line);
    ++number;
    if (is_home_host(line)) {
      const std::size_t value = line.find_first_of(" \t");
      changed = std::string(line.substr(0, value)) +
                (value == std::string_view::npos ? "" : names.rename_words(line.substr(value)));
    }
    if (changed != line) result.changes.push_back("line " + std::to_string(number) + ": " + changed);
    result.text += (number > 1 ? "\n" : "") + changed;
  }
  return result;
}

std::vector<std::string> configurations(const CloneTree& clone) {
  std::vector<std::string> files = {"/etc/mdadm.conf", "/etc/mdadm/mdadm.conf"};
  for (const std::string directory : {"/etc/mdadm.conf.d", "/etc/mdadm/mdadm.conf.d"})
    for (const std::string& name : clone.list(directory)) files.push_back(directory + "/" + name);
  return files;
}

}  // namespace

bool rename_home_host(CloneTree& clone, Log& log, IdentityRecord& record, const HostNames& names) {
  const auto item = wire::IdentityItem::mdadm_home_host;
  bool any = false;
  for (const std::string& file : configurations(clone)) {
    if (!clone.is_file(file)) continue;
    const Rewritten rewritten = renamed(clone.read(file).value_or(""), names);
    if (rewritten.changes.empty()) continue;
    if (!record.renews(item)) {
      record.add(IdentityClass::kept, item, file);
      continue;
    }
    apply(clone, log, file, rewritten);
    record.add(IdentityClass::renewed, item, file);
    any = true;
  }
  return any;
}

}  // namespace ka::agent
