#include "wire/group_desc.h"

#include <set>

#include "base/error.h"
#include "base/text.h"
#include "wire/storage/lvm.h"

namespace ka::wire {

namespace {

using storage::mib;
using storage::Node;

[[noreturn]] void fail(std::string_view file, unsigned line, const std::string& why) {
  throw Error(std::string(file) + ":" + std::to_string(line), why);
}

storage::Size size_of(std::string_view word, std::string_view file, unsigned line) {
  if (word == "fill") return {0, true, false};
  const auto number = parse_unsigned(word);
  if (!number || *number == 0)
    fail(file, line, "\"" + escape_bytes(word) + "\" is not a size: a number of MiB without a unit, or fill");
  if (*number > storage::largest_size / mib / 2)
    fail(file, line, std::string(word) + " MiB are more than any group has");
  return {*number * mib, false, false};
}

GroupDescLine parse_line(std::string_view text, std::string_view file, unsigned number) {
  const std::vector<std::string_view> fields = words(text);
  const bool shrinks = fields.size() == 3 && fields[2] == "shrink";
  if (fields.size() != 2 && !shrinks)
    fail(file, number, "expected \"NAME SIZE [shrink]\", got " + escape_bytes(trim(text)));
  GroupDescLine line{number, std::string(fields[0]), size_of(fields[1], file, number)};
  line.size.shrinks = shrinks;
  return line;
}

}  // namespace

std::vector<GroupDescLine> desc_of_group(std::string_view text, std::string_view file) {
  std::vector<GroupDescLine> lines;
  std::set<std::string> names;
  unsigned number = 0;
  for (std::string_view whole : split(text, '\n')) {
    ++number;
    const std::string_view line = trim(whole.substr(0, whole.find('#')));
    if (line.empty()) continue;
    lines.push_back(parse_line(line, file, number));
    if (!names.insert(lines.back().name).second)
      fail(file, number, "a second line for " + escape_bytes(lines.back().name) + "; one says it");
  }
  if (lines.empty()) throw Error(std::string(file), "it has no line NAME SIZE, such as: root 8000");
  return lines;
}

void apply_group_desc(const std::vector<GroupDescLine>& desc, std::string_view file, const storage::Id& group,
                      storage::Storage& storage) {
  std::string known;
  for (const Node* node : storage::volumes_of_group(storage, group))
    known += (known.empty() ? "" : ", ") + storage::volume_name(*node);
  std::string filling;
  for (const GroupDescLine& line : desc) {
    const Node* node = storage.find(group + "/" + line.name);
    if (!node) fail(file, line.line, group + " has no volume \"" + escape_bytes(line.name) + "\"; it has " + known);
    const auto* volume = storage::get<storage::Volume>(node);
    const bool thin = volume && volume->segment == "thin";
    if (thin && (line.size.fill || line.size.shrinks))
      fail(file, line.line, line.name + " is a thin volume, whose size is no room; give its pool that");
    if (line.size.fill && !filling.empty())
      fail(file, line.line, "a second fill; " + filling + " has one, and one takes all that is left");
    if (line.size.fill) filling = line.name;
    *storage::size_of(storage.at(node->id)) = line.size;
  }
}

std::string format_group_desc(const storage::Storage& storage, const storage::Id& group) {
  std::string text;
  for (const Node* node : storage::volumes_of_group(storage, group)) {
    const storage::Size& size = *storage::size_of(*node);
    text += storage::volume_name(*node) + " " +
            (size.fill ? "fill" : std::to_string(storage::round_up_to_mib(size.bytes))) +
            (size.shrinks ? " shrink" : "") + "\n";
  }
  return text;
}

}  // namespace ka::wire
