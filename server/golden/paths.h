#pragma once
/// Absolute paths in the golden tree, as text.

#include <string>
#include <string_view>

namespace ka::server {

/// "/srv//data/" as "/srv/data". Throws Error for a path that is not absolute, holds "..", or is "/".
std::string normal_path(const std::string& path);

/// Is `path` `folder` itself or inside it?
bool lies_in(std::string_view path, std::string_view folder);

}  // namespace ka::server
