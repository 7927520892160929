#include "wire/json/json_reader.h"

#include "base/error.h"

namespace ka::wire {

using nlohmann::json;

json json_texts(const std::vector<std::string>& list) {
  json out = json::array();
  for (const std::string& text : list) out.push_back(json_text(text));
  return out;
}

JsonReader::JsonReader(const json& object, std::string where, const char* what)
    : object_(object), where_(std::move(where)), what_(what) {
  if (!object.is_object()) fail("", "is not an object");
}

bool JsonReader::has(const char* name) const { return object_.contains(name) && !object_.at(name).is_null(); }

std::string JsonReader::text(const char* name) const {
  const json& value = field(name);
  if (!value.is_string()) fail(name, "is not a string");
  return unescape(value, name);
}

bool JsonReader::flag(const char* name) const {
  const json& value = field(name);
  if (!value.is_boolean()) fail(name, "is not true or false");
  return value.get<bool>();
}

std::vector<std::string> JsonReader::texts(const char* name) const {
  std::vector<std::string> list;
  for (const json& value : array(name)) {
    if (!value.is_string()) fail(name, "holds something that is not a string");
    list.push_back(unescape(value, name));
  }
  return list;
}

std::map<std::string, std::string> JsonReader::map(const char* name) const {
  std::map<std::string, std::string> values;
  const json& object = field(name);
  if (!object.is_object()) fail(name, "is not an object");
  for (const auto& [key, value] : object.items()) {
    auto plain = unescape_bytes(key);
    if (!plain || !value.is_string()) fail(name, "holds something that is not a name with a string");
    values[*plain] = unescape(value, name);
  }
  return values;
}

void JsonReader::fail(const char* name, std::string_view why) const { throw Error(what_ + (": " + path(name)), why); }

std::string JsonReader::path(const char* name) const {
  if (where_.empty()) return *name ? name : "the whole";
  return *name ? where_ + "." + name : where_;
}

const json& JsonReader::field(const char* name) const {
  auto found = object_.find(name);
  if (found == object_.end()) fail(name, "is missing");
  return *found;
}

const json& JsonReader::array(const char* name) const {
  const json& value = field(name);
  if (!value.is_array()) fail(name, "is not a list");
  return value;
}

std::string JsonReader::unescape(const json& value, const char* name) const {
  auto text = unescape_bytes(value.get_ref<const std::string&>());
  if (!text) fail(name, "has a broken escape");
  return *std::move(text);
}

}  // namespace ka::wire
