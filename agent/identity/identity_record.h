#pragma once
/// What becomes of each item of the golden machine's identity on this clone, and what became of it: for the node's log,
/// and for the server's report.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/machine/log.h"
#include "wire/identity.h"
#include "wire/identity_note.h"

namespace ka::agent {

class IdentityRecord {
 public:
  explicit IdentityRecord(wire::IdentityChoice choice = {}) : choice_(std::move(choice)) {}

  wire::IdentityFate fate(wire::IdentityItem item) const { return wire::fate_of(item, choice_); }
  bool renews(wire::IdentityItem item) const { return fate(item) == wire::IdentityFate::renew; }
  /// --renew names it: also where it would be left alone for a good reason.
  bool is_forced(wire::IdentityItem item) const;

  /// A file of the item; empty: the item is no file.
  void add(wire::IdentityClass what, wire::IdentityItem item, const std::string& file);
  /// A place ("/etc/postfix/main.cf:2") that names the golden machine: wire::found_host_name, ….
  void add_found(const char* holds, const std::string& place);
  /// Whether a person is told of this file already: it is kept or reported.
  bool tells_of(const std::string& file) const;
  bool has(wire::IdentityClass what, wire::IdentityItem item) const { return files_.count({what, item}) != 0; }

  /// Item by item, class by class.
  std::vector<wire::IdentityNote> notes() const;
  /// The same for a reader, with what to do.
  void print(Log& log) const;

 private:
  std::string names_of(wire::IdentityClass what, bool with_files) const;

  wire::IdentityChoice choice_;
  std::map<std::pair<wire::IdentityClass, wire::IdentityItem>, std::vector<std::string>> files_;
  std::vector<wire::IdentityNote> found_;
};

}  // namespace ka::agent
