#pragma once
/// Files and streams of an image as its index has them, and the list of an image in the making.

#include "server/shelf/image.h"
#include "wire/json/json_reader.h"

namespace ka::server {

nlohmann::json to_json(const StoredFile& file);
nlohmann::json to_json(const StoredStream& stream);

/// Throw Error naming the field: a name that leads elsewhere, a digest that is none, a packing that is not known.
StoredFile stored_file(const wire::JsonReader& in);
StoredStream stored_stream(const wire::JsonReader& in);

}  // namespace ka::server
