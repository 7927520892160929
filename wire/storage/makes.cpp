#include "wire/storage/makes.h"

#include "base/error.h"
#include "wire/json/json_reader.h"
#include "wire/storage/rule.h"

namespace ka::storage {

Makes parse_makes(std::string_view text) {
  const nlohmann::json parsed = nlohmann::json::parse(text, nullptr, false);
  if (parsed.is_discarded()) throw Error("stage2.json", "is not JSON");
  const wire::JsonReader json(parsed, "");
  const wire::JsonReader kinds = json.object("makes");
  Makes makes;
  makes.kernel = json.text("kernel");
  for (const auto& [kind, words] : parsed["makes"].items())
    for (const std::string& word : kinds.texts(kind.c_str())) makes.features[kind].insert(word);
  for (const auto& [kind, words] : parsed["makes"].items()) makes.features[kind];
  return makes;
}

std::string cannot_make(const Makes& makes, const Node& content) {
  const Rule& kind = rule(content);
  const std::string it = ", which stage2 (Linux " + makes.kernel + ") cannot make";
  const auto found = makes.features.find(kind.kind);
  if (found == makes.features.end()) return kind.text(content) + it;
  std::string lacking;
  if (kind.features)
    for (const std::string& word : kind.features(content))
      if (!found->second.count(word)) lacking += (lacking.empty() ? "" : ", ") + word;
  return lacking.empty() ? "" : lacking + it;
}

}  // namespace ka::storage
