#include "server/golden/tar_warnings.h"

#include <iterator>

#include "base/text.h"

namespace ka::server {

namespace {

struct Words {
  const char* in_line;  // what tar says of such a file, behind its name
  const char* one;      // what that means for the clones
  const char* many;
};
// The worst first. The last one is for what is not known here.
constexpr Words kinds_of_trouble[] = {
    {": File removed before we read it", "1 file VANISHED before it was read: the clones do not have it",
     " files VANISHED before they were read: the clones do not have them"},
    {": File shrank by ", "1 file SHRANK while it was read: the clones' copy ends in zeros",
     " files SHRANK while they were read: the clones' copies end in zeros"},
    {": Warning: Cannot ", "the attributes of 1 file could NOT BE READ: the clones' copy has none",
     " times attributes could NOT BE READ: the clones' copies lack them"},
    {": file changed as we read it", "1 file changed while it was read", " files changed while they were read"},
    {"", "tar said 1 thing more", " other things were said by tar"},
};

constexpr std::size_t most_names = 3;

}  // namespace

void TarWarnings::add(std::string_view line) {
  static_assert(std::size(kinds_of_trouble) == kinds);
  lines_.emplace_back(line);
  for (std::size_t i = 0; i < kinds; ++i) {
    // From the right: a name may hold anything.
    const std::size_t at = line.rfind(kinds_of_trouble[i].in_line);
    if (at == std::string_view::npos) continue;
    constexpr std::string_view program = "tar: ";
    std::string_view name = line.substr(0, at);
    if (name.substr(0, program.size()) == program) name.remove_prefix(program.size());
    ++kinds_[i].count;
    if (kinds_[i].names.size() < most_names) kinds_[i].names.push_back(escape_bytes(name));
    return;
  }
}

std::vector<std::string> TarWarnings::summary(const std::string& file) const {
  std::vector<std::string> sentences;
  for (std::size_t i = 0; i < kinds; ++i) {
    const Kind& kind = kinds_[i];
    if (kind.count == 0) continue;
    const Words& words = kinds_of_trouble[i];
    std::string text = kind.count == 1 ? words.one : std::to_string(kind.count) + words.many;
    for (std::size_t k = 0; k < kind.names.size(); ++k) text += (k == 0 ? ": " : ", ") + kind.names[k];
    sentences.push_back(text + (kind.count > kind.names.size() ? ", ...; all are in " + file : "; see " + file));
  }
  return sentences;
}

}  // namespace ka::server
