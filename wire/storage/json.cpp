#include "wire/storage/json.h"

#include <concepts>
#include <utility>

#include "wire/storage/rule.h"

namespace ka::storage {

namespace {

using nlohmann::json;
using wire::JsonReader;

// ---- Out ----

struct Writer {
  json& out;

  void operator()(const char* name, const std::string& text) { out[name] = wire::json_text(text); }
  void operator()(const char* name, const std::vector<std::string>& list) { out[name] = wire::json_texts(list); }
  void operator()(const char* name, bool flag) { out[name] = flag; }
  void operator()(const char* name, std::integral auto number) { out[name] = number; }
  template <typename Enum>
  requires std::is_enum_v<Enum>
  void operator()(const char* name, Enum value) { out[name] = names_of(value)[static_cast<std::size_t>(value)]; }
  template <typename T>
  requires std::is_class_v<T>
  void operator()(const char* name, const std::vector<T>& list) {
    out[name] = json::array();
    for (const T& fields : list) {
      json item = json::object();
      Writer inner{item};
      T::each(fields, inner);
      out[name].push_back(std::move(item));
    }
  }
  template <typename T>
  requires std::is_class_v<T>
  void operator()(const char* name, const T& fields) {
    out[name] = json::object();
    Writer inner{out[name]};
    T::each(fields, inner);
  }
};

json encode(const Node& node) {
  json out = {{"id", wire::json_text(node.id)}, {"kind", rule(node).kind}};
  Writer writer{out};
  writer("on", node.on);
  writer("links", node.links);
  std::visit([&writer](const auto& kind) { std::remove_cvref_t<decltype(kind)>::each(kind, writer); }, node.what);
  return out;
}

// ---- In ----

struct Filler {
  const JsonReader& in;

  void operator()(const char* name, std::string& text) { text = in.text(name); }
  void operator()(const char* name, std::vector<std::string>& list) { list = in.texts(name); }
  void operator()(const char* name, bool& flag) { flag = in.flag(name); }
  template <std::integral T>
  void operator()(const char* name, T& number) {
    number = in.number<T>(name);
  }
  template <typename Enum>
  requires std::is_enum_v<Enum>
  void operator()(const char* name, Enum& value) { value = in.one_of<Enum>(name, names_of(value)); }
  template <typename T>
  requires std::is_class_v<T>
  void operator()(const char* name, std::vector<T>& list) {
    auto decode = [](const JsonReader& item) {
      T fields;
      Filler inner{item};
      T::each(fields, inner);
      return fields;
    };
    list = in.each<T>(name, decode);
  }
  template <typename T>
  requires std::is_class_v<T>
  void operator()(const char* name, T& fields) {
    const JsonReader object = in.object(name);
    Filler inner{object};
    T::each(fields, inner);
  }
};

template <std::size_t index = 0>
bool decode_kind(const std::string& kind, const JsonReader& in, Node& node) {
  if constexpr (index < std::variant_size_v<What>) {
    node.what.emplace<index>();
    if (kind != rule(node).kind) return decode_kind<index + 1>(kind, in, node);
    Filler filler{in};
    auto& value = std::get<index>(node.what);
    std::remove_reference_t<decltype(value)>::each(value, filler);
    return true;
  }
  return false;
}

Node decode(const JsonReader& in) {
  Node node;
  node.id = in.text("id");
  node.on = in.texts("on");
  node.links = in.texts("links");
  const std::string kind = in.text("kind");
  if (!decode_kind(kind, in, node)) in.fail("kind", "\"" + escape_bytes(kind) + "\" is unknown");
  return node;
}

}  // namespace

json to_json(const Storage& storage) {
  json out = json::array();
  for (const Node& node : storage.nodes) out.push_back(encode(node));
  return out;
}

Storage from_json(const JsonReader& in, const char* name) {
  Storage storage;
  storage.nodes = in.each<Node>(name, decode);
  return storage;
}

}  // namespace ka::storage
