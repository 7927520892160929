#include "wire/storage/check.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "wire/storage/rule.h"

namespace ka::storage {

namespace {

std::string in_quotes(std::string_view text) { return "\"" + escape_bytes(text) + "\""; }

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

void check_id(const Where& where) {
  const Id& id = where.node.id;
  auto allowed = [](char c) {
    return is_letter_or_digit(c) || std::string_view("._+:!/-").find(c) != std::string::npos;
  };
  if (id.empty()) where.fail("id", "is empty");
  if (id.size() > 255) where.fail("id", "is longer than 255 characters");
  if (!is_letter_or_digit(id[0]) || !std::all_of(id.begin(), id.end(), allowed) || id.find("..") != std::string::npos)
    where.fail("id", in_quotes(id) + " has a character that does not belong there");
}

void check_edges(const Where& where, const std::set<Id>& earlier) {
  const Sort sort = rule(where.node).sort;
  for (const Id& below : where.node.on) {
    if (std::count(where.node.on.begin(), where.node.on.end(), below) > 1)
      where.fail("on", in_quotes(below) + " is there twice");
    if (!earlier.count(below)) where.fail("on", in_quotes(below) + " does not come before " + where.node.id);
    const Node& node = where.storage.at(below);
    if (rule(node).sort == Sort::content) where.fail("on", "nothing can stand on " + below);
    if (rule(node).sort == Sort::device && rule(node).room(node, {largest_size, 512}) == 0)
      where.fail("on", "nothing can stand on " + below + ", " + rule(node).text(node));
    if (sort == Sort::content && rule(node).sort == Sort::group)
      where.fail("on", below + " is a " + rule(node).kind + ", on which only devices stand");
    if (rule(node).sort == Sort::device && content_of(where.storage, node) != &where.node)
      where.fail("on", below + " is taken by " + content_of(where.storage, node)->id + " already");
  }
  for (const std::string& link : where.node.links)
    if (link.empty() || link[0] != '/' || link.find('\0') != std::string::npos || link.size() > 4095)
      where.fail("links", in_quotes(link) + " is not a path");
}

}  // namespace

void Where::fail(const char* field, const std::string& why) const {
  throw Error("manifest: " + path + (*field ? "." : "") + field, why);
}

void Where::word(const char* field, const std::string& value) const {
  auto allowed = [](char c) { return is_letter_or_digit(c) || std::string_view("_-.+!").find(c) != std::string::npos; };
  if (value.empty()) fail(field, "is empty");
  if (value.size() > 255) fail(field, "is longer than 255 characters");
  if (value[0] == '-' || value[0] == '.' || !std::all_of(value.begin(), value.end(), allowed))
    fail(field, in_quotes(value) + " has a character that does not belong there");
}

void Where::uuid(const char* field, const std::string& value) const {
  if (value.empty()) return;
  const bool digits = value.find_first_not_of("0123456789abcdefABCDEF-") == std::string::npos;
  if (!digits || value.size() > 36 || value[0] == '-') fail(field, in_quotes(value) + " is not a UUID");
}

void Where::label(const char* field, const std::string& value) const {
  for (char c : value)
    if (static_cast<unsigned char>(c) < 0x20) fail(field, in_quotes(value) + " holds a control character");
  if (value.size() > 255) fail(field, "is too long");
}

void Where::size(const char* field, std::uint64_t value) const {
  if (value > largest_size) fail(field, "is out of range");
}

const Node& Where::below() const {
  if (node.on.size() != 1) fail("on", std::string("a ") + rule(node).kind + " stands on one thing");
  return storage.at(node.on.front());
}

void check(const Storage& storage) {
  std::set<Id> earlier;
  std::vector<Where> all;
  for (std::size_t i = 0; i < storage.nodes.size(); ++i)
    all.push_back({storage, storage.nodes[i], "storage[" + std::to_string(i) + "]"});
  for (const Where& where : all) {
    check_id(where);
    check_edges(where, earlier);
    if (!earlier.insert(where.node.id).second) where.fail("id", where.node.id + " is there twice");
    if (rule(where.node).sort == Sort::content) where.below();
  }
  // What is in a group makes sense by itself before it is asked whether it goes together.
  for (bool groups : {false, true})
    for (const Where& where : all)
      if ((rule(where.node).sort == Sort::group) == groups) rule(where.node).check(where);
}

}  // namespace ka::storage
