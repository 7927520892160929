#include "server/options/conf.h"

#include "base/error.h"
#include "base/text.h"

namespace ka::server {

namespace {

// Where the comment of a line begins: at a # that is the first of a word.
std::size_t comment_in(std::string_view line) {
  std::size_t at = line.find('#');
  while (at != std::string_view::npos && at > 0 && line[at - 1] != ' ' && line[at - 1] != '\t')
    at = line.find('#', at + 1);
  return at;
}

}  // namespace

std::vector<ConfEntry> parse_conf(std::string_view text, const std::string& file) {
  std::vector<ConfEntry> entries;
  unsigned number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    line = trim(line.substr(0, comment_in(line)));
    if (line.empty() || line.front() == '#') continue;
    std::string where = file + ":" + std::to_string(number);
    std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) throw Error(where, "expected \"key = value\", got: " + escape_bytes(line));
    ConfEntry entry{number, std::string(trim(line.substr(0, equals))), std::string(trim(line.substr(equals + 1)))};
    if (entry.key.empty()) throw Error(where, "there is no key before the =");
    if (entry.value.empty()) throw Error(where, entry.key + " has no value; take the line out to get the default");
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace ka::server
