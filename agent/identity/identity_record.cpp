#include "agent/identity/identity_record.h"

#include <algorithm>

namespace ka::agent {

namespace {

using wire::IdentityClass;

constexpr std::size_t files_named = 3;  // of an item; the log has a line for each

std::string text_of(const std::vector<std::string>& files) {
  std::string text;
  for (std::size_t i = 0; i < std::min(files.size(), files_named); ++i) text += (i > 0 ? ", " : "") + files[i];
  if (files.size() > files_named) text += " and " + std::to_string(files.size() - files_named) + " more";
  return text;
}

std::string in_brackets(const std::string& text) { return text.empty() ? "" : " (" + text + ")"; }

std::string holding(const std::string& found) {
  if (found == wire::found_host_name) return "the host name";
  return found == wire::found_address ? "an address" : "a hardware address";
}

}  // namespace

bool IdentityRecord::is_forced(wire::IdentityItem item) const {
  return std::find(choice_.renew.begin(), choice_.renew.end(), wire::row_of(item).name) != choice_.renew.end();
}

void IdentityRecord::add(IdentityClass what, wire::IdentityItem item, const std::string& file) {
  std::vector<std::string>& files = files_[{what, item}];
  if (!file.empty() && std::find(files.begin(), files.end(), file) == files.end()) files.push_back(file);
}

void IdentityRecord::add_found(const char* holds, const std::string& place) {
  wire::IdentityNote note;
  note.what = IdentityClass::found;
  note.item = holds;
  note.where = place;
  found_.push_back(std::move(note));
}

bool IdentityRecord::tells_of(const std::string& file) const {
  for (const auto& [key, files] : files_)
    if (key.first != IdentityClass::renewed && std::find(files.begin(), files.end(), file) != files.end()) return true;
  return false;
}

std::vector<wire::IdentityNote> IdentityRecord::notes() const {
  std::vector<wire::IdentityNote> notes;
  for (const auto& [key, files] : files_) {
    wire::IdentityNote note;
    note.what = key.first;
    note.item = wire::row_of(key.second).name;
    note.where = text_of(files);
    notes.push_back(std::move(note));
  }
  notes.insert(notes.end(), found_.begin(), found_.end());
  return notes;
}

std::string IdentityRecord::names_of(IdentityClass what, bool with_files) const {
  std::string names;
  for (const auto& [key, files] : files_) {
    if (key.first != what) continue;
    names += (names.empty() ? "" : ", ") + std::string(wire::row_of(key.second).name);
    if (with_files) names += in_brackets(text_of(files));
  }
  return names;
}

void IdentityRecord::print(Log& log) const {
  log.line(" Identity of this clone:");
  if (std::string names = names_of(IdentityClass::renewed, false); !names.empty()) log.line(" - Made new: " + names);
  if (std::string names = names_of(IdentityClass::kept, true); !names.empty())
    log.line(" - Kept, as --keep says: " + names);
  for (const auto& [key, files] : files_) {
    if (key.first != IdentityClass::reported) continue;
    const wire::IdentityRow& row = wire::row_of(key.second);
    log.line(" - WARNING: " + std::string(row.name) + " is the golden node's still" + in_brackets(text_of(files)) +
             ": " + row.remedy);
  }
  if (found_.empty()) return;
  log.line(" - These files name the golden node, and are left as they are; a script in hooks.d can change them:");
  for (const wire::IdentityNote& note : found_)
    log.line("   " + note.where + (note.item == wire::found_more ? "" : ": " + holding(note.item)));
}

}  // namespace ka::agent
