#pragma once
/// JSON on its way in: every value asked for by name and type, every error with the path of the field. And the little
/// that the way out needs.

#include <cstdint>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace ka::wire {

/// Every string travels escaped: names, labels and scripts need not be UTF-8, and JSON must be.
inline std::string json_text(const std::string& text) { return escape_bytes(text); }
nlohmann::json json_texts(const std::vector<std::string>& list);

/// One JSON object; knows where it stands. It must outlive its reader.
class JsonReader {
 public:
  /// `where`: "disks[0]"; empty for the whole. `what`: that it is all part of. Throws Error if it is not an object.
  JsonReader(const nlohmann::json& object, std::string where, const char* what = "manifest");

  bool has(const char* name) const;  ///< and it is not null

  // Each throws Error naming the field: missing, of another type, out of range, a broken escape.
  std::string text(const char* name) const;
  bool flag(const char* name) const;
  std::vector<std::string> texts(const char* name) const;
  std::map<std::string, std::string> map(const char* name) const;
  JsonReader object(const char* name) const { return {field(name), path(name), what_}; }

  template <typename T>
  T number(const char* name) const {
    const nlohmann::json& value = field(name);
    bool fits = false;
    if (value.is_number_unsigned()) {
      fits = value.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    } else if (value.is_number_integer() && std::numeric_limits<T>::is_signed) {
      fits = value.get<std::int64_t>() >= static_cast<std::int64_t>(std::numeric_limits<T>::min());
    } else if (!value.is_number_integer()) {
      fail(name, "is not a whole number");
    }
    if (!fits) fail(name, value.dump() + " is out of range");
    return value.get<T>();
  }

  template <typename Enum, std::size_t n>
  Enum one_of(const char* name, const char* const (&names)[n]) const {
    std::string value = text(name);
    for (std::size_t i = 0; i < n; ++i)
      if (value == names[i]) return static_cast<Enum>(i);
    fail(name, "\"" + escape_bytes(value) + "\" is unknown");
  }

  template <typename T>
  std::vector<T> each(const char* name, T (*decode)(const JsonReader&)) const {
    std::vector<T> list;
    for (const nlohmann::json& value : array(name))
      list.push_back(decode(JsonReader(value, path(name) + "[" + std::to_string(list.size()) + "]", what_)));
    return list;
  }

  /// Throws Error "WHAT: WHERE.name: why".
  [[noreturn]] void fail(const char* name, std::string_view why) const;

 private:
  std::string path(const char* name) const;
  const nlohmann::json& field(const char* name) const;
  const nlohmann::json& array(const char* name) const;
  std::string unescape(const nlohmann::json& value, const char* name) const;

  const nlohmann::json& object_;
  std::string where_;
  const char* what_;
};

}  // namespace ka::wire
