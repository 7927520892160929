#pragma once
/// The clone's own host name, in the files that hold the golden node's.

#include <string>
#include <string_view>

#include "agent/identity/identity_record.h"
#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"

namespace ka::agent {

/// The two names, and which words are the golden one. A new name that is nobody's is none, and nothing is renamed.
class HostNames {
 public:
  HostNames(std::string golden, std::string name);

  const std::string& golden() const { return golden_; }
  const std::string& name() const { return name_; }
  std::string short_name() const;
  /// The golden name's first part in small letters; empty if it is nobody's, or the clone's too.
  std::string golden_word() const;

  /// The golden name, short or qualified, in the clone's form ("golden.a.b" → "node7.a.b"); other words as they are.
  std::string renamed(std::string_view word) const;
  /// Every word of `text` that is the golden name, renamed. A word is made of letters, digits, "-", "_" and ".".
  std::string rename_words(std::string_view text) const;

 private:
  std::string golden_, golden_short_, name_;  // golden_short_ is empty if the golden node has nobody's name
};

/// "localhost" in all its forms (localhost4.localdomain4, ip6-loopback, …): the name of whatever machine one is on.
/// The empty name too.
bool is_nobodys_name(std::string_view name);

/// /etc/hosts of a clone: on lines of this machine itself (127.…, ::1) the golden node's name and its qualified forms
/// become the new one; localhost's names, and lines with other addresses, stay. If no such line names the clone then,
/// "127.0.1.1 NAME" is added.
std::string rewrite_hosts(std::string_view text, const std::string& golden, const std::string& name);

/// Writes the name to every file that a distribution keeps it in, unless `record` says that the golden one is kept. A
/// `name` that is nobody's keeps it too, with a warning.
void rename_host(CloneTree& clone, Log& log, IdentityRecord& record, const std::string& golden,
                 const std::string& name);

}  // namespace ka::agent
