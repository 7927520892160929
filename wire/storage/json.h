#pragma once
/// A storage as JSON: a list of nodes {"id", "kind", "on", "links", and the fields of its kind}.

#include <nlohmann/json.hpp>

#include "wire/json/json_reader.h"
#include "wire/storage/storage.h"

namespace ka::storage {

nlohmann::json to_json(const Storage& storage);

/// The list named `name` of an object. Throws Error naming the field: missing, of another type, an unknown kind. Does
/// not check() it.
Storage from_json(const wire::JsonReader& in, const char* name);

}  // namespace ka::storage
