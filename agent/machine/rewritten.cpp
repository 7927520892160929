#include "agent/machine/rewritten.h"

#include "base/text.h"

namespace ka::agent {

bool apply(CloneTree& clone, Log& log, const std::string& file, const Rewritten& rewritten) {
  for (const std::string& change : rewritten.changes) log.line(" - " + file + ", " + change);
  for (const std::string& warning : rewritten.warnings) log.line(" - WARNING: " + file + ", " + warning);
  if (rewritten.changes.empty()) return false;
  clone.write(file, rewritten.text);
  return true;
}

std::string_view unquoted(std::string_view text) {
  text = trim(text);
  bool quoted = text.size() >= 2 && text.front() == text.back() && (text.front() == '"' || text.front() == '\'');
  return quoted ? text.substr(1, text.size() - 2) : text;
}

}  // namespace ka::agent
